//! How the pods of a workload get their image, and where they may run: what polling needs of a pod template.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Whose credentials the kubelet takes, and which nodes the pods may run on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pull {
    /// `imagePullSecrets`.
    pub secrets: Vec<String>,
    /// `serviceAccountName`; `default` where none is named.
    pub account: String,
    /// `nodeSelector` and `affinity.nodeAffinity`, raw.
    placement: Value,
}

/// A node by its labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// Where nodes tell their platform; the later names are the older ones.
const OS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
const ARCHITECTURE: [&str; 2] = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];

impl Pull {
    /// Of the `spec` of a pod template.
    pub fn of(pods: &Value) -> Pull {
        let names = pods.get("imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
        let secrets = names.filter_map(|secret| secret.get("name")?.as_str()).filter(|name| !name.is_empty());
        let account = pods.get("serviceAccountName").and_then(Value::as_str).filter(|name| !name.is_empty());
        let required = pods.pointer("/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution");
        Pull {
            secrets: secrets.map(str::to_string).collect(),
            account: account.unwrap_or("default").to_string(),
            placement: json!({"selector": pods.get("nodeSelector"), "required": required}),
        }
    }

    /// Platforms of the nodes that the pods may run on, such as `linux/arm64`. Nodes that do not tell theirs do not count.
    pub fn platforms(&self, nodes: &[Node]) -> BTreeSet<String> {
        nodes.iter().filter(|node| self.allows(node)).filter_map(Node::platform).collect()
    }

    fn allows(&self, node: &Node) -> bool {
        let selector = self.placement.get("selector").and_then(Value::as_object);
        let selected = selector.is_none_or(|wanted: &Map<String, Value>| {
            wanted.iter().all(|(key, value)| node.labels.get(key).map(String::as_str) == value.as_str())
        });
        let terms = self.placement.pointer("/required/nodeSelectorTerms").and_then(Value::as_array);
        selected && terms.is_none_or(|terms| terms.iter().any(|term| node.fits(term)))
    }
}

impl Node {
    fn platform(&self) -> Option<String> {
        let label = |names: [&str; 2]| names.iter().find_map(|name| self.labels.get(*name));
        Some(format!("{}/{}", label(OS)?, label(ARCHITECTURE)?))
    }

    /// All expressions of a term hold; a term without any selects nothing.
    fn fits(&self, term: &Value) -> bool {
        let list = |name: &str| term.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let (labels, fields) = (list("matchExpressions"), list("matchFields"));
        let of_label = |key: &str| self.labels.get(key).map(String::as_str);
        let of_field = |key: &str| (key == "metadata.name").then_some(self.name.as_str());
        !(labels.is_empty() && fields.is_empty())
            && labels.iter().all(|expression| holds(expression, of_label))
            && fields.iter().all(|expression| holds(expression, of_field))
    }
}

fn holds<'n>(expression: &Value, of: impl Fn(&str) -> Option<&'n str>) -> bool {
    let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or_default();
    let values = expression.get("values").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let found = of(text("key"));
    let listed = found.is_some_and(|found| values.iter().any(|value| value.as_str() == Some(found)));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
    let compared = || Some(number(found)?.cmp(&number(values.first().and_then(Value::as_str))?));
    match text("operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => compared().is_some_and(std::cmp::Ordering::is_gt),
        "Lt" => compared().is_some_and(std::cmp::Ordering::is_lt),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, labels: &[(&str, &str)]) -> Node {
        let labels = labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        Node { name: name.to_string(), labels }
    }

    #[test]
    fn platforms_of_the_nodes_that_may_be_used() {
        let nodes = [
            node(
                "a",
                &[("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "amd64"), ("disk", "ssd"), ("cores", "8")],
            ),
            node("b", &[("kubernetes.io/os", "linux"), ("kubernetes.io/arch", "arm64"), ("cores", "4")]),
            node("c", &[("beta.kubernetes.io/os", "windows"), ("beta.kubernetes.io/arch", "amd64")]),
            node("d", &[("disk", "ssd")]),
        ];
        let required = |terms: Value| {
            json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": terms}}}})
        };
        let one = |key: &str, operator: &str, values: Value| {
            required(json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}]))
        };
        for (pods, wanted) in [
            (json!({}), "linux/amd64 linux/arm64 windows/amd64"),
            (json!({"nodeSelector": {"disk": "ssd"}}), "linux/amd64"),
            (json!({"nodeSelector": {"disk": "hdd"}}), ""),
            (one("kubernetes.io/arch", "In", json!(["arm64", "s390x"])), "linux/arm64"),
            (one("kubernetes.io/arch", "NotIn", json!(["arm64"])), "linux/amd64 windows/amd64"),
            (one("disk", "Exists", json!(null)), "linux/amd64"),
            (one("disk", "DoesNotExist", json!([])), "linux/arm64 windows/amd64"),
            (one("cores", "Gt", json!(["4"])), "linux/amd64"),
            (one("cores", "Lt", json!(["8"])), "linux/arm64"),
            (one("cores", "Lt", json!(["x"])), ""),
            (one("cores", "Near", json!(["8"])), ""),
            (required(json!([])), ""),
            (required(json!([{}])), ""),
            (
                required(json!([{}, {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["b"]}]}])),
                "linux/arm64",
            ),
            (json!({"nodeSelector": {"disk": "ssd"}, "affinity": one("cores", "Lt", json!(["8"]))["affinity"]}), ""),
        ] {
            let found: Vec<String> = Pull::of(&pods).platforms(&nodes).into_iter().collect();
            assert_eq!(found.join(" "), wanted, "{pods}");
        }
    }

    #[test]
    fn who_pulls() {
        let pull = Pull::of(
            &json!({"imagePullSecrets": [{"name": "a"}, {}, {"name": ""}, {"name": "b"}], "serviceAccountName": "s"}),
        );
        assert_eq!((pull.secrets, pull.account.as_str()), (vec!["a".to_string(), "b".to_string()], "s"));
        assert_eq!(Pull::of(&Value::Null).account, "default");
    }
}
