//! The five definitions: small enough for one release, with upstream's names and subresources, and with the defaults that
//! end up in stored objects.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use serinus_wire::analysis::{AnalysisRun, AnalysisTemplate, Phase};
use serinus_wire::{Experiment, crd};

fn version(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]
}

fn field<'a>(definition: &'a Value, path: &str) -> &'a Value {
    let schema = &version(definition)["schema"]["openAPIV3Schema"];
    path.split('.').fold(schema, |schema, part| match part {
        "[]" => &schema["items"],
        _ => &schema["properties"][part],
    })
}

#[test]
fn all_definitions_fit_in_one_release() {
    assert!(crd::list().to_string().len() < 700_000);
}

#[test]
fn names_scopes_and_subresources_are_upstreams() {
    let table = [
        ("rollouts", "Rollout", "ro", "Namespaced", json!(["scale", "status"]), 5),
        ("analysisruns", "AnalysisRun", "ar", "Namespaced", json!([]), 2),
        ("analysistemplates", "AnalysisTemplate", "at", "Namespaced", json!([]), 1),
        ("clusteranalysistemplates", "ClusterAnalysisTemplate", "cat", "Cluster", json!([]), 1),
        ("experiments", "Experiment", "exp", "Namespaced", json!([]), 2),
        ("imageupdates", "ImageUpdate", "iu", "Namespaced", json!(["status"]), 7),
    ];
    for ((plural, kind, short, scope, subresources, columns), definition) in table.into_iter().zip(crd::all()) {
        let group = if kind == "ImageUpdate" { "serinus.dev" } else { "argoproj.io" };
        assert_eq!(definition["metadata"]["name"], format!("{plural}.{group}"));
        let names = &definition["spec"]["names"];
        assert_eq!((&names["kind"], &names["shortNames"]), (&json!(kind), &json!([short])));
        assert_eq!(definition["spec"]["scope"], scope, "{kind}");
        let mut found: Vec<_> = version(&definition)["subresources"].as_object().unwrap().keys().cloned().collect();
        found.sort();
        assert_eq!(json!(found), subresources, "{kind}");
        assert_eq!(version(&definition)["additionalPrinterColumns"].as_array().unwrap().len(), columns, "{kind}");
    }
}

#[test]
fn the_api_server_fills_in_what_upstream_fills_in() {
    let job = "spec.metrics.[].provider.job.spec.template.spec.containers.[]";
    let template = "spec.template.spec.containers.[]";
    let table = [
        (crd::rollout(), format!("{template}.ports.[].protocol"), json!("TCP")),
        (crd::rollout(), format!("{template}.livenessProbe.grpc.service"), json!("")),
        (crd::analysis_run(), format!("{job}.ports.[].protocol"), json!("TCP")),
        (crd::analysis_template(), "spec.metrics.[].provider.datadog.interval".to_string(), json!("5m")),
        (crd::analysis_template(), "spec.metrics.[].provider.datadog.apiVersion".to_string(), json!("v1")),
        (crd::rollout(), "spec.replicas".to_string(), Value::Null),
        (crd::analysis_run(), "spec.terminate".to_string(), Value::Null),
    ];
    for (definition, path, default) in table {
        assert_eq!(field(&definition, &path)["default"], default, "{path}");
    }
}

#[test]
fn a_run_reads_back_as_it_was_written() {
    let spec = json!({
        "metrics": [{
            "name": "m", "interval": "5s", "count": "{{args.n}}", "failureLimit": 3, "successCondition": "result > 1",
            "provider": {"web": {"url": "http://{{args.host}}/", "jsonBody": {"a": [1, null]}, "timeoutSeconds": 3}},
        }, {
            "name": "j", "provider": {"job": {"spec": {"template": {"spec": {"containers": [{"name": "c"}]}}}}},
        }, {
            "name": "p", "provider": {"plugin": {"org/one": {"any": "thing"}}},
        }],
        "args": [{"name": "n", "value": "3"}, {"name": "s", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
        "terminate": true,
        "ttlStrategy": {"secondsAfterCompletion": 0},
    });
    let status = json!({"phase": "Running", "metricResults": [{
        "name": "m", "phase": "Failed", "count": 1, "measurements": [{"phase": "Failed", "value": "1", "resumeAt": "2026-01-01T00:00:00Z"}],
    }]});
    let run = AnalysisRun::read(&json!({"metadata": {"name": "r"}, "spec": spec, "status": status})).unwrap();
    assert_eq!(run.findings, Vec::new());
    assert_eq!(serde_json::to_value(&run.spec).unwrap(), spec);
    assert_eq!(serde_json::to_value(&run.status).unwrap(), status);
    assert_eq!(run.spec.metrics[2].provider.names(), ["org/one"]);
}

#[test]
fn what_is_not_understood_is_named_and_the_rest_is_kept() {
    let object = json!({"metadata": {"name": "t"}, "spec": {"metrics": [
        {"name": "m", "intervall": "5s", "provider": {"web": {"url": "u", "timeoutSeconds": "x"}}},
    ]}});
    let template = AnalysisTemplate::read(&object).unwrap();
    let mut paths: Vec<_> = template.findings.iter().map(|finding| finding.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["spec.metrics[0].intervall", "spec.metrics[0].provider.web.timeoutSeconds"]);
    assert_eq!(template.spec.metrics[0].name, "m");

    let status = json!({"phase": "", "templateStatuses": [{"name": "a", "status": "Running", "replicas": 1}]});
    let experiment = Experiment::read(&json!({"metadata": {"name": "e"}, "status": status})).unwrap();
    assert_eq!(experiment.status.phase, None);
    assert_eq!(experiment.status.template_statuses[0].replicas, 1);
    assert!(Phase::Failed.badness() > Phase::Error.badness());
}
