//! Tables for people: what `kubectl get` shows.

mod columns;

use crate::catalogue::{Column, Kind, Shape};
use crate::object::Fields;
use crate::view::{Include, partial};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A `meta.k8s.io/v1` Table.
pub fn table(kind: &Kind, objects: &[&Value], include: Include, now: Timestamp, metadata: Value) -> Value {
    let columns = columns_of(kind);
    let definitions: Vec<Value> = columns
        .iter()
        .map(|column| {
            let format = if column.name == "Name" { "name" } else { "" };
            json!({"name": column.name, "type": column.kind, "format": format, "description": column.name, "priority": column.priority})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| {
            let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(object, now)).collect();
            match include {
                Include::Nothing => json!({"cells": cells}),
                Include::Metadata => json!({"cells": cells, "object": partial(object)}),
                Include::Object => json!({"cells": cells, "object": kind.to_shown(object)}),
            }
        })
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions, "rows": rows})
}

type Cell = Box<dyn Fn(&Value, Timestamp) -> Value>;

/// One column.
pub(crate) struct TableColumn {
    name: String,
    kind: String,
    priority: i64,
    cell: Cell,
}

/// A column with what it shows of an object at a time.
fn column(name: &str, kind: &str, priority: i64, cell: impl Fn(&Value, Timestamp) -> Value + 'static) -> TableColumn {
    TableColumn { name: name.to_string(), kind: kind.to_string(), priority, cell: Box::new(cell) }
}

fn columns_of(kind: &Kind) -> Vec<TableColumn> {
    let mut columns = vec![columns::name(0)];
    match &kind.shape {
        Shape::Custom(_, custom) if !custom.is_empty() => columns.extend(custom.iter().map(custom_column)),
        Shape::Custom(..) => columns.push(columns::age()),
        Shape::Typed(_) | Shape::Builtin(_) => return columns::builtin(&kind.kind),
    }
    columns
}

fn custom_column(custom: &Column) -> TableColumn {
    let (path, is_date) = (custom.path.clone(), custom.kind == "date");
    column(&custom.name, &custom.kind, custom.priority, move |object, now| {
        let value = simple_path(object, &path);
        match value {
            Some(value) if is_date => since(value.as_str().unwrap_or_default(), now).into(),
            Some(value) => value.clone(),
            None => Value::Null,
        }
    })
}

/// The first thing a JSONPath finds: fields, indices and `[?(@.a=="b")]`.
fn simple_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let mut here = object;
    let mut rest = path.trim_start_matches('.');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (inside, after) = inner.split_once(']')?;
            here = match inside.strip_prefix("?(@.").and_then(|filter| filter.strip_suffix(')')) {
                Some(filter) => {
                    let (field, wanted) = filter.split_once("==")?;
                    let wanted = wanted.trim_matches(|c| c == '"' || c == '\'');
                    here.as_array()?
                        .iter()
                        .find(|item| item.text(&format!("/{}", field.replace('.', "/"))) == wanted)?
                }
                None => match inside.parse::<usize>() {
                    Ok(at) => here.get(at)?,
                    Err(_) => here.get(inside.trim_matches(|c| c == '"' || c == '\''))?,
                },
            };
            rest = after.trim_start_matches('.');
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            here = here.get(&rest[..end])?;
            rest = rest[end..].trim_start_matches('.');
        }
    }
    Some(here)
}

/// How long ago, as kubectl shows it.
fn since(time: &str, now: Timestamp) -> String {
    let Ok(at) = time.parse::<Timestamp>() else { return "<unknown>".to_string() };
    let seconds = now.duration_since(at).as_secs();
    let two = |whole: i64, unit: &str, part: i64, small: &str| {
        if part == 0 { format!("{whole}{unit}") } else { format!("{whole}{unit}{part}{small}") }
    };
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..-1 => "<invalid>".to_string(),
        -1..=0 => "0s".to_string(),
        1..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        _ => two(days / 365, "y", days % 365, "d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_in_kubectl() {
        let now = Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24_000);
        for (ago, expected) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3_600, "60m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
        ] {
            let at = crate::object::stamp(now - jiff::SignedDuration::from_secs(ago));
            assert_eq!(since(&at, now), expected, "{ago}");
        }
    }

    #[test]
    fn json_paths_of_printer_columns_are_followed() {
        let object = json!({"spec": {"a": [{"t": "x", "v": 1}, {"t": "y", "v": 2}]}, "status": {"n": 3}});
        assert_eq!(simple_path(&object, ".status.n"), Some(&json!(3)));
        assert_eq!(simple_path(&object, ".spec.a[?(@.t==\"y\")].v"), Some(&json!(2)));
        assert_eq!(simple_path(&object, ".spec.a[0].v"), Some(&json!(1)));
        assert_eq!(simple_path(&object, ".status.gone"), None);
    }
}
