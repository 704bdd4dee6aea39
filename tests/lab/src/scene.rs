//! The seed's scene in a namespace of its own: a Deployment at 0 replicas, two Services, an Ingress behind Traefik, a Rollout that refers to the
//! Deployment; and the acts of its users.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::api::{Api, apply};
use crate::load::Load;
use crate::settings;
use crate::wait::{Look, until};

const MANIFESTS: &str = include_str!("../manifests/seed.yaml");
const ROLLOUT: &str = "rollout-pregap";
const DEPLOYMENT: &str = "test2-pregap";
/// Long enough for pods to start and for the delays before old ones are removed, on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Takes away a namespace that an earlier run has left, and waits until it is gone.
pub async fn vacant(api: &Api, namespace: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}");
    api.delete(&path).await?;
    until(&format!("the namespace {namespace} of an earlier run to go"), PATIENCE, || async {
        Ok(if api.get(&path).await?.is_none() { Look::Done(()) } else { Look::Not("still there".into()) })
    })
    .await
}

/// A fresh, empty namespace.
pub async fn fresh(api: &Api, namespace: &str) -> Result<()> {
    vacant(api, namespace).await?;
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    api.create("/api/v1/namespaces", body).await
}

/// The scene.
pub struct Scene {
    /// The way to the cluster.
    pub api: Api,
    /// Its namespace.
    pub namespace: String,
}

impl Scene {
    /// Sets it up, with version 1.0.0, in a fresh namespace.
    pub async fn set(namespace: &str) -> Result<Self> {
        let api = Api::open().await?;
        vacant(&api, namespace).await?;
        apply(&MANIFESTS.replace("$NAMESPACE", namespace)).await?;
        Ok(Self { api, namespace: namespace.to_owned() })
    }

    /// A client of its Ingress, once the first request gets through.
    pub async fn load(&self, rate: u32) -> Result<Load> {
        let (address, host) = (settings::ingress()?, self.host());
        // Before the data plane knows the Ingress, requests fail; that is the scene's setting up and not what is measured.
        let trial = Load::start(&address, &host, 20)?;
        trial.settles("the data plane to serve 1.0.0", |recent| recent.share("1.0.0") == 100.0).await?;
        trial.finish()?;
        Load::start(&address, &host, rate)
    }

    fn host(&self) -> String {
        format!("{}.lab", self.namespace)
    }

    /// The path of the Rollout.
    pub fn rollout_path(&self) -> String {
        format!("/apis/argoproj.io/v1alpha1/namespaces/{}/rollouts/{ROLLOUT}", self.namespace)
    }

    /// The Rollout.
    pub async fn rollout(&self) -> Result<Value> {
        self.api.get(&self.rollout_path()).await?.context("the Rollout is gone")
    }

    /// Waits until the Rollout satisfies `condition`.
    pub async fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Result<()> {
        until(what, PATIENCE, || async {
            let rollout = self.rollout().await?;
            Ok(if observed(&rollout) && condition(&rollout) {
                Look::Done(())
            } else {
                Look::Not(rollout["status"].to_string())
            })
        })
        .await
    }

    /// Waits for a finished rollout of `version`: Healthy, and the stable ReplicaSet runs that image.
    pub async fn until_healthy(&self, version: &str) -> Result<()> {
        self.until(&format!("{version} to be Healthy"), |rollout| phase(rollout) == "Healthy").await?;
        let hash = self.rollout().await?["status"]["stableRS"].as_str().unwrap_or_default().to_owned();
        let image = self.image_of(&hash).await?;
        if image.ends_with(&format!(":{version}")) {
            Ok(())
        } else {
            bail!("Healthy, but the stable ReplicaSet {hash} runs {image}")
        }
    }

    /// Waits until the rollout pauses with `weight` for `version`, and the data plane really sends it about that much.
    pub async fn until_paused_at(&self, load: &Load, weight: u32, version: &str) -> Result<()> {
        self.until(&format!("the pause at {weight} %"), |rollout| {
            phase(rollout) == "Paused" && rollout["status"]["canary"]["weights"]["canary"]["weight"] == weight
        })
        .await?;
        let near = |share: f64| (share - f64::from(weight)).abs() <= 5.0;
        load.settles(&format!("about {weight} % of {version}"), |recent| near(recent.share(version))).await
    }

    /// Waits until only ReplicaSets of `version` have pods; other pods of the namespace do not count.
    pub async fn until_only(&self, version: &str) -> Result<()> {
        until(&format!("only pods of {version}"), PATIENCE, || async {
            let mut pods = self.list("/api/v1", "pods").await?;
            pods.retain(|pod| !pod["metadata"]["labels"]["rollouts-pod-template-hash"].is_null());
            let images: Vec<String> = pods.iter().map(|pod| image(&pod["spec"]).to_owned()).collect();
            let others = images.iter().filter(|image| !image.ends_with(&format!(":{version}"))).count();
            Ok(if others == 0 && !images.is_empty() { Look::Done(()) } else { Look::Not(format!("{images:?}")) })
        })
        .await
    }

    /// Writes a new tag into the Deployment, as the pipeline does.
    pub async fn ship(&self, version: &str) -> Result<()> {
        self.run(&format!("serinus/web:{version}"), json!({})).await
    }

    /// Writes an image into the Deployment, and annotations on it.
    pub async fn run(&self, image: &str, annotations: Value) -> Result<()> {
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/{DEPLOYMENT}", self.namespace);
        let mut deployment = self.api.get(&path).await?.context("the Deployment is gone")?;
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        let template = &deployment["spec"]["template"];
        self.api.merge(&path, json!({"metadata": {"annotations": annotations}, "spec": {"template": template}})).await
    }

    /// Resumes a pause.
    pub async fn promote(&self) -> Result<()> {
        self.patch_status(json!({"pauseConditions": null})).await
    }

    /// Skips the steps that are left.
    pub async fn promote_full(&self) -> Result<()> {
        self.patch_status(json!({"promoteFull": true})).await
    }

    /// Aborts the update.
    pub async fn abort(&self) -> Result<()> {
        self.patch_status(json!({"abort": true})).await
    }

    /// The cluster IP of one of its Services, with the port of the pods.
    pub async fn address_of(&self, service: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{}/services/{service}", self.namespace);
        let found = self.api.get(&path).await?.with_context(|| format!("the Service {service} is gone"))?;
        let address = found["spec"]["clusterIP"].as_str().with_context(|| format!("{service} has no address"))?;
        Ok(format!("{address}:8080"))
    }

    /// Removes the scene.
    pub async fn strike(self) -> Result<()> {
        self.api.delete(&format!("/api/v1/namespaces/{}", self.namespace)).await
    }

    async fn patch_status(&self, status: Value) -> Result<()> {
        self.api.merge(&format!("{}/status", self.rollout_path()), json!({"status": status})).await
    }

    async fn image_of(&self, hash: &str) -> Result<String> {
        let sets = self.list("/apis/apps/v1", "replicasets").await?;
        let set = sets.iter().find(|set| set["metadata"]["labels"]["rollouts-pod-template-hash"] == hash);
        let set = set.with_context(|| format!("no ReplicaSet has the hash {hash:?}"))?;
        Ok(image(&set["spec"]["template"]["spec"]).to_owned())
    }

    /// The objects of a kind in its namespace.
    pub async fn list(&self, group: &str, plural: &str) -> Result<Vec<Value>> {
        let list = self.api.get(&format!("{group}/namespaces/{}/{plural}", self.namespace)).await?;
        Ok(list.and_then(|mut list| list["items"].as_array_mut().map(std::mem::take)).unwrap_or_default())
    }
}

fn image(pod_spec: &Value) -> &str {
    pod_spec["containers"][0]["image"].as_str().unwrap_or_default()
}

/// Waits until the object at `path`, a Rollout or an ImageUpdate, is in a phase.
pub async fn until_phase(api: &Api, path: &str, wanted: &str) -> Result<()> {
    until(&format!("{path} to be {wanted}"), PATIENCE, || async {
        let object = api.get(path).await?.with_context(|| format!("{path} is gone"))?;
        Ok(if phase(&object) == wanted { Look::Done(()) } else { Look::Not(object["status"].to_string()) })
    })
    .await
}

/// The phase in the status.
pub fn phase(rollout: &Value) -> &str {
    rollout["status"]["phase"].as_str().unwrap_or_default()
}

/// Whether the status speaks of the present spec, the workload's included. On the wire both generations are text.
fn observed(rollout: &Value) -> bool {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let status = &rollout["status"];
    let workload = &rollout["metadata"]["annotations"]["rollout.argoproj.io/workload-generation"];
    text(&status["observedGeneration"]) == text(&rollout["metadata"]["generation"])
        && (workload.is_null() || text(&status["workloadObservedGeneration"]) == text(workload))
}
