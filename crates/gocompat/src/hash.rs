//! Hashes that name ReplicaSets and tell whether the steps changed: FNV-1a over Go's JSON, spelled with safe letters.

use crate::json::{self, Quantities};
use crate::shape;
use serde_json::Value;

/// Letters that can't form words or be mistaken for one another.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The value of the label `rollouts-pod-template-hash` for a pod template.
///
/// Fields that Kubernetes 0.34 does not know are left out, as Go's decoder leaves them out.
pub fn pod_template(template: &Value, collision_count: Option<i32>) -> String {
    let mut hash = Fnv1a::new();
    hash.write(json::encode(&shape::POD_TEMPLATE, template, Quantities::AsPrinted).as_bytes());
    if let Some(count) = collision_count {
        hash.write(&u64::from(count.cast_unsigned()).to_le_bytes());
    }
    hash.spell()
}

/// The value of `status.currentStepHash` for the steps of a canary; absent steps hash as Go's `null`.
/// A blue/green has the empty hash: that is for the caller, who knows the strategy.
pub fn steps(steps: Option<&Value>) -> String {
    let mut hash = Fnv1a::new();
    hash.write(json::encode(&shape::CANARY_STEPS, steps.unwrap_or(&Value::Null), Quantities::AsPrinted).as_bytes());
    hash.spell()
}

/// FNV-1a with 32 bits.
struct Fnv1a(u32);

impl Fnv1a {
    fn new() -> Fnv1a {
        Fnv1a(0x811c_9dc5)
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    }
    /// The sum in decimal, each digit replaced by a safe letter.
    fn spell(&self) -> String {
        self.0.to_string().bytes().map(|digit| char::from(SAFE[usize::from(digit) % SAFE.len()])).collect()
    }
}
