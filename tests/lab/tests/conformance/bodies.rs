//! The kinds that are compared, and what is sent about them: good objects, spoilt ones, patches and statuses.

use serde_json::{Value, json};

use crate::dice::Dice;

/// A kind of the comparison.
#[derive(Debug)]
pub struct Subject {
    pub api: &'static str,
    pub plural: &'static str,
    pub kind: &'static str,
    /// What a status may hold; absent: the kind has no `/status`.
    pub status: Option<fn(&mut Dice) -> Value>,
    spec: fn(&mut Dice) -> Value,
    /// Merge patches of the spec.
    change: fn(&mut Dice) -> Value,
}

pub const SUBJECTS: &[Subject] = &[
    Subject { api: "v1", plural: "configmaps", kind: "ConfigMap", status: None, spec: config, change: config_change },
    Subject { api: "v1", plural: "secrets", kind: "Secret", status: None, spec: secret, change: secret_change },
    Subject {
        api: "v1",
        plural: "services",
        kind: "Service",
        status: Some(balancer),
        spec: service,
        change: service_change,
    },
    Subject { api: "v1", plural: "pods", kind: "Pod", status: Some(pod_status), spec: pod, change: pod_change },
    Subject { api: "v1", plural: "events", kind: "Event", status: None, spec: event, change: event_change },
    Subject {
        api: "apps/v1",
        plural: "deployments",
        kind: "Deployment",
        status: Some(workload_status),
        spec: deployment,
        change: workload_change,
    },
    Subject {
        api: "apps/v1",
        plural: "replicasets",
        kind: "ReplicaSet",
        status: Some(workload_status),
        spec: replica_set,
        change: workload_change,
    },
    Subject { api: "batch/v1", plural: "jobs", kind: "Job", status: Some(job_status), spec: job, change: job_change },
    Subject {
        api: "networking.k8s.io/v1",
        plural: "ingresses",
        kind: "Ingress",
        status: Some(balancer),
        spec: ingress,
        change: ingress_change,
    },
    Subject {
        api: "discovery.k8s.io/v1",
        plural: "endpointslices",
        kind: "EndpointSlice",
        status: None,
        spec: slice,
        change: slice_change,
    },
    Subject {
        api: "coordination.k8s.io/v1",
        plural: "leases",
        kind: "Lease",
        status: None,
        spec: lease,
        change: lease_change,
    },
    Subject {
        api: "argoproj.io/v1alpha1",
        plural: "rollouts",
        kind: "Rollout",
        status: Some(rollout_status),
        spec: rollout,
        change: rollout_change,
    },
    Subject {
        api: "v1",
        plural: "namespaces",
        kind: "Namespace",
        status: Some(namespace_status),
        spec: nothing,
        change: nothing,
    },
];

impl Subject {
    pub fn namespaced(&self) -> bool {
        self.kind != "Namespace"
    }

    /// A good object.
    pub fn object(&self, name: &str, dice: &mut Dice) -> Value {
        let mut object = json!({"apiVersion": self.api, "kind": self.kind, "metadata": metadata(name, dice)});
        if self.kind == "Job" {
            // Without labels a stored Job gets those of its pods whenever it is read, so that its next write changes it.
            object["metadata"]["labels"] = json!({"l": "a", "app": "x"});
        }
        for (key, value) in (self.spec)(dice).as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        object
    }

    /// An object that is not good, or not quite.
    pub fn spoilt(&self, name: &str, dice: &mut Dice) -> Value {
        let mut object = self.object(name, dice);
        match dice.below(10) {
            // What is made for these from their names is refused along with the name.
            0 if !matches!(self.kind, "Job" | "Service") => {
                object["metadata"]["name"] = json!(dice.pick(&["Big", "under_score", "-dash", "dot.", ""]))
            }
            1 => object["metadata"]["labels"] = json!({"l": dice.pick(&["-x", "sp ace", "ok", "a/b"])}),
            2 => object["spec"]["unheardOf"] = json!({"a": 1}),
            3 => object["kind"] = json!("Gadget"),
            4 => object["apiVersion"] = json!("example.com/v1"),
            5 => object["metadata"]["resourceVersion"] = json!("12"),
            6 => object["metadata"]["namespace"] = json!("elsewhere"),
            7 => object["metadata"]["finalizers"] = json!([dice.pick(&["unqualified", "a.io/b", "/x"])]),
            8 => {
                object["metadata"]["ownerReferences"] =
                    json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": dice.pick(&["", "u-1"])}])
            }
            _ => self.wrong(&mut object, dice),
        }
        object
    }

    /// One field that its own kind refuses.
    fn wrong(&self, object: &mut Value, dice: &mut Dice) {
        let put = |object: &mut Value, parent: &str, field: &str, value: Value| {
            if let Some(parent) = object.pointer_mut(parent) {
                parent[field] = value;
            }
        };
        let container = "/spec/template/spec/containers/0";
        match (self.kind, dice.below(4)) {
            ("ConfigMap", 0) => object["data"] = json!({"bad key": "x"}),
            ("ConfigMap", _) => object["data"] = json!({"a": dice.pick(&[json!(1), json!(null), json!("x")])}),
            ("Secret", 0) => object["data"] = json!({"a": "%%%"}),
            ("Secret", _) => object["stringData"] = json!({"bad key": "x"}),
            ("Service", 0) => object["spec"]["ports"] = json!([]),
            ("Service", 1) => put(object, "/spec/ports/0", "port", json!(70000)),
            ("Service", 2) => object["spec"]["type"] = json!("Odd"),
            ("Service", _) => object["spec"]["ports"] = json!([{"port": 1}, {"port": 2}]),
            ("Pod", 0) => object["spec"]["containers"] = json!([]),
            ("Pod", 1) => object["spec"]["restartPolicy"] = json!("Sometimes"),
            ("Pod", 2) => object["spec"]["containers"][0]["image"] = json!(""),
            ("Deployment" | "ReplicaSet", 0) => object["spec"]["replicas"] = json!(-1),
            ("Deployment" | "ReplicaSet", 1) => object["spec"]["selector"] = json!({"matchLabels": {"app": "other"}}),
            ("Deployment" | "ReplicaSet" | "Job", 2) => {
                put(object, container, "name", json!(dice.pick(&["", "UPPER", "ok"])))
            }
            ("Deployment" | "ReplicaSet" | "Job", 3) => {
                put(object, container, "ports", json!([{"containerPort": 70000}]))
            }
            ("Job", _) => object["spec"]["template"]["spec"]["restartPolicy"] = json!("Always"),
            ("Ingress", 0) => object["spec"] = json!({}),
            ("Ingress", _) => {
                put(object, "/spec/rules/0/http/paths/0", "pathType", json!(dice.pick(&["Odd", "Exact"])))
            }
            ("EndpointSlice", 0) => object["addressType"] = json!(dice.pick(&["", "IPv5"])),
            ("EndpointSlice", _) => {
                object["endpoints"] = json!([{"addresses": [dice.pick(&["10.0.0.1", "no address"])]}])
            }
            ("Lease", _) => object["spec"]["leaseDurationSeconds"] = json!(dice.pick(&[-1, 0, 5])),
            ("Rollout", 0) => object["spec"]["replicas"] = json!("three"),
            ("Rollout", 1) => object["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": "ten"}]}}),
            ("Event", _) => object["involvedObject"] = json!({"namespace": "elsewhere"}),
            _ => object["metadata"]["annotations"] = json!({"bad key!": "x"}),
        }
    }

    /// A merge patch.
    pub fn merge(&self, dice: &mut Dice) -> Value {
        match dice.below(6) {
            0 => json!({"metadata": {"labels": {"l": dice.pick(&["a", "b", "c"])}}}),
            1 => json!({"metadata": {"labels": null, "annotations": {"n": dice.pick(&["1", "2"])}}}),
            2 => json!({"metadata": {"finalizers": dice.pick(&[json!(["a.io/hold"]), json!(null), json!([])])}}),
            3 => json!({"metadata": {"annotations": {"n": null}}, "unheardOf": 1}),
            _ => (self.change)(dice),
        }
    }

    /// A JSON patch.
    pub fn json_patch(&self, dice: &mut Dice) -> Value {
        match dice.below(6) {
            0 => json!([{"op": "add", "path": "/metadata/labels", "value": {"l": dice.pick(&["a", "b"])}}]),
            1 => json!([{"op": "replace", "path": "/metadata/labels/l", "value": "c"}]),
            2 => json!([{"op": "remove", "path": "/metadata/annotations"}]),
            3 => {
                json!([{"op": "test", "path": "/metadata/name", "value": dice.pick(&["a", "b"])}, {"op": "add", "path": "/metadata/annotations", "value": {"j": "1"}}])
            }
            4 => json!([{"op": "remove", "path": "/metadata/finalizers"}]),
            _ => json!([{"op": dice.pick(&["add", "jump"]), "path": "/metadata/annotations/x", "value": "1"}]),
        }
    }

    /// What one manager applies.
    pub fn applied(&self, name: &str, dice: &mut Dice) -> Value {
        if dice.once_in(2) {
            let labels = dice.pick(&[json!({"l": "a"}), json!({"l": "b", "m": "1"}), json!({})]);
            return json!({"apiVersion": self.api, "kind": self.kind, "metadata": {"name": name, "labels": labels}});
        }
        self.object(name, dice)
    }
}

fn metadata(name: &str, dice: &mut Dice) -> Value {
    let mut metadata = json!({"name": name});
    if dice.once_in(2) {
        metadata["labels"] = json!({"l": dice.pick(&["a", "b"]), "app": "x"});
    }
    if dice.once_in(3) {
        metadata["annotations"] = json!({"n": dice.pick(&["1", "2"])});
    }
    if dice.once_in(6) {
        metadata["finalizers"] = json!(["a.io/hold"]);
    }
    metadata
}

fn nothing(_: &mut Dice) -> Value {
    json!({})
}

fn config(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"data": {"a": "1"}}),
        json!({"data": {"a": "2", "b": ""}}),
        json!({}),
        json!({"data": {"a": "1"}, "immutable": true}),
        json!({"binaryData": {"x": "AQI="}}),
    ])
}

fn config_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"data": {"a": "9"}}),
        json!({"data": {"a": null}}),
        json!({"data": null}),
        json!({"immutable": true}),
    ])
}

fn secret(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"stringData": {"a": "1"}}),
        json!({"data": {"a": "MQ=="}}),
        json!({"type": "example.com/odd"}),
        json!({"type": "kubernetes.io/tls", "data": {"a": "MQ=="}}),
    ])
}

fn secret_change(dice: &mut Dice) -> Value {
    dice.pick(&[json!({"stringData": {"a": "9"}}), json!({"data": {"a": null}}), json!({"type": "other"})])
}

fn service(dice: &mut Dice) -> Value {
    let mut spec = json!({"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80, "targetPort": dice.pick(&[json!(8080), json!("http")])}]});
    match dice.below(5) {
        0 => spec["type"] = json!("NodePort"),
        1 => spec["clusterIP"] = json!("None"),
        2 => spec = json!({"ports": [{"port": 80}]}),
        _ => {}
    }
    json!({"spec": spec})
}

fn service_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"selector": {"app": "y"}}}),
        json!({"spec": {"clusterIP": "10.96.9.9"}}),
        json!({"spec": {"ports": [{"port": 81}]}}),
    ])
}

fn balancer(dice: &mut Dice) -> Value {
    dice.pick(&[json!({"loadBalancer": {}}), json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})])
}

fn pod_spec(dice: &mut Dice) -> Value {
    let mut container = json!({"name": "c", "image": dice.pick(&["i:1", "i", "r.io/i:latest"])});
    match dice.below(6) {
        0 => container["ports"] = json!([{"containerPort": 8080, "name": "http"}]),
        1 => {
            container["env"] = json!([{"name": "A", "value": "1"}, {"name": "P", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}])
        }
        2 => container["readinessProbe"] = json!({"httpGet": {"port": 8080}}),
        3 => container["resources"] = json!({"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": 1}}),
        4 => container["lifecycle"] = json!({"preStop": {"exec": {"command": ["sleep", "1"]}}}),
        _ => {}
    }
    let mut spec = json!({"containers": [container], "automountServiceAccountToken": false});
    match dice.below(5) {
        0 => spec["volumes"] = json!([{"name": "v", "emptyDir": {}}, {"name": "w", "configMap": {"name": "a"}}]),
        1 => spec["initContainers"] = json!([{"name": "i", "image": "i:1"}]),
        2 => spec["terminationGracePeriodSeconds"] = json!(5),
        _ => {}
    }
    spec
}

fn pod(dice: &mut Dice) -> Value {
    let mut spec = pod_spec(dice);
    if dice.once_in(3) {
        spec["restartPolicy"] = json!("Never");
    }
    if dice.once_in(3) {
        spec["nodeName"] = json!("elsewhere");
    }
    json!({"spec": spec})
}

fn pod_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"activeDeadlineSeconds": 9}}),
        json!({"spec": {"restartPolicy": "Always"}}),
        json!({"spec": {"hostname": "h"}}),
    ])
}

fn pod_status(dice: &mut Dice) -> Value {
    let ready = json!({"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}],
        "containerStatuses": [{"name": "c", "image": "i:1", "imageID": "", "ready": true, "restartCount": 2, "started": true, "state": {"running": {"startedAt": "2020-01-01T00:00:00Z"}}, "lastState": {}}]});
    dice.pick(&[json!({"phase": "Running"}), ready, json!({"phase": "Succeeded", "reason": "Done"})])
}

fn event(dice: &mut Dice) -> Value {
    json!({"involvedObject": {"kind": "ConfigMap", "name": "a", "namespace": "@ns", "apiVersion": "v1"}, "reason": dice.pick(&["Made", "Broken"]), "message": "text", "type": dice.pick(&["Normal", "Warning"]),
        "source": {"component": "test"}, "firstTimestamp": "2020-01-01T00:00:00Z", "lastTimestamp": "2020-01-01T00:00:00Z", "count": 1})
}

fn event_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"count": 2}),
        json!({"message": "other"}),
        json!({"series": {"count": 2, "lastObservedTime": "2020-01-01T00:00:00.000000Z"}}),
    ])
}

fn template(dice: &mut Dice) -> Value {
    json!({"metadata": {"labels": {"app": "x"}}, "spec": pod_spec(dice)})
}

fn deployment(dice: &mut Dice) -> Value {
    let mut spec = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template(dice)});
    match dice.below(5) {
        0 => spec["replicas"] = json!(3),
        1 => spec["strategy"] = json!({"type": "Recreate"}),
        2 => spec["strategy"] = json!({"rollingUpdate": {"maxSurge": 1}}),
        3 => spec["paused"] = json!(true),
        _ => {}
    }
    json!({"spec": spec})
}

fn replica_set(dice: &mut Dice) -> Value {
    let mut spec = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template(dice)});
    if dice.once_in(2) {
        spec["replicas"] = json!(dice.below(4));
    }
    json!({"spec": spec})
}

fn workload_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"replicas": 5}}),
        json!({"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}}),
        json!({"spec": {"selector": {"matchLabels": {"app": "y"}}}}),
        json!({"spec": {"minReadySeconds": 3}}),
        json!({"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}}}),
        json!({"spec": {"replicas": null}}),
    ])
}

fn workload_status(dice: &mut Dice) -> Value {
    let conditions = json!([{"type": "Available", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z", "lastUpdateTime": "2020-01-01T00:00:00Z", "reason": "r", "message": "m"}]);
    dice.pick(&[
        json!({"replicas": 2, "readyReplicas": 1, "observedGeneration": 1}),
        json!({"replicas": 1, "conditions": conditions}),
        json!({"replicas": -1}),
    ])
}

fn job(dice: &mut Dice) -> Value {
    let mut template = json!({"spec": pod_spec(dice)});
    template["spec"]["restartPolicy"] = json!(dice.pick(&["Never", "OnFailure"]));
    let mut spec = json!({"template": template});
    match dice.below(4) {
        0 => spec["backoffLimit"] = json!(0),
        1 => spec["completions"] = json!(2),
        2 => spec["suspend"] = json!(true),
        _ => {}
    }
    json!({"spec": spec})
}

fn job_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"suspend": true}}),
        json!({"spec": {"parallelism": 2}}),
        json!({"spec": {"completions": 4}}),
        json!({"spec": {"ttlSecondsAfterFinished": 5}}),
    ])
}

fn job_status(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"active": 1, "startTime": "2020-01-01T00:00:00Z"}),
        json!({"startTime": "2020-01-01T00:00:00Z", "failed": 1}),
    ])
}

fn ingress(dice: &mut Dice) -> Value {
    let port = dice.pick(&[json!({"name": "http"}), json!({"number": 80})]);
    let rule = json!({"host": "a.example.com", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": port}}}]}});
    let mut spec = json!({"ingressClassName": "nginx", "rules": [rule]});
    match dice.below(4) {
        0 => spec["tls"] = json!([{"hosts": ["a.example.com"], "secretName": "t"}]),
        1 => spec = json!({"defaultBackend": {"service": {"name": "s", "port": {"number": 80}}}}),
        _ => {}
    }
    json!({"spec": spec})
}

fn ingress_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"ingressClassName": "other"}}),
        json!({"spec": {"rules": null}}),
        json!({"metadata": {"annotations": {"nginx.ingress.kubernetes.io/canary-weight": "20"}}}),
    ])
}

fn slice(dice: &mut Dice) -> Value {
    let endpoints =
        json!([{"addresses": ["10.0.0.1"], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": "p"}}]);
    json!({"addressType": "IPv4", "endpoints": dice.pick(&[endpoints, json!([])]), "ports": dice.pick(&[json!([{"name": "http", "port": 80}]), json!([{"port": 80, "protocol": "TCP"}]), json!([])])})
}

fn slice_change(dice: &mut Dice) -> Value {
    dice.pick(&[json!({"endpoints": []}), json!({"addressType": "IPv6"}), json!({"ports": [{"name": "x", "port": 9}]})])
}

fn lease(dice: &mut Dice) -> Value {
    json!({"spec": {"holderIdentity": dice.pick(&["one", "two"]), "leaseDurationSeconds": 15, "renewTime": "2020-01-01T00:00:00.000000Z"}})
}

fn lease_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"holderIdentity": "three"}}),
        json!({"spec": {"renewTime": "2020-01-01T00:00:01.500000Z"}}),
        json!({"spec": {"leaseTransitions": 1}}),
    ])
}

fn rollout(dice: &mut Dice) -> Value {
    let steps =
        json!([{"setWeight": 20}, {"pause": {}}, {"pause": {"duration": dice.pick(&[json!("10s"), json!(10)])}}]);
    let mut spec = json!({"selector": {"matchLabels": {"app": "x"}}, "template": template(dice), "strategy": {"canary": {"steps": steps}}});
    match dice.below(4) {
        0 => spec["replicas"] = json!(3),
        1 => {
            spec = json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}, "strategy": {"canary": {}}})
        }
        2 => {
            spec["strategy"] = json!({"canary": {"canaryService": "c", "stableService": "s", "trafficRouting": {"nginx": {"stableIngress": "i"}}}})
        }
        _ => {}
    }
    json!({"spec": spec})
}

fn rollout_change(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"spec": {"replicas": 4}}),
        json!({"spec": {"paused": true}}),
        json!({"spec": {"restartAt": "2020-01-01T00:00:00Z"}}),
        json!({"spec": {"strategy": {"canary": {"steps": null}}}}),
        json!({"status": {"abort": true}}),
    ])
}

fn rollout_status(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"abort": true}),
        json!({"replicas": 3, "selector": "app=x", "currentStepIndex": 1}),
        json!({"replicas": 2, "unheardOf": 1}),
    ])
}

fn namespace_status(dice: &mut Dice) -> Value {
    dice.pick(&[
        json!({"phase": "Active"}),
        json!({"conditions": [{"type": "X", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}),
    ])
}
