//! Functions over lists, with and without a predicate.

use super::ast::{Kind, Node};
use super::eval::Machine;
use super::operators::compare;
use super::{Fault, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// `filter(list, predicate)` and its kin.
pub fn over(
    machine: &mut Machine<'_>,
    at: usize,
    name: &str,
    list: &Value,
    body: Option<&Node>,
    rest: &[Node],
) -> Result<Value, Fault> {
    let items = items_of(at, name, list)?;
    machine.charge(at, items.len())?;
    let over = Over { at, name, items };
    match name {
        "all" | "none" | "any" | "one" | "count" => over.counted(machine, body),
        "filter" | "map" => over.kept(machine, body),
        "find" | "findIndex" | "findLast" | "findLastIndex" => over.found(machine, body),
        "sum" => over.sum(machine, body),
        "groupBy" => over.grouped(machine, body),
        "sortBy" => over.sorted(machine, body, rest),
        _ => over.reduced(machine, body, rest),
    }
}

fn items_of(at: usize, name: &str, list: &Value) -> Result<Vec<Value>, Fault> {
    list.items().ok_or_else(|| Fault::new(at, format!("builtin {name} takes only array (got {})", list.type_name())))
}

struct Over<'a> {
    at: usize,
    name: &'a str,
    items: Vec<Value>,
}

impl Over<'_> {
    fn value(&self, machine: &mut Machine<'_>, body: Option<&Node>, place: usize) -> Result<Value, Fault> {
        let item = self.items.get(place).cloned().unwrap_or_default();
        match body {
            Some(body) => machine.apply(body, item, place, Value::Nil),
            None => Ok(item),
        }
    }

    fn holds(&self, machine: &mut Machine<'_>, body: Option<&Node>, place: usize) -> Result<bool, Fault> {
        match self.value(machine, body, place)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(Fault::new(self.at, format!("predicate should return boolean (got {})", other.type_name()))),
        }
    }

    fn counted(&self, machine: &mut Machine<'_>, body: Option<&Node>) -> Result<Value, Fault> {
        let mut count = 0_usize;
        for place in 0..self.items.len() {
            let holds = self.holds(machine, body, place)?;
            count += usize::from(holds);
            match (self.name, holds) {
                ("all", false) | ("none", true) => return Ok(Value::Bool(false)),
                ("any", true) => return Ok(Value::Bool(true)),
                _ => {}
            }
        }
        Ok(match self.name {
            "all" | "none" => Value::Bool(true),
            "any" => Value::Bool(false),
            "one" => Value::Bool(count == 1),
            _ => Value::Int(i64::try_from(count).unwrap_or(i64::MAX)),
        })
    }

    fn kept(&self, machine: &mut Machine<'_>, body: Option<&Node>) -> Result<Value, Fault> {
        let mut kept = Vec::new();
        for (place, item) in self.items.iter().enumerate() {
            if self.name == "map" {
                kept.push(self.value(machine, body, place)?);
            } else if self.holds(machine, body, place)? {
                kept.push(item.clone());
            }
        }
        Ok(Value::list(kept))
    }

    fn found(&self, machine: &mut Machine<'_>, body: Option<&Node>) -> Result<Value, Fault> {
        let (size, last) = (self.items.len(), self.name.starts_with("findLast"));
        for step in 0..size {
            let place = if last { size - 1 - step } else { step };
            if self.holds(machine, body, place)? {
                return Ok(if self.name.ends_with("Index") {
                    Value::Int(i64::try_from(place).unwrap_or(i64::MAX))
                } else {
                    self.items.get(place).cloned().unwrap_or_default()
                });
            }
        }
        Ok(Value::Nil)
    }

    fn sum(&self, machine: &mut Machine<'_>, body: Option<&Node>) -> Result<Value, Fault> {
        let mut sum = Value::Int(0);
        for place in 0..self.items.len() {
            let value = self.value(machine, body, place)?;
            sum = super::numbers::arithmetic(super::ast::Binary::Add, &sum, &value)
                .map_err(|_| Fault::new(self.at, format!("cannot sum {}", value.type_name())))?;
        }
        Ok(sum)
    }

    fn grouped(&self, machine: &mut Machine<'_>, body: Option<&Node>) -> Result<Value, Fault> {
        let mut groups: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (place, item) in self.items.iter().enumerate() {
            let key = self.value(machine, body, place)?.to_string();
            groups.entry(key).or_default().push(item.clone());
        }
        Ok(Value::Map(Arc::new(groups.into_iter().map(|(key, items)| (key, Value::list(items))).collect())))
    }

    fn sorted(&self, machine: &mut Machine<'_>, body: Option<&Node>, rest: &[Node]) -> Result<Value, Fault> {
        let mut keyed = Vec::new();
        for (place, item) in self.items.iter().enumerate() {
            keyed.push((self.value(machine, body, place)?, item.clone()));
        }
        let order = rest.first().map(|node| machine.eval(node)).transpose()?;
        let down = descending(order.as_ref()).map_err(|message| Fault::new(self.at, message))?;
        sort(&mut keyed, |(key, _)| key, down).map_err(|message| Fault::new(self.at, message))?;
        Ok(Value::list(keyed.into_iter().map(|(_, item)| item).collect()))
    }

    fn reduced(&self, machine: &mut Machine<'_>, body: Option<&Node>, rest: &[Node]) -> Result<Value, Fault> {
        let mut places = 0..self.items.len();
        let mut accumulated = match rest.first() {
            Some(node) => machine.eval(node)?,
            None => match places.next().and_then(|first| self.items.get(first)) {
                Some(first) => first.clone(),
                None => return Err(Fault::new(self.at, "reduce of empty array with no initial value")),
            },
        };
        let nothing = Node { at: self.at, kind: Kind::Literal(Value::Nil), depth: 1 };
        for place in places {
            let item = self.items.get(place).cloned().unwrap_or_default();
            accumulated = machine.apply(body.unwrap_or(&nothing), item, place, accumulated)?;
        }
        Ok(accumulated)
    }
}

/// Whether an order is `desc`; absent means `asc`.
fn descending(order: Option<&Value>) -> Result<bool, String> {
    match order {
        None => Ok(false),
        Some(Value::Text(order)) if &**order == "asc" => Ok(false),
        Some(Value::Text(order)) if &**order == "desc" => Ok(true),
        Some(other) => Err(format!("invalid order {other}, expected asc or desc")),
    }
}

/// Sorts stably; fails when two keys can't be compared.
fn sort<T>(items: &mut [T], key: impl Fn(&T) -> &Value, down: bool) -> Result<(), String> {
    let mut failed = None;
    items.sort_by(|a, b| {
        let order = match compare(key(a), key(b)) {
            Some(order) => order.unwrap_or(Ordering::Equal),
            None => {
                failed = Some(format!("cannot compare {} with {}", key(a).type_name(), key(b).type_name()));
                Ordering::Equal
            }
        };
        if down { order.reverse() } else { order }
    });
    failed.map_or(Ok(()), Err)
}

/// Functions over lists without a predicate; `None` when the name is none of them.
pub fn call(name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let wrong = |value: &Value| Err(format!("cannot {name} {}", value.type_name()));
    let first = arguments.first().cloned().unwrap_or_default();
    let answer = match name {
        "first" | "last" => match first.items() {
            Some(items) => Ok(if name == "first" { items.first() } else { items.last() }.cloned().unwrap_or_default()),
            None => wrong(&first),
        },
        "take" => match (first.items(), arguments.get(1)) {
            (Some(items), Some(Value::Int(size))) if *size >= 0 => {
                Ok(Value::list(items.into_iter().take(usize::try_from(*size).unwrap_or(usize::MAX)).collect()))
            }
            _ => wrong(&first),
        },
        "reverse" => match first.items() {
            Some(items) => Ok(Value::list(items.into_iter().rev().collect())),
            None => wrong(&first),
        },
        "uniq" => match first.items() {
            Some(items) => Ok(Value::list(unique(items))),
            None => wrong(&first),
        },
        "concat" => {
            let lists: Option<Vec<_>> = arguments.iter().map(Value::items).collect();
            lists.map(|lists| Value::list(lists.into_iter().flatten().collect())).map_or_else(|| wrong(&first), Ok)
        }
        "flatten" => match first.items() {
            Some(items) => Ok(Value::list(flat(items))),
            None => wrong(&first),
        },
        "sort" => match first.items() {
            Some(mut items) => descending(arguments.get(1))
                .and_then(|down| sort(&mut items, |item| item, down))
                .map(|()| Value::list(items)),
            None => wrong(&first),
        },
        "min" | "max" => extreme(name, arguments),
        "mean" | "median" => middle(name, arguments),
        _ => return None,
    };
    Some(answer)
}

fn unique(items: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        // Bounded by the budget of the list itself: 1,000 different items are compared half a million times.
        if !kept.iter().any(|known| known.same(&item)) {
            kept.push(item);
        }
    }
    kept
}

fn flat(items: Vec<Value>) -> Vec<Value> {
    items
        .into_iter()
        .flat_map(|item| match item.items() {
            Some(inner) => flat(inner),
            None => vec![item],
        })
        .collect()
}

/// All numbers of all arguments, lists opened.
fn numbers(arguments: &[Value]) -> Vec<Value> {
    flat(arguments.to_vec())
}

fn extreme(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let mut best: Option<Value> = None;
    for value in numbers(arguments) {
        if value.as_float().is_none() {
            return Err(format!("invalid argument for {name} (type {})", value.type_name()));
        }
        let better = match &best {
            None => true,
            Some(best) => {
                let order = compare(&value, best).flatten();
                order == Some(if name == "min" { Ordering::Less } else { Ordering::Greater })
            }
        };
        if better {
            best = Some(value);
        }
    }
    Ok(best.unwrap_or_default())
}

fn middle(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let values = numbers(arguments);
    let wrong = |value: &Value| format!("invalid argument for {name} (type {})", value.type_name());
    let mut values =
        values.iter().map(|value| value.as_float().ok_or_else(|| wrong(value))).collect::<Result<Vec<_>, _>>()?;
    if values.is_empty() {
        return Ok(Value::Float(0.0));
    }
    if name == "mean" {
        return Ok(Value::Float(values.iter().sum::<f64>() / values.len() as f64));
    }
    values.sort_by(f64::total_cmp);
    let (half, value) = (values.len() / 2, |place: usize| values.get(place).copied().unwrap_or_default());
    Ok(Value::Float(if values.len() % 2 == 1 { value(half) } else { (value(half - 1) + value(half)) / 2.0 }))
}
