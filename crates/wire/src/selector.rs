//! Label selectors: `matchLabels` and `matchExpressions` as Kubernetes reads, applies and prints them.

use crate::names;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A label selector that was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// `None` stands for an absent selector, which matches nothing; an empty list matches everything.
    requirements: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Equals(String),
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a `metav1.LabelSelector`. `null` is an absent selector: it matches nothing.
    ///
    /// # Errors
    /// The text names the key, operator or value that Kubernetes would refuse.
    pub fn parse(selector: &Value) -> Result<Selector, String> {
        if selector.is_null() {
            return Ok(Selector::default());
        }
        let fields = selector.as_object().ok_or_else(|| format!("Invalid value: {selector}: must be an object"))?;
        let mut requirements = Vec::new();
        for (key, value) in entries(fields.get("matchLabels"), "matchLabels")? {
            requirements
                .push(Requirement { key: valid_key(key)?, operator: Operator::Equals(valid_value(key, value)?) });
        }
        for expression in items(fields.get("matchExpressions"), "matchExpressions")? {
            requirements.push(Requirement::parse(expression)?);
        }
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(Selector { requirements: Some(requirements) })
    }

    /// Whether an object with these labels is selected.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        match &self.requirements {
            Some(requirements) => requirements.iter().all(|requirement| requirement.matches(labels)),
            None => false,
        }
    }

    /// Whether nothing is required: an empty selector (matches everything) or an absent one (matches nothing).
    pub fn is_empty(&self) -> bool {
        self.requirements.as_ref().is_none_or(Vec::is_empty)
    }
}

impl Requirement {
    fn parse(expression: &Value) -> Result<Requirement, String> {
        let key = expression.get("key").and_then(Value::as_str).unwrap_or_default();
        let operator = expression.get("operator").and_then(Value::as_str).unwrap_or_default();
        let mut values = BTreeSet::new();
        for value in items(expression.get("values"), "values")? {
            values.insert(valid_value(key, value)?);
        }
        let operator = match (operator, values.is_empty()) {
            ("In", false) => Operator::In(values),
            ("NotIn", false) => Operator::NotIn(values),
            ("In" | "NotIn", true) => {
                return Err("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty".into());
            }
            ("Exists", true) => Operator::Exists,
            ("DoesNotExist", true) => Operator::DoesNotExist,
            ("Exists" | "DoesNotExist", false) => {
                let values = Value::from_iter(values);
                return Err(format!(
                    "values: Invalid value: {values}: values set must be empty for exists and does not exist"
                ));
            }
            _ => return Err(format!("{operator:?} is not a valid label selector operator")),
        };
        Ok(Requirement { key: valid_key(key)?, operator })
    }

    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        match &self.operator {
            Operator::Equals(value) => found == Some(value),
            Operator::In(values) => found.is_some_and(|found| values.contains(found)),
            Operator::NotIn(values) => found.is_none_or(|found| !values.contains(found)),
            Operator::Exists => found.is_some(),
            Operator::DoesNotExist => found.is_none(),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().flatten().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match &self.operator {
            Operator::Equals(value) => write!(f, "{key}={value}"),
            Operator::In(values) => write!(f, "{key} in ({})", list(values)),
            Operator::NotIn(values) => write!(f, "{key} notin ({})", list(values)),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
        }
    }
}

fn entries<'a>(value: Option<&'a Value>, name: &str) -> Result<Vec<(&'a String, &'a Value)>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(entries)) => Ok(entries.iter().collect()),
        Some(other) => Err(format!("{name}: Invalid value: {other}: must be a map of text")),
    }
}

fn items<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a [Value], String> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(other) => Err(format!("{name}: Invalid value: {other}: must be a list")),
    }
}

fn valid_key(key: &str) -> Result<String, String> {
    match names::qualified_name(key).first() {
        Some(problem) => Err(format!("key: Invalid value: {key:?}: {problem}")),
        None => Ok(key.to_string()),
    }
}

fn valid_value(key: &str, value: &Value) -> Result<String, String> {
    let Some(text) = value.as_str() else {
        return Err(format!("values[{key}]: Invalid value: {value}: must be text"));
    };
    match names::label_value(text) {
        Some(problem) => Err(format!("values[{key}]: Invalid value: {text:?}: {problem}")),
        None => Ok(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    #[test]
    fn prints_as_kubernetes_does() {
        let selector = json!({
            "matchLabels": {"app": "a", "zone": ""},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["y", "x"]},
                {"key": "beta", "operator": "NotIn", "values": ["1"]},
                {"key": "c", "operator": "Exists"},
                {"key": "d", "operator": "DoesNotExist", "values": []},
            ]
        });
        let parsed = Selector::parse(&selector).unwrap();
        assert_eq!(parsed.to_string(), "app=a,beta notin (1),c,!d,tier in (x,y),zone=");
        assert!(!parsed.is_empty());
    }

    #[test]
    fn matches_as_kubernetes_does() {
        let table = [
            (json!(null), false),
            (json!({}), true),
            (json!({"matchLabels": {"a": "1"}}), true),
            (json!({"matchLabels": {"a": "2"}}), false),
            (json!({"matchLabels": {"b": ""}}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}), true),
            (json!({"matchExpressions": [{"key": "b", "operator": "In", "values": ["1", "2"]}]}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}), false),
            (json!({"matchExpressions": [{"key": "b", "operator": "NotIn", "values": ["1"]}]}), true),
            (json!({"matchExpressions": [{"key": "a", "operator": "Exists"}]}), true),
            (json!({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}), false),
        ];
        for (selector, expected) in table {
            assert_eq!(Selector::parse(&selector).unwrap().matches(&labels(&[("a", "1")])), expected, "{selector}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let table = [
            (json!([]), "must be an object"),
            (json!({"matchLabels": []}), "matchLabels: Invalid value: []: must be a map of text"),
            (json!({"matchLabels": {"a": 1}}), "values[a]: Invalid value: 1: must be text"),
            (json!({"matchLabels": {"a b": "x"}}), "key: Invalid value: \"a b\": name part must consist of"),
            (json!({"matchLabels": {"a": "-x"}}), "a valid label must be an empty string or consist of"),
            (json!({"matchExpressions": [{"key": "a", "operator": "Foo"}]}), "\"Foo\" is not a valid label selector"),
            (json!({"matchExpressions": [{"key": "a", "operator": "In"}]}), "values set can't be empty"),
            (
                json!({"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["x"]}]}),
                "values set must be empty",
            ),
            (json!({"matchExpressions": [7]}), "is not a valid label selector operator"),
        ];
        for (selector, expected) in table {
            let error = Selector::parse(&selector).unwrap_err();
            assert!(error.contains(expected), "{selector}: {error}");
        }
    }
}
