//! Findings: what is wrong with an object, in the words Kubernetes uses for field errors.

use serde_json::Value;
use std::fmt::{self, Display};

/// One thing that is wrong with an object, in words for the person who wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Path of the field, for example `spec.strategy.canary.steps[0].setWeight`.
    pub path: String,
    /// The full text as it is shown, path and value included.
    pub message: String,
    /// What to do about it, when the message does not say it.
    pub hint: Option<String>,
}

impl Finding {
    /// The value is there and wrong.
    pub fn invalid(path: impl Into<String>, value: &Value, text: impl Display) -> Finding {
        let path = path.into();
        Finding { message: format!("{path}: Invalid value: {}: {text}", shown(value)), path, hint: None }
    }

    /// The value is not there. An empty text leaves it at that.
    pub fn required(path: impl Into<String>, text: &str) -> Finding {
        let path = path.into();
        let colon = if text.is_empty() { "" } else { ": " };
        Finding { message: format!("{path}: Required value{colon}{text}"), path, hint: None }
    }

    /// Something is inconsistent that is no single value's fault.
    pub fn internal(path: impl Into<String>, text: impl Display) -> Finding {
        let path = path.into();
        Finding { message: format!("{path}: Internal error: {text}"), path, hint: None }
    }

    /// The value is none of those that are known.
    pub fn unsupported(path: impl Into<String>, value: &str, known: &[&str]) -> Finding {
        let path = path.into();
        let known: Vec<String> = known.iter().map(|known| format!("{known:?}")).collect();
        let message = format!("{path}: Unsupported value: {value:?}: supported values: {}", known.join(", "));
        Finding { message, path, hint: None }
    }

    /// The value is there twice.
    pub fn duplicate(path: impl Into<String>, value: &Value) -> Finding {
        let path = path.into();
        Finding { message: format!("{path}: Duplicate value: {}", shown(value)), path, hint: None }
    }

    /// The field may not be set here.
    pub fn forbidden(path: impl Into<String>, text: impl Display) -> Finding {
        let path = path.into();
        Finding { message: format!("{path}: Forbidden: {text}"), path, hint: None }
    }

    /// Whether the finding is that an object is not there which the field names, in the words of the peers.
    pub fn is_about_absence(&self) -> bool {
        self.message.ends_with(" not found")
    }

    /// The same finding with a remedy.
    #[must_use]
    pub fn hint(mut self, remedy: impl Into<String>) -> Finding {
        self.hint = Some(remedy.into());
        self
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The value as field errors show it; long ones end in an ellipsis so that a condition stays readable.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 2048;
    let mut text = value.to_string();
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
