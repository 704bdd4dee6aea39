//! `undo`: writes the pod template of an earlier revision back to where the template stands.

use super::at::{At, spelled};
use super::template::Place;
use crate::args::Undo;
use crate::screen::say;
use crate::show::run;
use anyhow::anyhow;
use serde_json::{Value, json};
use serinus_cluster::client::{Patch, REPLICA_SET, ROLLOUT, Selection};
use serinus_wire::{keys, pod};

/// Goes back to an earlier revision; without one, to the one before the newest.
pub async fn undo(at: &At, args: &Undo) -> anyhow::Result<()> {
    let name = args.name.as_str();
    let rollout = at.get(&ROLLOUT, name).await?;
    let uid = rollout["metadata"]["uid"].as_str().unwrap_or_default();
    let sets = at.list(&REPLICA_SET, &Selection::labels(keys::HASH), false).await?.unwrap_or_default();
    let mut sets = run::owned(&sets, uid);
    sets.sort_by_key(|set| std::cmp::Reverse(run::revision(set)));
    let set = chosen(name, &sets, args.to_revision)?;
    let place = Place::of(at, name, &rollout).await?;
    let (old, now) = (written(set), place.template());
    if pod::same(&old, now) {
        let revision = run::revision(set);
        say(&format!("skipped rollback (current template already matches revision {revision})"))?;
        return Ok(());
    }
    let patch = json!([{"op": "replace", "path": place.pointer, "value": old}]);
    at.patch(&place.resource, &place.name, Patch::Json, &patch)
        .await
        .map_err(|error| anyhow!("{} '{}' is left as it was: {error:#}", spelled(&place.resource), place.name))?;
    say(&format!("rollout '{name}' undo"))?;
    Ok(())
}

/// The set of that revision; of revision 0, the one before the newest.
fn chosen<'a>(name: &str, sets: &[&'a Value], revision: i64) -> anyhow::Result<&'a Value> {
    let known = || {
        let known: Vec<String> = sets.iter().rev().map(|set| run::revision(set).to_string()).collect();
        if known.is_empty() { "none is kept".to_string() } else { format!("kept are {}", known.join(", ")) }
    };
    if revision == 0 {
        let before = sets.get(1).copied();
        return before.ok_or_else(|| anyhow!("rollout '{name}' has no earlier revision to go back to: {}", known()));
    }
    let found = sets.iter().copied().find(|set| run::revision(set) == revision);
    found.ok_or_else(|| anyhow!("rollout '{name}' has no revision {revision}: {}; choose with --to-revision", known()))
}

/// The template as it was written: without the hash, and without the labels and annotations that the controller gave the
/// set for as long as it played a part.
fn written(set: &Value) -> Value {
    let mut template = pod::without_hash(&set["spec"]["template"]);
    let injected = set["metadata"]["annotations"][keys::EPHEMERAL_METADATA].as_str().unwrap_or_default();
    let injected: Value = serde_json::from_str(injected).unwrap_or_default();
    for part in ["labels", "annotations"] {
        let Some(injected) = injected[part].as_object() else { continue };
        if let Some(fields) = template["metadata"][part].as_object_mut() {
            fields.retain(|key, value| injected.get(key) != Some(value));
            if fields.is_empty()
                && let Some(metadata) = template["metadata"].as_object_mut()
            {
                metadata.shift_remove(part);
            }
        }
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(revision: &str, template: Value) -> Value {
        json!({"metadata": {"annotations": {keys::REVISION: revision}}, "spec": {"template": template}})
    }

    #[test]
    fn which_revision() {
        let sets = [set("7", json!({})), set("4", json!({})), set("2", json!({}))];
        let sets: Vec<&Value> = sets.iter().collect();
        for (wanted, found) in [(0, Ok(4)), (2, Ok(2)), (7, Ok(7)), (3, Err("no revision 3: kept are 2, 4, 7"))] {
            let set = chosen("web", &sets, wanted).map(run::revision).map_err(|error| error.to_string());
            match (set, found) {
                (Ok(set), Ok(found)) => assert_eq!(set, found),
                (Err(error), Err(found)) => assert!(error.contains(found), "{error}"),
                (set, found) => panic!("{set:?} {found:?}"),
            }
        }
        for sets in [&sets[..1], &sets[..0]] {
            let error = chosen("web", sets, 0).unwrap_err().to_string();
            assert!(error.contains("no earlier revision"), "{error}");
        }
    }

    #[test]
    fn what_the_controller_put_in_is_taken_out() {
        let mut old = set(
            "1",
            json!({"metadata": {"labels": {keys::HASH: "abc", "app": "web", "role": "canary"}, "annotations": {"a": "b"}},
                "spec": {"containers": []}}),
        );
        old["metadata"]["annotations"][keys::EPHEMERAL_METADATA] =
            json!(r#"{"labels": {"role": "canary", "app": "other"}, "annotations": {"a": "b"}}"#);
        let wanted = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}});
        assert_eq!(written(&old), wanted);
    }
}
