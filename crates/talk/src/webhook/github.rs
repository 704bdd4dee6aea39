//! GitHub packages: the events `package` and `registry_package`.

use super::{Parsed, Push, Received};
use serinus_gocompat::lenient::{Fields, first};

/// The registry of all GitHub packages.
const HOST: &str = "ghcr.io";

pub fn parse(body: &[u8], event: &str) -> Parsed {
    let body = first(body)?;
    let fields = Fields::of(&body)?;
    match event {
        "package" => package(&fields),
        "registry_package" => registry_package(&fields),
        "" => Ok(Received::ignored("without the header X-GitHub-Event nobody knows what this is")),
        other => Ok(Received::ignored(format!("event {other:?} is not about a package"))),
    }
}

fn package(fields: &Fields<'_>) -> Parsed {
    let package = fields.object("package")?;
    let (ecosystem, name, namespace) = (package.text("ecosystem")?, package.text("name")?, package.text("namespace")?);
    let tag = package.object("package_version")?.object("container_metadata")?.object("tag")?.text("name")?;
    Ok(pushed(&[("repository name", &name), ("repository namespace", &namespace), ("repository tag", &tag)], || {
        Push::new(&format!("{HOST}/{}/{}", namespace.to_lowercase(), name.to_lowercase()), &tag, "")
    })
    .unless(&ecosystem, "ecosystem"))
}

fn registry_package(fields: &Fields<'_>) -> Parsed {
    let package = fields.object("registry_package")?;
    let full_name = fields.object("repository")?.text("full_name")?;
    let (kind, name) = (package.text("package_type")?, package.text("name")?);
    let version = package.object("package_version")?.text("version")?;
    Ok(pushed(&[("repository name", &full_name), ("repository name", &name), ("repository tag", &version)], || {
        Push::new(&format!("{HOST}/{}", full_name.to_lowercase()), &version, "")
    })
    .unless(&kind, "package type"))
}

fn pushed(needed: &[(&str, &str)], push: impl FnOnce() -> Push) -> Received {
    match needed.iter().find(|(_, value)| value.is_empty()) {
        Some((what, _)) => Received::refused(&format!("{what} cannot be empty")),
        None => Received::of(vec![push()]),
    }
}

impl Received {
    /// Keel answers 400 to what is no container, and takes it nevertheless; we only answer.
    fn unless(self, kind: &str, what: &str) -> Received {
        if kind == "CONTAINER" { self } else { Received::refused(&format!("{what} is not CONTAINER")) }
    }
}
