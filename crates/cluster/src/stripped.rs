//! An object of the API without what nobody reads. It is skipped while the text is parsed: with many managers it makes up most of an object.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serinus_wire::keys;
use std::fmt::{self, Formatter};

/// The object that is left: all but who manages which field, and what was applied last.
pub(crate) struct Stripped(pub Value);

impl<'de> Deserialize<'de> for Stripped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Fields(Place::Object).deserialize(deserializer).map(Stripped)
    }
}

/// Where in an object a map is.
#[derive(Clone, Copy)]
enum Place {
    Object,
    Metadata,
    Annotations,
}

/// Reads a map, but for the fields that nobody reads at its place.
struct Fields(Place);

impl Fields {
    fn is_dropped(&self, key: &str) -> bool {
        match self.0 {
            Place::Object => false,
            Place::Metadata => key == "managedFields",
            Place::Annotations => key == keys::LAST_APPLIED,
        }
    }

    /// What the value of a key is read as, when it is a map of which something is dropped.
    fn below(&self, key: &str) -> Option<Place> {
        match (self.0, key) {
            (Place::Object, "metadata") => Some(Place::Metadata),
            (Place::Metadata, "annotations") => Some(Place::Annotations),
            _ => None,
        }
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Value;

    fn expecting(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self.0 {
            Place::Object => "an object",
            Place::Metadata => "the metadata of an object",
            Place::Annotations => "annotations",
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.is_dropped(&key) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(place) = self.below(&key) {
                out.insert(key, map.next_value_seed(Fields(place))?);
            } else {
                out.insert(key, map.next_value()?);
            }
        }
        Ok(Value::Object(out))
    }

    // What should be a map and is something else is kept as it is: whoever reads it says so.

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(item) = items.next_element()? {
            out.push(item);
        }
        Ok(Value::Array(out))
    }
}

impl<'de> DeserializeSeed<'de> for Fields {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_is_kept_but_what_nobody_reads_at_its_place() {
        let object = json!({"kind": "Pod", "managedFields": 1, "metadata": {"name": "a", "managedFields": [{"manager": "x"}],
            "annotations": {keys::LAST_APPLIED: "{}", "managedFields": "kept"}, "labels": null},
            "spec": {"annotations": {keys::LAST_APPLIED: "kept"}, "list": [1, -1, 0.5, true, "x", null]}});
        let kept = json!({"kind": "Pod", "managedFields": 1, "metadata": {"name": "a",
            "annotations": {"managedFields": "kept"}, "labels": null},
            "spec": {"annotations": {keys::LAST_APPLIED: "kept"}, "list": [1, -1, 0.5, true, "x", null]}});
        assert_eq!(serde_json::from_str::<Stripped>(&object.to_string()).unwrap().0, kept);
    }

    #[test]
    fn what_is_no_map_is_kept_for_whoever_reads_it() {
        for odd in [json!(null), json!(true), json!(-1), json!(1), json!(0.5), json!("x"), json!([1])] {
            for object in [odd.clone(), json!({"metadata": odd}), json!({"metadata": {"annotations": odd}})] {
                assert_eq!(serde_json::from_str::<Stripped>(&object.to_string()).unwrap().0, object);
            }
        }
    }
}
