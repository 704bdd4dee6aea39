//! `/scale`: the wanted and the reached replicas of any kind that counts them.

use super::modify::Target;
use super::{Options, State, Written};
use crate::failure::{Cause, Failure};
use crate::object::Fields;
use serde_json::{Value, json};
use std::sync::Arc;

impl State {
    /// The `autoscaling/v1` Scale of an object.
    pub fn scale(&self, target: Target<'_>) -> Result<Value, Failure> {
        let live = self.get(target.kind, target.namespace, target.name)?;
        scale_of(target, &live)
    }

    /// Sets the wanted replicas.
    pub(super) fn update_scale(
        &mut self,
        target: Target<'_>,
        body: &Value,
        options: &Options,
    ) -> Result<Written, Failure> {
        let live = self.get(target.kind, target.namespace, target.name)?;
        let Some(paths) = &target.kind.scale else { return Err(Failure::no_such_path()) };
        let wanted = body.int("/spec/replicas").unwrap_or(0);
        if wanted < 0 && target.kind.is_custom() {
            let field = paths.spec.replace('/', ".");
            let causes = [Cause::invalid(field, &wanted.into(), "should be a non-negative integer")];
            return Err(Failure::invalid(&target.kind.resource.group, &target.kind.kind, target.name, &causes));
        }
        if wanted < 0 {
            let causes = [Cause::invalid("spec.replicas", &wanted.into(), "must be greater than or equal to 0")];
            return Err(Failure::invalid("autoscaling", "Scale", target.name, &causes));
        }
        let mut object = (*live).clone();
        let path: Vec<&str> = paths.spec.trim_start_matches('/').split('/').collect();
        object.put(&path, wanted);
        object.put(
            &["metadata", "resourceVersion"],
            if body.version().is_empty() { live.version() } else { body.version() },
        );
        let written = self.replace(target, &live, object, options)?;
        let scale = scale_of(target, &written.object)?;
        Ok(Written { object: Arc::new(scale), ..written })
    }
}

/// The Scale of an object.
fn scale_of(target: Target<'_>, live: &Value) -> Result<Value, Failure> {
    let Some(paths) = &target.kind.scale else { return Err(Failure::no_such_path()) };
    let mut scale = json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": live.name(), "namespace": live.namespace(), "uid": live.uid(),
            "resourceVersion": live.version(), "creationTimestamp": live.text("/metadata/creationTimestamp"),
        },
        "spec": {}, "status": {"replicas": live.int(&paths.status).unwrap_or(0)},
    });
    if let Some(wanted) = live.int(&paths.spec).filter(|wanted| *wanted != 0) {
        scale.put(&["spec", "replicas"], wanted);
    }
    let selector = match &paths.selector {
        Some(path) => live.text(path).to_string(),
        None => selector_text(live),
    };
    if !selector.is_empty() {
        scale.put(&["status", "selector"], selector);
    }
    Ok(scale)
}

fn selector_text(object: &Value) -> String {
    let labels = object.map("/spec/selector/matchLabels").into_iter().flatten();
    let mut terms: Vec<String> =
        labels.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    terms.sort();
    terms.join(",")
}
