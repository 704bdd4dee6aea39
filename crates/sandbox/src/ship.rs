//! Sends the next image: writes it where the pod template of a Rollout is, as a pipeline would.

use crate::calls::{Api, Refused};
use crate::gateway::table::Key;
use serde_json::{Value, json};
use serinus_wire::Rollout;

/// Where the pod template of a Rollout is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Path of the object in the API.
    pub path: String,
    /// The object as `kubectl` names it.
    pub object: String,
    /// JSON pointer of the containers.
    pub containers: &'static str,
}

impl Template {
    /// Of this Rollout: in itself, or in the Deployment that it refers to. Other kinds are not written to.
    pub fn of(rollout: &Rollout) -> Option<Template> {
        let meta = &rollout.metadata;
        let below = |group: &str, plural: &str, name: &str| {
            format!("/apis/{group}/namespaces/{}/{plural}/{name}", meta.namespace)
        };
        let containers = "/spec/template/spec/containers";
        match &rollout.spec.workload_ref {
            None => Some(Template {
                path: below("argoproj.io/v1alpha1", "rollouts", &meta.name),
                object: format!("rollout/{}", meta.name),
                containers,
            }),
            Some(workload) if workload.kind == "Deployment" => Some(Template {
                path: below("apps/v1", "deployments", &workload.name),
                object: format!("deployment/{}", workload.name),
                containers,
            }),
            Some(_) => None,
        }
    }
}

/// Writes `image` into the first container.
///
/// # Errors
/// What the API says.
pub async fn ship(api: &Api, template: &Template, image: &str) -> Result<(), Refused> {
    let object = api.get(&template.path).await?;
    let mut containers = object.pointer(template.containers).cloned().unwrap_or_default();
    if let Some(first) = containers.get_mut(0) {
        first["image"] = json!(image);
    }
    api.merge(&template.path, json!({"spec": {"template": {"spec": {"containers": containers}}}})).await?;
    Ok(())
}

/// Name and image of the first container.
pub async fn first_container(api: &Api, template: &Template) -> Option<(String, String)> {
    let object = api.get(&template.path).await.ok()?;
    let first = object.pointer(template.containers)?.get(0)?;
    let text = |value: &Value| value.as_str().map(str::to_string);
    Some((text(&first["name"])?, text(&first["image"])?))
}

/// Commands that send the next image, go on, and give up; for the person at the terminal.
pub fn how(key: &Key, template: &Template, container: &str, image: &str, kubeconfig: &str) -> Vec<String> {
    let verb = |verb: &str| format!("serinus --kubeconfig {kubeconfig} -n {} {verb} {}", key.0, key.1);
    // kubectl sets images of built-in kinds only.
    let set = if template.object.starts_with("rollout/") {
        format!("{} {container}={image}", verb("set image"))
    } else {
        format!("kubectl --kubeconfig {kubeconfig} -n {} set image {} {container}={image}", key.0, template.object)
    };
    vec![set, format!("{} -w", verb("get rollout")), format!("{}    {}", verb("promote"), verb("abort"))]
}
