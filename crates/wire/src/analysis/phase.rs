//! Phases of runs, metrics, measurements and experiments.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// How a run, a metric, a measurement or an experiment stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing happened yet.
    #[default]
    Pending,
    /// Under way.
    Running,
    /// It came out well.
    Successful,
    /// It came out badly.
    Failed,
    /// It could not be told for a technical reason.
    Error,
    /// It came out neither well nor badly.
    Inconclusive,
}

impl Phase {
    /// Whether nothing more will happen.
    pub fn is_completed(self) -> bool {
        match self {
            Phase::Successful | Phase::Failed | Phase::Error | Phase::Inconclusive => true,
            Phase::Pending | Phase::Running => false,
        }
    }

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Running => "Running",
            Phase::Successful => "Successful",
            Phase::Failed => "Failed",
            Phase::Error => "Error",
            Phase::Inconclusive => "Inconclusive",
        }
    }

    /// How bad it is, 0 the best (spec 4.3, 8): of several phases the worst is the whole's.
    pub fn badness(self) -> u8 {
        match self {
            Phase::Successful => 0,
            Phase::Running => 1,
            Phase::Pending => 2,
            Phase::Inconclusive => 3,
            Phase::Error => 4,
            Phase::Failed => 5,
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn worse(self, other: Phase) -> Phase {
        if other.badness() > self.badness() { other } else { self }
    }
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl JsonSchema for Phase {
    fn schema_name() -> Cow<'static, str> {
        "Phase".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// An empty text is a phase that nobody decided yet.
pub(crate) fn maybe<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?.unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    T::deserialize(serde::de::value::CowStrDeserializer::new(text)).map(Some)
}

/// Where a phase must stand, one that nobody decided yet is an empty text.
pub(crate) fn or_empty<S: Serializer>(phase: &Option<Phase>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(phase.map_or("", Phase::as_str))
}
