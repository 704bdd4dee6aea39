//! The built-in manifests: the canary that started the project, as `examples/seed` has it.

use crate::manifests::{Manifest, Unreadable, of_text};
use std::path::Path;

/// File names and texts.
pub const FILES: [(&str, &str); 2] = [
    ("examples/seed/app.yaml", include_str!("../../../examples/seed/app.yaml")),
    ("examples/seed/rollout.yaml", include_str!("../../../examples/seed/rollout.yaml")),
];

/// Reads them.
///
/// # Errors
/// Never, unless they were built in broken; a test reads them.
pub fn manifests() -> Result<Vec<Manifest>, Unreadable> {
    let mut all = Vec::new();
    for (name, text) in FILES {
        all.extend(of_text(Path::new(name), text)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serinus_wire::Rollout;

    #[test]
    fn they_are_read_without_findings() {
        let all = manifests().unwrap();
        let kinds: Vec<_> = all.iter().map(|manifest| manifest.object["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["Namespace", "Deployment", "Ingress", "Service", "Service", "Rollout"]);
        let rollout = Rollout::read(all[5].object.clone()).unwrap();
        assert!(rollout.findings.is_empty(), "{:?}", rollout.findings);
    }
}
