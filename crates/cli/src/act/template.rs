//! Where the pod template of a rollout stands: in itself, or in the workload that it refers to.

use super::at::At;
use anyhow::anyhow;
use serde_json::Value;
use serinus_cluster::client::{POD_TEMPLATE, ROLLOUT, Resource};

/// An object with a pod template.
pub struct Place {
    /// Its kind.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// The object as it stands.
    pub object: Value,
    /// JSON pointer of the template.
    pub pointer: &'static str,
}

impl Place {
    /// Of this rollout, which is read already.
    ///
    /// # Errors
    /// The workload that it refers to is not there, or is of a kind without pod template.
    pub async fn of(at: &At, name: &str, rollout: &Value) -> anyhow::Result<Place> {
        let reference = &rollout["spec"]["workloadRef"];
        if reference.is_null() {
            let object = rollout.clone();
            return Ok(Place { resource: ROLLOUT, name: name.to_string(), object, pointer: "/spec/template" });
        }
        let text = |key: &str| reference[key].as_str().unwrap_or_default();
        let (kind, workload) = (text("kind"), text("name"));
        let resource = Resource::of(text("apiVersion"), kind).filter(|resource| *resource != ROLLOUT);
        let resource = resource.ok_or_else(|| {
            anyhow!("rollout '{name}' refers to a {kind}, which has no pod template: refer to a Deployment, ReplicaSet or PodTemplate in spec.workloadRef")
        })?;
        let object = at
            .get(&resource, workload)
            .await
            .map_err(|error| anyhow!("the workload behind rollout '{name}' can't be read: {error:#}"))?;
        let pointer = if resource == POD_TEMPLATE { "/template" } else { "/spec/template" };
        Ok(Place { resource, name: workload.to_string(), object, pointer })
    }

    /// The template.
    pub fn template(&self) -> &Value {
        self.object.pointer(self.pointer).unwrap_or(&Value::Null)
    }
}
