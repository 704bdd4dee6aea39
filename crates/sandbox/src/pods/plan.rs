//! What a container runs here, from its image and command: nothing is ever pulled.

use super::demo::{Behaviour, tag_of};
use serde_json::Value;
use std::time::Duration;

/// What one container runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Runs {
    /// The built-in image.
    Demo(Behaviour),
    /// Its own command as a local process; the raw container.
    Command(Value),
}

/// Why a container can't run, in the words that `kubectl get pods` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
}

impl Waiting {
    fn because(reason: &str, message: String) -> Waiting {
        Waiting { reason: reason.to_string(), message }
    }
}

/// What the containers of a pod run, in their order; the first one takes the traffic.
///
/// # Errors
/// Why the first one that can't run does not.
pub fn containers(pod: &Value) -> Result<Vec<Runs>, Waiting> {
    pod["spec"]["containers"].as_array().into_iter().flatten().map(container).collect()
}

fn container(container: &Value) -> Result<Runs, Waiting> {
    let image = container["image"].as_str().unwrap_or_default();
    if let Some(tag) = tag_of(image) {
        let behaviour = Behaviour::of_tag(tag);
        return behaviour
            .map(Runs::Demo)
            .map_err(|error| Waiting::because("ErrImagePull", format!("image {image:?}: {error}")));
    }
    let has_command = container["command"].as_array().is_some_and(|words| !words.is_empty());
    if has_command {
        return Ok(Runs::Command(container.clone()));
    }
    let remedy = "the sandbox pulls no images: use serinus/demo:<version>, or give the container a command to run here";
    Err(Waiting::because("ErrImagePull", format!("image {image:?}: {remedy}")))
}

/// When a pod is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Path that must answer with a status below 400; absent: a connection is enough.
    pub path: Option<String>,
    /// Wait before the first look.
    pub delay: Duration,
    /// Wait between two looks.
    pub period: Duration,
    /// Bad looks in a row that make a ready pod unready.
    pub failures: u32,
}

impl Probe {
    /// The readiness probe of the first container. Without one a connection to a server is enough.
    pub fn of(pod: &Value) -> Probe {
        let raw = &pod["spec"]["containers"][0]["readinessProbe"];
        let number = |field: &str, or: u64| raw[field].as_u64().unwrap_or(or);
        let path = raw["httpGet"].is_object().then(|| raw["httpGet"]["path"].as_str().unwrap_or("/").to_string());
        Probe {
            path,
            delay: Duration::from_secs(number("initialDelaySeconds", 0)),
            period: Duration::from_secs(number("periodSeconds", 1).max(1)),
            failures: u32::try_from(number("failureThreshold", 3)).unwrap_or(3).max(1),
        }
    }
}

/// How long the pod may take to end.
pub fn grace(pod: &Value) -> Duration {
    let seconds = &pod["metadata"]["deletionGracePeriodSeconds"];
    let seconds = seconds.as_u64().or_else(|| pod["spec"]["terminationGracePeriodSeconds"].as_u64());
    Duration::from_secs(seconds.unwrap_or(30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn images_and_commands() {
        let pod = |container: Value| json!({"spec": {"containers": [container]}});
        for (container, want) in [
            (json!({"image": "serinus/demo:2.0.0-errors5"}), "demo 5"),
            (json!({"image": "nginx:1", "command": ["sh"]}), "command"),
            (json!({"image": "nginx:1"}), "ErrImagePull"),
            (json!({"image": "serinus/demo:1-errors200"}), "ErrImagePull"),
        ] {
            let seen = match containers(&pod(container.clone())) {
                Ok(runs) => match &runs[0] {
                    Runs::Demo(behaviour) => format!("demo {}", behaviour.errors),
                    Runs::Command(_) => "command".to_string(),
                },
                Err(waiting) => waiting.reason,
            };
            assert_eq!(seen, want, "{container}");
        }
        let waiting = containers(&pod(json!({"image": "nginx:1"}))).unwrap_err();
        assert!(waiting.message.contains("\"nginx:1\"") && waiting.message.contains("command"), "{}", waiting.message);
    }
}
