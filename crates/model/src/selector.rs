//! Selectors: which objects a list, a watch or a controller means, from its labels or its fields.

use crate::failure::Failure;
use crate::object::Fields;
use serde_json::{Map, Value};

/// A label selector: all terms must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labels(Vec<Term>);

/// One term of a label selector.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The label has one of these values.
    In(String, Vec<String>),
    /// The label has none of these values, or is absent.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is absent.
    Absent(String),
    /// Never.
    Never,
}

impl Labels {
    /// Reads the text form of a query: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    pub fn parse(text: &str) -> Result<Labels, Failure> {
        crate::selector_text::terms(text).map(Labels).map_err(Failure::bad_request)
    }
    /// Reads the object form (`matchLabels`, `matchExpressions`). No selector matches nothing, an empty one everything.
    pub fn from_object(selector: Option<&Value>) -> Labels {
        let Some(selector) = selector.filter(|s| s.is_object()) else { return Labels(vec![Term::Never]) };
        let mut terms: Vec<Term> = exact(selector.map("/matchLabels"));
        for expression in selector.items("/matchExpressions") {
            let key = expression.text("/key").to_string();
            let values = expression.items("/values").iter().filter_map(Value::as_str).map(str::to_string).collect();
            terms.push(match expression.text("/operator") {
                "In" => Term::In(key, values),
                "NotIn" => Term::NotIn(key, values),
                "Exists" => Term::Exists(key),
                "DoesNotExist" => Term::Absent(key),
                _ => Term::Never,
            });
        }
        Labels(terms)
    }
    /// Reads the plain map of a Service; an absent or empty one matches nothing.
    pub fn from_map(map: Option<&Map<String, Value>>) -> Labels {
        match map {
            Some(map) if !map.is_empty() => Labels(exact(Some(map))),
            _ => Labels(vec![Term::Never]),
        }
    }
    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether the labels of an object match.
    pub fn matches(&self, object: &Value) -> bool {
        self.matches_map(object.map("/metadata/labels"))
    }
    /// Whether these labels match.
    pub fn matches_map(&self, labels: Option<&Map<String, Value>>) -> bool {
        let value = |key: &str| labels.and_then(|map| map.get(key)).and_then(Value::as_str);
        self.0.iter().all(|term| match term {
            Term::In(key, wanted) => value(key).is_some_and(|v| wanted.iter().any(|w| w == v)),
            Term::NotIn(key, refused) => value(key).is_none_or(|v| refused.iter().all(|r| r != v)),
            Term::Exists(key) => value(key).is_some(),
            Term::Absent(key) => value(key).is_none(),
            Term::Never => false,
        })
    }
}

fn exact(map: Option<&Map<String, Value>>) -> Vec<Term> {
    let entries = map.into_iter().flatten();
    entries.map(|(key, value)| Term::In(key.clone(), vec![value.as_str().unwrap_or_default().to_string()])).collect()
}

/// A field selector: all terms must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldTerms(Vec<(String, String, bool)>);

impl FieldTerms {
    /// Reads `metadata.name=a,status.phase!=Failed`, with only the fields that the kind can be selected by.
    pub fn parse(text: &str, kind: &str, custom: bool) -> Result<FieldTerms, Failure> {
        let terms = Self::check(text)?;
        match terms.iter().find(|(field, ..)| !is_selectable(kind, field)) {
            Some((field, ..)) => Err(Failure::bad_request(not_selectable(kind, field, custom))),
            None => Ok(FieldTerms(terms)),
        }
    }
    /// Reads the text whatever kind it is for: field, value, and whether it must be equal.
    pub fn check(text: &str) -> Result<Vec<(String, String, bool)>, Failure> {
        let term = |part: &str| {
            let equal =
                || part.split_once("==").or_else(|| part.split_once('=')).map(|(field, value)| (field, value, true));
            let found = part.split_once("!=").map(|(field, value)| (field, value, false)).or_else(equal);
            found
                .map(|(field, value, wanted)| (field.to_string(), value.to_string(), wanted))
                .ok_or_else(|| Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'")))
        };
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(term).collect()
    }
    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Whether the object's fields match.
    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|(field, value, wanted)| (field_text(object, field) == *value) == *wanted)
    }
}

fn not_selectable(kind: &str, field: &str, custom: bool) -> String {
    match kind {
        "Job" => format!("field label {field:?} not supported for Job"),
        "Pod" | "Event" | "Node" | "Secret" | "Namespace" | "Service" => format!("field label not supported: {field}"),
        _ if custom => format!("field label not supported: {field}"),
        _ => format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
    }
}

fn field_text(object: &Value, field: &str) -> String {
    match object.pointer(&format!("/{}", field.replace('.', "/"))) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn is_selectable(kind: &str, field: &str) -> bool {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return true;
    }
    match kind {
        "Pod" => matches!(
            field,
            "spec.nodeName"
                | "spec.restartPolicy"
                | "spec.schedulerName"
                | "spec.serviceAccountName"
                | "status.phase"
                | "status.podIP"
        ),
        "Event" => {
            field.starts_with("involvedObject.") || matches!(field, "reason" | "type" | "source" | "reportingComponent")
        }
        "Node" => field == "spec.unschedulable",
        "Secret" => field == "type",
        "Namespace" => field == "status.phase",
        "Job" => field == "status.successful",
        "Service" => matches!(field, "spec.clusterIP" | "spec.type"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn label_terms_hold_as_in_kubernetes() {
        let object = json!({"metadata": {"labels": {"app": "web", "tier": "front"}}});
        let table = [
            ("", true),
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app=db", false),
            ("app!=db", true),
            ("none!=x", true),
            ("app in (db, web)", true),
            ("app notin (db,web)", false),
            ("none notin (a)", true),
            ("app", true),
            ("!app", false),
            ("!none", true),
            ("app in (web),!none,tier!=back", true),
        ];
        for (text, expected) in table {
            assert_eq!(Labels::parse(text).expect(text).matches(&object), expected, "{text}");
        }
    }

    #[test]
    fn an_absent_selector_object_matches_nothing_and_an_empty_one_everything() {
        let object = json!({"metadata": {"labels": {"app": "web"}}});
        assert!(!Labels::from_object(None).matches(&object));
        assert!(Labels::from_object(Some(&json!({}))).matches(&object));
        assert!(!Labels::from_map(Some(&Map::new())).matches(&object));
        let expression = json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}, {"key": "x", "operator": "DoesNotExist"}]});
        assert!(Labels::from_object(Some(&expression)).matches(&object));
    }

    #[test]
    fn field_terms_know_their_kind() {
        let pod = json!({"metadata": {"name": "a", "namespace": "n"}, "spec": {"nodeName": "x"}, "status": {"phase": "Running"}});
        for (text, expected) in [
            ("metadata.name=a", true),
            ("spec.nodeName!=x", false),
            ("status.phase=Running,metadata.namespace=n", true),
        ] {
            assert_eq!(FieldTerms::parse(text, "Pod", false).expect(text).matches(&pod), expected, "{text}");
        }
        assert!(FieldTerms::parse("status.phase=Running", "ConfigMap", false).is_err());
    }
}
