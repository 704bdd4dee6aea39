//! `spec.selector`: there, well spelled, and not empty.

use crate::finding::Finding;
use crate::names;
use crate::rollout::Rollout;
use crate::selector::Selector;
use serde_json::Value;

const PATH: &str = "spec.selector";

/// The first thing that is wrong. With a workload the selector may come from there.
pub(super) fn check(rollout: &Rollout) -> Option<Finding> {
    if rollout.spec.workload_ref.is_some() {
        return None;
    }
    let Some(selector) = rollout.spec.selector.as_ref().filter(|selector| !selector.is_null()) else {
        return Some(
            Finding::required(PATH, "Rollout has missing field '.spec.selector'")
                .hint("select the labels of spec.template, for example matchLabels: {app: <name>}"),
        );
    };
    match_labels(selector).or_else(|| match_expressions(selector)).or_else(|| match Selector::parse(selector) {
        Err(problem) => Some(Finding::invalid(PATH, selector, problem)),
        Ok(parsed) if parsed.is_empty() => Some(
            Finding::invalid(PATH, selector, "empty selector is invalid for deployment")
                .hint("select the labels of spec.template, for example matchLabels: {app: <name>}"),
        ),
        Ok(_) => None,
    })
}

fn match_labels(selector: &Value) -> Option<Finding> {
    let path = format!("{PATH}.matchLabels");
    selector.get("matchLabels")?.as_object()?.iter().find_map(|(key, value)| {
        let (wrong, problem) = match names::qualified_name(key).into_iter().next() {
            Some(problem) => (key.as_str(), problem),
            None => (value.as_str()?, names::label_value(value.as_str()?)?.to_string()),
        };
        Some(Finding::invalid(path.clone(), &wrong.into(), problem))
    })
}

fn match_expressions(selector: &Value) -> Option<Finding> {
    let expressions = selector.get("matchExpressions")?.as_array()?;
    expressions.iter().enumerate().find_map(|(index, expression)| {
        let path = format!("{PATH}.matchExpressions[{index}]");
        let text = |key: &str| expression.get(key).and_then(Value::as_str).unwrap_or_default();
        let empty = expression.get("values").and_then(Value::as_array).is_none_or(Vec::is_empty);
        match (text("operator"), empty) {
            ("In" | "NotIn", false) | ("Exists" | "DoesNotExist", true) => None,
            ("In" | "NotIn", true) => Some(Finding::required(
                format!("{path}.values"),
                "must be specified when `operator` is 'In' or 'NotIn'",
            )),
            ("Exists" | "DoesNotExist", false) => Some(Finding::forbidden(
                format!("{path}.values"),
                "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            )),
            (operator, _) => Some(
                Finding::invalid(format!("{path}.operator"), &operator.into(), "not a valid selector operator")
                    .hint("use In, NotIn, Exists or DoesNotExist"),
            ),
        }
        .or_else(|| {
            let problem = names::qualified_name(text("key")).into_iter().next()?;
            Some(Finding::invalid(format!("{path}.key"), &text("key").into(), problem))
        })
    })
}
