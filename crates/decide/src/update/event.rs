//! One push of one image, as everything downstream needs it.

use super::reference::{Reference, is_digest};

/// One push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The image.
    pub reference: Reference,
    /// Its tag.
    pub tag: String,
    /// The digest, where it is known and well formed.
    pub digest: Option<String>,
    /// What told of it.
    pub trigger: String,
    /// The sender's idempotency key; empty when there is none.
    pub key: String,
    /// The sender's name; empty when he has none.
    pub sender: String,
}

impl Event {
    /// From the text that a sender gives, for example `host:5000/app:1.2.3`. A malformed digest is left out.
    ///
    /// # Errors
    /// The text is no reference, or names no tag.
    pub fn new(image: &str, digest: Option<&str>, trigger: &str, key: &str) -> Result<Event, String> {
        let reference = Reference::parse(image)?;
        let Some(tag) = reference.tag.clone() else {
            return Err(format!("image {image:?}: a push under a digest alone updates nothing"));
        };
        let digest = digest.filter(|digest| is_digest(digest)).map(str::to_string).or_else(|| reference.digest.clone());
        let (trigger, key) = (trigger.to_string(), key.to_string());
        Ok(Event { reference, tag, digest, trigger, key, sender: String::new() })
    }

    /// The same, told by a sender of this name.
    pub fn told_by(self, sender: &str) -> Event {
        Event { sender: sender.to_string(), ..self }
    }
}
