//! What is wrong with a Rollout before it is in a cluster: the controller's own checks, all of them at once.

use crate::seen::{Seen, Workload};
use crate::spec;
use serinus_wire::k8s::Service;
use serinus_wire::rollout::Finding;
use serinus_wire::validate::{self, Around};
use std::collections::BTreeMap;

/// Everything that is wrong with a Rollout, as far as what is around it is known. An object that it names and that is not
/// known is no finding: it may be there all the same.
pub fn lint(seen: &Seen) -> Vec<Finding> {
    let workload_known = !matches!(seen.workload, Workload::Missing);
    let (rollout, first) = match spec::effective(seen) {
        Ok(_) => return Vec::new(),
        Err(refused) => *refused,
    };
    // Without the workload nobody knows the labels of the pods.
    let services = if workload_known { seen.services.clone() } else { unselective(&seen.services) };
    let around = Around {
        services: &services,
        ingresses: &seen.ingresses,
        workload_resolved: matches!(seen.workload, Workload::Found(_)) && rollout.spec != seen.rollout.spec,
    };
    let mut findings = validate::everything(&rollout, &around);
    findings.extend(spec::unsupported(&rollout).filter(|_| findings.is_empty()));
    if !findings.contains(&first) {
        findings.push(first);
    }
    findings.retain(|finding| !finding.is_about_absence());
    findings
}

fn unselective(services: &BTreeMap<String, Service>) -> BTreeMap<String, Service> {
    let mut services = services.clone();
    for service in services.values_mut() {
        service.spec.selector.clear();
    }
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use serinus_wire::{Rollout, k8s};

    fn seen(spec: Value) -> Seen {
        let rollout = Rollout::read(json!({"metadata": {"name": "web"}, "spec": spec})).unwrap();
        let workload = if rollout.spec.workload_ref.is_some() { Workload::Missing } else { Workload::NotReferenced };
        Seen { rollout, workload, ..Seen::default() }
    }

    fn good() -> Value {
        json!({
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}},
            "strategy": {"canary": {"canaryService": "canary", "stableService": "stable",
                "steps": [{"setWeight": 20}, {"pause": {}}]}},
        })
    }

    fn paths(seen: &Seen) -> Vec<String> {
        lint(seen).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn objects_that_are_not_known_are_no_findings() {
        assert_eq!(paths(&seen(good())), Vec::<String>::new());
    }

    #[test]
    fn all_of_it_is_said_at_once() {
        let mut spec = good();
        spec["replicas"] = json!("three");
        spec["paws"] = json!(4);
        spec["strategy"]["canary"]["steps"] = json!([{"setWeight": 120}, {}, {"pause": {"duration": "soon"}}]);
        let wanted = [
            "spec.replicas",
            "spec.paws",
            "spec.strategy.steps[0].setWeight",
            "spec.strategy.steps[1]",
            "spec.strategy.steps[2].pause.duration",
        ];
        assert_eq!(paths(&seen(spec)), wanted);
    }

    #[test]
    fn a_workload_that_is_not_known_takes_nothing_away() {
        let mut spec = json!({
            "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "strategy": good()["strategy"],
        });
        let service = json!({"metadata": {"name": "stable"}, "spec": {"selector": {"app": "other"}}});
        let mut world = seen(spec.clone());
        world.services.insert("stable".to_string(), serde_json::from_value(service).unwrap());
        assert_eq!(paths(&world), Vec::<String>::new());
        spec["strategy"]["canary"]["steps"] = json!([{"setWeight": 120}]);
        world.rollout = seen(spec).rollout;
        assert_eq!(paths(&world), ["spec.strategy.steps[0].setWeight"]);
        let template = good()["template"].clone();
        let workload = json!({"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template}});
        let workload: k8s::Workload = serde_json::from_value(workload).unwrap();
        world.workload = Workload::Found(Box::new(workload));
        assert_eq!(paths(&world), ["spec.strategy.steps[0].setWeight", "spec.strategy.canary.stableService"]);
    }
}
