//! How an object rests in a cache: its text, compressed against the first of its kind.
//!
//! As JSON values one Rollout takes tens of kilobytes, and ten thousand of them more memory than a controller should have. Objects
//! of one kind are much alike, so what is left of the text is a few hundred bytes; reading it again takes microseconds.

use lz4_flex::block::{compress_with_dict, decompress_with_dict};
use std::sync::OnceLock;

/// More of the first object does not help.
const LONGEST: usize = 16 * 1024;

/// What all objects of one kind have in common: the text of the first.
#[derive(Debug, Default)]
pub struct Likeness(OnceLock<Box<[u8]>>);

/// One object.
#[derive(Clone, Debug)]
pub struct Packed {
    bytes: Box<[u8]>,
    /// Length of the text.
    length: u32,
}

impl Likeness {
    /// Packs a text.
    pub fn pack(&self, text: &[u8]) -> Packed {
        let alike = self.0.get_or_init(|| text.get(..LONGEST).unwrap_or(text).into());
        // An object of the API is never as long as 4 GB.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        Packed { bytes: compress_with_dict(text, alike).into(), length }
    }

    /// The text again.
    ///
    /// # Errors
    /// The text was packed by another likeness.
    pub fn unpack(&self, packed: &Packed) -> Result<Vec<u8>, String> {
        let alike = self.0.get().map_or(&[][..], |alike| alike);
        let length = usize::try_from(packed.length).map_err(|error| error.to_string())?;
        decompress_with_dict(&packed.bytes, length, alike).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_what_is_alike_is_short() {
        let likeness = Likeness::default();
        let object = |n: usize| {
            let env: Vec<String> =
                (0..40).map(|m| format!("{{\"name\":\"KEY_{m}\",\"value\":\"{}\"}}", m * 7919)).collect();
            format!("{{\"metadata\":{{\"name\":\"web-{n}\"}},\"spec\":{{\"env\":[{}]}}}}", env.join(","))
        };
        for n in [0, 1, 2, 12_345] {
            let text = object(n);
            let packed = likeness.pack(text.as_bytes());
            assert_eq!(likeness.unpack(&packed).unwrap(), text.as_bytes());
            assert!(n == 0 || packed.bytes.len() * 10 < text.len(), "{} of {}", packed.bytes.len(), text.len());
        }
        for text in ["", "x", "{\"nothing\": \"alike\"}"] {
            assert_eq!(likeness.unpack(&likeness.pack(text.as_bytes())).unwrap(), text.as_bytes());
        }
        assert!(Likeness::default().unpack(&likeness.pack(object(7).as_bytes())).is_err());
    }
}
