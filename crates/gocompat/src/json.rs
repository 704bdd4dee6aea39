//! Go's JSON encoding of a value by its [`Shape`]: struct order, `omitempty`, sorted maps, HTML-safe text.

use crate::quantity;
use crate::shape::{Field, Omit, Shape, Type};
use serde_json::{Map, Value};
use std::fmt::Write;

/// How quantities are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Quantities {
    /// As Kubernetes prints them: `1024Mi` is `1Gi`.
    AsPrinted,
    /// By their worth, so that `1Gi` and `1073741824` are the same text.
    ByWorth,
}

/// The value as Go would write it. What does not fit the shape is left out or takes its zero value, as if it had not been said.
pub fn encode(shape: &Shape, value: &Value, quantities: Quantities) -> String {
    let mut encoder = Encoder { shape, quantities, out: String::new() };
    encoder.value(shape.root(), Some(value));
    encoder.out
}

/// Appends a text as Go's encoder quotes it.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing into a String can't fail.
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}

struct Encoder<'a> {
    shape: &'a Shape,
    quantities: Quantities,
    out: String,
}

impl Encoder<'_> {
    fn value(&mut self, kind: &Type, value: Option<&Value>) {
        match (kind, value) {
            (Type::Pointer(_), None | Some(Value::Null)) => self.out.push_str("null"),
            (Type::Pointer(inner), _) => self.value(inner, value),
            (Type::String, Some(Value::String(text))) => quote(text, &mut self.out),
            (Type::String, _) => self.out.push_str("\"\""),
            (Type::Bool, _) => self.out.push_str(if value == Some(&Value::Bool(true)) { "true" } else { "false" }),
            (Type::IntOrString, Some(Value::String(text))) => quote(text, &mut self.out),
            (Type::Int32 | Type::Int64 | Type::IntOrString, Some(Value::Number(number))) => self.int(number),
            (Type::Int32 | Type::Int64 | Type::IntOrString, _) => self.out.push('0'),
            (Type::Quantity, _) => self.quantity(value),
            (Type::Time, Some(Value::String(text))) => quote(text, &mut self.out),
            (Type::List(inner), Some(Value::Array(items))) => self.list(inner, items),
            (Type::Map(inner), Some(Value::Object(entries))) => self.map(inner, entries),
            (Type::Time | Type::List(_) | Type::Map(_), _) => self.out.push_str("null"),
            (Type::Struct(number), _) => self.fields(*number, value),
            (Type::Any, Some(value)) => self.any(value),
            (Type::Any, None) => self.out.push_str("null"),
        }
    }

    fn int(&mut self, number: &serde_json::Number) {
        // Clients may send 80.0 for 80; the API server stores whole numbers.
        let whole = number.as_i64().or_else(|| number.as_f64().map(|float| float as i64));
        let _ = write!(self.out, "{}", whole.unwrap_or(0));
    }

    fn quantity(&mut self, value: Option<&Value>) {
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => "0".to_string(),
        };
        let canonical = match self.quantities {
            Quantities::AsPrinted => quantity::canonical(&text),
            Quantities::ByWorth => quantity::worth(&text),
        };
        quote(canonical.as_deref().unwrap_or("0"), &mut self.out);
    }

    fn list(&mut self, inner: &Type, items: &[Value]) {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            self.value(inner, Some(item));
        }
        self.out.push(']');
    }

    fn map(&mut self, inner: &Type, entries: &Map<String, Value>) {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by_key(|(key, _)| key.as_str());
        self.entries(inner, sorted.into_iter());
    }

    fn entries<'v>(&mut self, inner: &Type, entries: impl Iterator<Item = (&'v String, &'v Value)>) {
        self.out.push('{');
        for (index, (key, value)) in entries.enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            quote(key, &mut self.out);
            self.out.push(':');
            self.value(inner, Some(value));
        }
        self.out.push('}');
    }

    fn fields(&mut self, number: usize, value: Option<&Value>) {
        let entries = value.and_then(Value::as_object);
        let mut first = true;
        self.out.push('{');
        let shape = self.shape;
        for field in shape.fields(number) {
            let value = entries.and_then(|entries| entries.get(&field.name));
            if vanishes(field, value) {
                continue;
            }
            if !first {
                self.out.push(',');
            }
            first = false;
            quote(&field.name, &mut self.out);
            self.out.push(':');
            self.value(&field.kind, value);
        }
        self.out.push('}');
    }

    /// JSON that Go keeps raw: its keys stay in the order they came in.
    fn any(&mut self, value: &Value) {
        match value {
            Value::Object(entries) => self.entries(&Type::Any, entries.iter()),
            Value::Array(items) => self.list(&Type::Any, items),
            Value::String(text) => quote(text, &mut self.out),
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                let _ = write!(self.out, "{value}");
            }
        }
    }
}

fn vanishes(field: &Field, value: Option<&Value>) -> bool {
    match field.omit {
        Omit::Never => false,
        Omit::Empty | Omit::Zero => is_empty(&field.kind, value, field.omit),
    }
}

/// Whether Go finds nothing in the field. A value that does not fit its type counts as not said.
fn is_empty(kind: &Type, value: Option<&Value>, omit: Omit) -> bool {
    match (kind, value) {
        (Type::Pointer(_) | Type::Any, value) => value.is_none_or(Value::is_null),
        (Type::String, Some(Value::String(text))) => text.is_empty(),
        (Type::Bool, Some(Value::Bool(flag))) => !flag,
        (Type::Int32 | Type::Int64, Some(Value::Number(number))) => number.as_f64() == Some(0.0),
        (Type::List(_), Some(Value::Array(items))) => items.is_empty() && omit == Omit::Empty,
        (Type::Map(_), Some(Value::Object(entries))) => entries.is_empty() && omit == Omit::Empty,
        (Type::String | Type::Bool | Type::Int32 | Type::Int64 | Type::List(_) | Type::Map(_), _) => true,
        (Type::Time, value) => omit == Omit::Zero && value.is_none_or(Value::is_null),
        (Type::Quantity | Type::IntOrString | Type::Struct(_), value) => {
            omit == Omit::Zero && value.is_none_or(Value::is_null)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_go_does() {
        let table = [
            ("a\"b\\c", r#""a\"b\\c""#),
            ("<b>&", r#""\u003cb\u003e\u0026""#),
            ("\n\r\t\u{8}\u{c}\u{1}\u{7f}", "\"\\n\\r\\t\\b\\f\\u0001\u{7f}\""),
            ("\u{2028}\u{2029}é😀", "\"\\u2028\\u2029é😀\""),
        ];
        for (text, expected) in table {
            let mut out = String::new();
            quote(text, &mut out);
            assert_eq!(out, expected);
        }
    }
}
