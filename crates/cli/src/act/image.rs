//! `set image`: writes an image into containers of the pod template, guarded by the version that was read.

use super::at::{At, spelled};
use super::template::Place;
use crate::args::SetImage;
use crate::screen::say;
use anyhow::anyhow;
use serde_json::json;
use serinus_cluster::client::ROLLOUT;
use serinus_wire::pod;

/// How often a write is tried that somebody else was quicker than.
const TRIES: usize = 5;

/// Writes the images.
pub async fn set(at: &At, args: &SetImage) -> anyhow::Result<()> {
    let name = args.name.as_str();
    for attempt in 1.. {
        let rollout = at.get(&ROLLOUT, name).await?;
        let mut place = Place::of(at, name, &rollout).await?;
        for (container, image) in &args.images {
            put(&mut place, container, image)?;
        }
        let written = at.cluster.update(&place.resource, &at.namespace, &place.name, &place.object).await;
        match written {
            Ok(_) => break,
            Err(error) if error.is_conflict() && attempt < TRIES => {}
            Err(error) => return Err(at.explained(&place.resource, &place.name, error)),
        }
    }
    say(&format!("rollout \"{name}\" image updated"))?;
    Ok(())
}

/// Puts an image into one container, or into all with `*`.
fn put(place: &mut Place, wanted: &str, image: &str) -> anyhow::Result<()> {
    let missing = missing(place, wanted);
    let Some(template) = place.object.pointer_mut(place.pointer) else { return Err(missing) };
    let mut found = false;
    for list in ["initContainers", "containers"] {
        let Some(containers) = template["spec"][list].as_array_mut() else { continue };
        for container in containers.iter_mut().filter(|one| wanted == "*" || one["name"] == wanted) {
            container["image"] = json!(image);
            found = true;
        }
    }
    if found { Ok(()) } else { Err(missing) }
}

fn missing(place: &Place, wanted: &str) -> anyhow::Error {
    let names: Vec<String> = pod::images(place.template()).into_iter().map(|(name, _)| name).collect();
    let names = if names.is_empty() { "none".to_string() } else { names.join(", ") };
    let (kind, name) = (spelled(&place.resource), &place.name);
    anyhow!("no container '{wanted}' in {kind} '{name}': it has {names}; * means all of them")
}

/// `CONTAINER=IMAGE` from the command line.
///
/// # Errors
/// The text says how to write it.
pub fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_string(), image.to_string()))
        }
        _ => Err("give CONTAINER=IMAGE, for example web=nginx:1.27".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        let spec = json!({"initContainers": [{"name": "init", "image": "i:1"}],
            "containers": [{"name": "web", "image": "w:1", "args": ["x"]}, {"name": "side", "image": "s:1"}]});
        let object = json!({"spec": {"template": {"spec": spec}}});
        Place { resource: ROLLOUT, name: "web".to_string(), object, pointer: "/spec/template" }
    }

    #[test]
    fn images_are_put_where_they_belong() {
        for (container, wanted) in
            [("web", ["i:1", "n:2", "s:1"]), ("init", ["n:2", "w:1", "s:1"]), ("*", ["n:2", "n:2", "n:2"])]
        {
            let mut place = place();
            put(&mut place, container, "n:2").unwrap();
            let images: Vec<String> = pod::images(place.template()).into_iter().map(|(_, image)| image).collect();
            assert_eq!(images, wanted, "{container}");
            assert_eq!(place.object["spec"]["template"]["spec"]["containers"][0]["args"], json!(["x"]));
        }
        let error = put(&mut place(), "wbe", "n:2").unwrap_err().to_string();
        assert_eq!(error, "no container 'wbe' in rollout 'web': it has init, web, side; * means all of them");
    }

    #[test]
    fn assignments() {
        assert_eq!(assignment("web=h:5000/n:1"), Ok(("web".to_string(), "h:5000/n:1".to_string())));
        assert_eq!(assignment("*=n@sha256:ab=c"), Ok(("*".to_string(), "n@sha256:ab=c".to_string())));
        for text in ["web", "=n:1", "web=", ""] {
            assert!(assignment(text).unwrap_err().contains("CONTAINER=IMAGE"), "{text}");
        }
    }
}
