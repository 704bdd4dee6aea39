//! Values of the arguments that a Rollout gives to a run (spec 4.1).

use crate::pass::Pass;
use serde_json::Value;
use serinus_gocompat::float;
use serinus_wire::Rollout;
use serinus_wire::analysis::Argument;
use serinus_wire::rollout::AnalysisArgument;

/// Hashes that arguments may ask for.
#[derive(Clone, Debug, Default)]
pub struct Hashes {
    /// Of the wanted set.
    pub latest: String,
    /// Of the stable set.
    pub stable: String,
}

impl Hashes {
    /// The hashes as they stand.
    pub fn of(pass: &Pass<'_>) -> Hashes {
        let latest = pass.sets.new_set().map_or_else(String::new, |set| set.hash().to_string());
        Hashes { latest, stable: pass.rollout.status.stable_rs.clone() }
    }
}

/// Arguments with values.
///
/// # Errors
/// One that can't be found.
pub fn resolve(rollout: &Rollout, given: &[AnalysisArgument], hashes: &Hashes) -> Result<Vec<Argument>, String> {
    given.iter().map(|argument| resolve_one(rollout, argument, hashes)).collect()
}

fn resolve_one(rollout: &Rollout, given: &AnalysisArgument, hashes: &Hashes) -> Result<Argument, String> {
    let mut value = given.value.clone();
    if let Some(source) = &given.value_from {
        if let Some(which) = &source.pod_template_hash_value {
            let hash = match which.as_str() {
                "Latest" => &hashes.latest,
                "Stable" => &hashes.stable,
                other => {
                    return Err(format!(
                        "argument {}: podTemplateHashValue {other:?} is unknown: use Stable or Latest",
                        given.name
                    ));
                }
            };
            value = Some(hash.clone());
        } else if let Some(field) = &source.field_ref {
            value = Some(
                field_value(rollout, &field.field_path).map_err(|error| format!("argument {}: {error}", given.name))?,
            );
        }
    }
    Ok(Argument { name: given.name.clone(), value, value_from: None })
}

/// A field of the Rollout, by a path as the downward API has it, or by names with points between them.
fn field_value(rollout: &Rollout, path: &str) -> Result<String, String> {
    let whole = serde_json::to_value(rollout).map_err(|error| error.to_string())?;
    let mut at = &whole;
    for step in steps(path) {
        at = match at {
            Value::Array(items) => step.parse().ok().and_then(|place: usize| items.get(place)),
            _ => at.get(&step),
        }
        .ok_or_else(|| format!("invalid path {path} in rollout"))?;
    }
    match at {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(truth) => Ok(truth.to_string()),
        Value::Number(number) => Ok(match number.as_i64() {
            Some(whole) => whole.to_string(),
            None => float::general(number.as_f64().unwrap_or_default()),
        }),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("path {path} in rollout must terminate in a primitive value"))
        }
    }
}

/// `a.b[0]['x.y']` in parts; quotes keep points together.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let mut quote = None;
    for char in path.chars() {
        match (quote, char) {
            (Some(open), _) if char == open => quote = None,
            (None, '\'' | '"') => quote = Some(char),
            (None, '.' | '[' | ']') => steps.push(String::new()),
            _ => {
                if let Some(last) = steps.last_mut() {
                    last.push(char);
                }
            }
        }
    }
    steps.retain(|step| !step.is_empty());
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_found() {
        let object = json!({
            "metadata": {"name": "web", "namespace": "prod", "labels": {"a.b/c": "d"}},
            "spec": {"replicas": 3, "strategy": {"canary": {"steps": [{"setWeight": 20}], "dynamicStableScale": true}}},
        });
        let rollout = Rollout::read(object).unwrap();
        let table = [
            ("metadata.name", Ok("web")),
            ("metadata.labels['a.b/c']", Ok("d")),
            ("spec.replicas", Ok("3")),
            ("spec.strategy.canary.steps[0].setWeight", Ok("20")),
            ("spec.strategy.canary.dynamicStableScale", Ok("true")),
            ("spec.nope", Err("invalid path spec.nope in rollout")),
            ("spec.strategy", Err("path spec.strategy in rollout must terminate in a primitive value")),
        ];
        for (path, value) in table {
            assert_eq!(field_value(&rollout, path), value.map(String::from).map_err(String::from), "{path}");
        }
    }
}
