//! The resource definitions change hands as well: does the API server still give back every field of every object?

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use serinus_tests_lab::api::Api;
use serinus_tests_lab::settings;
use serinus_tests_lab::wait::{Look, until};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::compare::{Difference, differ};

const GROUP: &str = "/apis/argoproj.io/v1alpha1";
const PLURALS: [&str; 5] = ["rollouts", "analysisruns", "analysistemplates", "clusteranalysistemplates", "experiments"];

/// Longest wait for the API server to serve a kind.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to use a definition that was changed.
const SETTLE: Duration = Duration::from_secs(2);

/// Whose resource definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of the Argo Rollouts controller, in the folder that `ARGO_CRDS` names.
    Argo,
    /// What `serinus crd` prints.
    Ours,
}

/// Puts them in the place of those that are there.
///
/// # Errors
/// They can't be had, or the API server refuses them.
pub async fn apply(api: &Api, whose: Whose) -> Result<()> {
    let text = match whose {
        Whose::Argo => {
            let folder = std::env::var("ARGO_CRDS").context("ARGO_CRDS is not set; run: lab/takeover")?;
            let mut files: Vec<_> = std::fs::read_dir(&folder)?.collect::<std::io::Result<_>>()?;
            files.sort_by_key(std::fs::DirEntry::path);
            let texts: Vec<String> =
                files.iter().map(|file| std::fs::read_to_string(file.path())).collect::<std::io::Result<_>>()?;
            texts.join("\n---\n")
        }
        Whose::Ours => {
            let out = Command::new(settings::serinus()?).arg("crd").output().await?;
            ensure!(out.status.success(), "serinus crd: {}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8(out.stdout)?
        }
    };
    // As docs/switching.md says it.
    let mut child = Command::new("kubectl")
        .args(["apply", "--server-side", "--force-conflicts", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    child.stdin.take().context("kubectl's input")?.write_all(text.as_bytes()).await?;
    let out = child.wait_with_output().await?;
    ensure!(out.status.success(), "kubectl apply of the definitions: {}", String::from_utf8_lossy(&out.stderr));
    until("the API server to serve the kinds", PATIENCE, || async {
        for plural in PLURALS {
            match api.get(&format!("{GROUP}/{plural}")).await {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Look::Not(format!("{plural} are not served"))),
                // It says that its storage begins anew.
                Err(error) => return Ok(Look::Not(error.to_string())),
            }
        }
        Ok(Look::Done(()))
    })
    .await?;
    // Which definition a request meets is not told; it is a matter of milliseconds.
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Ours take the place of theirs, and theirs the place of ours, while no controller runs; each time every object is read as it was stored, and stored anew.
/// Gives how many objects there are, and what was lost.
///
/// # Errors
/// The API server refuses something.
pub async fn change_hands(api: &Api) -> Result<(usize, Vec<Difference>)> {
    let before = Stored::read(api).await?;
    let mut lost = Vec::new();
    for whose in [Whose::Ours, Whose::Argo] {
        apply(api, whose).await?;
        lost.extend(Stored::read(api).await?.lost(&before));
        before.touch(api, Some("yes")).await?;
        before.touch(api, None).await?;
        lost.extend(Stored::read(api).await?.lost(&before));
    }
    Ok((before.len(), lost))
}

/// All objects of the group in some namespaces, as the API server gives them back.
struct Stored(BTreeMap<String, Value>);

impl Stored {
    /// As it is now.
    async fn read(api: &Api) -> Result<Self> {
        let mut all = BTreeMap::new();
        for plural in PLURALS {
            let list = api.get(&format!("{GROUP}/{plural}")).await?.unwrap_or_default();
            for object in list["items"].as_array().into_iter().flatten() {
                let mut object = object.clone();
                let namespace = object["metadata"]["namespace"].as_str().map(|one| format!("namespaces/{one}/"));
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                let path = format!("{GROUP}/{}{plural}/{name}", namespace.unwrap_or_default());
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove("managedFields");
                    metadata.remove("resourceVersion");
                    metadata.remove("generation");
                }
                all.insert(path, object);
            }
        }
        Ok(Self(all))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// Writes every object again, so that the API server stores what it makes of it under the definitions that hold now.
    async fn touch(&self, api: &Api, mark: Option<&str>) -> Result<()> {
        for path in self.0.keys() {
            api.merge(path, json!({"metadata": {"annotations": {"serinus.lab/touched": mark}}})).await?;
        }
        Ok(())
    }

    /// Fields that were there before and are not there now, or are not the same.
    fn lost(&self, before: &Self) -> Vec<Difference> {
        let mut found = Vec::new();
        for (path, object) in &before.0 {
            differ(path, object, self.0.get(path).unwrap_or(&Value::Null), &mut found);
        }
        found
    }
}
