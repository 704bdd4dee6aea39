//! Uids and name suffixes: different each time, the same in each run with the same seed.

/// A seeded source of names.
#[derive(Clone, Debug)]
pub struct Names(u64);

/// The letters of generated names: no vowels, so that no words come out.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Names {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Names {
        Names(seed)
    }
    /// The next number (splitmix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Five letters for the end of a generated name.
    pub fn suffix(&mut self) -> String {
        (0..5).map(|_| char::from(LETTERS[usize::try_from(self.next() % LETTERS.len() as u64).unwrap_or(0)])).collect()
    }
    /// A name that starts with `base`, cut so that the whole fits 63 letters.
    pub fn generate(&mut self, base: &str) -> String {
        let cut = base
            .char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= 58)
            .map(|(at, c)| at + c.len_utf8())
            .last()
            .unwrap_or(0);
        format!("{}{}", &base[..cut], self.suffix())
    }
    /// A number below a bound.
    pub fn below(&mut self, bound: u16) -> u16 {
        u16::try_from(self.next() % u64::from(bound.max(1))).unwrap_or(0)
    }
    /// A uid.
    pub fn uid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            0x8000 | ((b >> 48) & 0x3fff),
            b & 0xffff_ffff_ffff
        )
    }
}

/// The letters that stand for a template's hash, as in `pod-template-hash`.
pub fn hash_letters(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.to_string().bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_with_the_seed_and_differ_within_a_run() {
        let (mut a, mut b) = (Names::new(7), Names::new(7));
        assert_eq!(a.uid(), b.uid());
        assert_ne!(a.uid(), a.uid());
        assert_eq!(a.generate(&"x".repeat(80)).len(), 63);
    }
}
