//! JSONPath as `kubectl` has it: `{$.a.b[0]}`, wildcards, slices, `..`, and filters.

use serde_json::Value;

/// More hits are not looked for.
const MOST: usize = 10_000;
/// A longer path is refused.
const LONGEST: usize = 4096;

/// Everything a path finds, in order.
///
/// # Errors
/// The path is not one, or names a field that is not there.
pub fn find<'a>(template: &str, root: &'a Value) -> Result<Vec<&'a Value>, String> {
    let trimmed = template.trim();
    let inner = trimmed.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner =
        inner.ok_or_else(|| format!("{template:?} is no JSONPath: write it in braces, {{$.a.b[0]}} for example"))?;
    if inner.len() > LONGEST {
        return Err(format!("the JSONPath is longer than {LONGEST} bytes"));
    }
    let mut reader = Reader { text: inner.trim(), root };
    let found = reader.path(vec![root])?;
    if reader.text.is_empty() {
        Ok(found)
    } else {
        Err(format!("unexpected {:?} in JSONPath {template:?}", reader.text))
    }
}

struct Reader<'t, 'a> {
    text: &'t str,
    root: &'a Value,
}

impl<'t, 'a> Reader<'t, 'a> {
    fn accept(&mut self, sign: &str) -> bool {
        match self.text.strip_prefix(sign) {
            Some(rest) => {
                self.text = rest;
                true
            }
            None => false,
        }
    }

    /// Follows a path as far as it goes.
    fn path(&mut self, mut at: Vec<&'a Value>) -> Result<Vec<&'a Value>, String> {
        if self.accept("$") {
            at = vec![self.root];
        } else {
            self.accept("@");
        }
        loop {
            if self.accept("..") {
                at = at.into_iter().flat_map(deep).take(MOST).collect();
                let name = self.name();
                at = at
                    .into_iter()
                    .filter_map(|value| if name.is_empty() { Some(value) } else { value.get(&name) })
                    .collect();
            } else if self.text.starts_with('.') {
                self.accept(".");
                at = self.field(at)?;
            } else if self.accept("[") {
                at = self.brackets(at)?;
            } else {
                return Ok(at);
            }
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(char) = self.text.chars().next() {
            let mut size = char.len_utf8();
            if char == '\\' {
                let Some(next) = self.text.chars().nth(1) else { break };
                size += next.len_utf8();
                name.push(next);
            } else if char.is_alphanumeric() || matches!(char, '_' | '-' | '/' | ':' | '*') {
                name.push(char);
            } else {
                break;
            }
            self.text = self.text.get(size..).unwrap_or_default();
        }
        name
    }

    fn field(&mut self, at: Vec<&'a Value>) -> Result<Vec<&'a Value>, String> {
        let name = self.name();
        match name.as_str() {
            "" => Ok(at),
            "*" => Ok(at.into_iter().flat_map(inner).take(MOST).collect()),
            _ => at.into_iter().map(|value| member(value, &name)).collect(),
        }
    }

    fn brackets(&mut self, at: Vec<&'a Value>) -> Result<Vec<&'a Value>, String> {
        if self.accept("?(") {
            return self.filter(at);
        }
        let end = self.text.find(']').ok_or("unterminated array in JSONPath")?;
        let (inside, rest) = self.text.split_at(end);
        self.text = rest.get(1..).unwrap_or_default();
        let mut found = Vec::new();
        for part in inside.split(',').map(str::trim) {
            for value in &at {
                select(value, part, &mut found)?;
            }
        }
        found.truncate(MOST);
        Ok(found)
    }

    /// `[?(@.a == "b")]`.
    fn filter(&mut self, at: Vec<&'a Value>) -> Result<Vec<&'a Value>, String> {
        let condition = self.text;
        let mut kept = Vec::new();
        let mut after = None;
        for value in at.into_iter().flat_map(inner).take(MOST) {
            let mut reader = Reader { text: condition, root: self.root };
            if reader.condition(value)? {
                kept.push(value);
            }
            after = Some(reader.text);
        }
        self.text = match after {
            Some(text) => text,
            // Nothing to look at: skip to the end of the filter.
            None => condition.find(")]").and_then(|end| condition.get(end..)).unwrap_or_default(),
        };
        if self.accept(")]") { Ok(kept) } else { Err("unterminated filter in JSONPath".to_string()) }
    }

    fn condition(&mut self, value: &'a Value) -> Result<bool, String> {
        self.text = self.text.trim_start();
        let left = self.operand(value)?;
        self.text = self.text.trim_start();
        const SIGNS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
        let Some(sign) = SIGNS.into_iter().find(|sign| self.accept(sign)) else { return Ok(left.is_some()) };
        self.text = self.text.trim_start();
        let right = self.operand(value)?;
        self.text = self.text.trim_start();
        let (Some(left), Some(right)) = (left, right) else { return Ok(false) };
        Ok(match sign {
            "==" => same(&left, &right),
            "!=" => !same(&left, &right),
            _ => ordered(sign, &left, &right),
        })
    }

    fn operand(&mut self, value: &'a Value) -> Result<Option<Value>, String> {
        if self.text.starts_with(['@', '$']) {
            let mut ahead = Reader { text: self.text, root: self.root };
            let found = ahead.path(vec![value]);
            // A field that is not there makes the comparison false, it is no error inside a filter.
            self.text = match &found {
                Ok(_) => ahead.text,
                Err(_) => skip_path(self.text),
            };
            return Ok(found.ok().and_then(|found| found.first().map(|value| (*value).clone())));
        }
        for quote in ['"', '\''] {
            if let Some(rest) = self.text.strip_prefix(quote) {
                let (text, rest) = rest.split_once(quote).ok_or("unterminated text in JSONPath")?;
                self.text = rest;
                return Ok(Some(Value::from(text)));
            }
        }
        let end = self.text.find([' ', ')', '=', '!', '<', '>']).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        serde_json::from_str(word).map(Some).map_err(|_| format!("unrecognized {word:?} in JSONPath filter"))
    }
}

fn skip_path(text: &str) -> &str {
    let end = text.find([' ', ')', '=', '!', '<', '>']).unwrap_or(text.len());
    text.get(end..).unwrap_or_default()
}

fn member<'a>(value: &'a Value, name: &str) -> Result<&'a Value, String> {
    value.get(name).ok_or_else(|| format!("{name} is not found"))
}

fn inner(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    }
}

/// The value and everything below it.
fn deep(value: &Value) -> Vec<&Value> {
    let mut all = vec![value];
    let mut next = 0;
    while let Some(value) = all.get(next).copied().filter(|_| all.len() < MOST) {
        all.extend(inner(value));
        next += 1;
    }
    all
}

fn select<'a>(value: &'a Value, part: &str, found: &mut Vec<&'a Value>) -> Result<(), String> {
    if part == "*" {
        found.extend(inner(value));
        return Ok(());
    }
    for quote in ['\'', '"'] {
        if let Some(name) = part.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            found.push(member(value, name)?);
            return Ok(());
        }
    }
    let items = value.as_array().ok_or_else(|| format!("{part} is asked of something that is no array"))?;
    let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let number = |text: &str, absent: i64| {
        let number = if text.is_empty() { Ok(absent) } else { text.parse() };
        number.map_err(|_| format!("invalid array index {part}"))
    };
    let from_end = |number: i64| if number < 0 { number + size } else { number };
    let mut bounds = part.split(':');
    let first = bounds.next().unwrap_or_default();
    let Some(second) = bounds.next() else {
        let wanted = from_end(number(first, 0)?);
        let item = usize::try_from(wanted).ok().and_then(|place| items.get(place));
        found.push(item.ok_or_else(|| format!("array index out of bounds: index {part}, length {size}"))?);
        return Ok(());
    };
    let (from, to) = (from_end(number(first, 0)?).clamp(0, size), from_end(number(second, size)?).clamp(0, size));
    let step = usize::try_from(number(bounds.next().unwrap_or_default(), 1)?).ok().filter(|step| *step > 0);
    let step = step.ok_or_else(|| format!("step must be > 0 in {part}"))?;
    let range = usize::try_from(from.min(to)).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
    found.extend(items.get(range).unwrap_or_default().iter().step_by(step));
    Ok(())
}

fn same(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn ordered(sign: &str, left: &Value, right: &Value) -> bool {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    };
    order.is_some_and(|order| match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_find_what_kubectl_finds() {
        let root = json!({
            "a": {"b": [1, 2, {"c": "x"}], "d-e": true, "f.g": 7},
            "items": [{"n": "p", "v": 1}, {"n": "q", "v": 2}, {"n": "r"}],
        });
        let table = [
            ("{$}", Ok(vec![root.clone()])),
            ("{$.a.b[0]}", Ok(vec![json!(1)])),
            ("{.a.b[2].c}", Ok(vec![json!("x")])),
            ("{ $.a.d-e }", Ok(vec![json!(true)])),
            ("{$.a['d-e']}", Ok(vec![json!(true)])),
            ("{$['a'][\"b\"][-1].c}", Ok(vec![json!("x")])),
            ("{$.a.f\\.g}", Ok(vec![json!(7)])),
            ("{$.a.b[0:2]}", Ok(vec![json!(1), json!(2)])),
            ("{$.a.b[0,1]}", Ok(vec![json!(1), json!(2)])),
            ("{$.items[*].n}", Ok(vec![json!("p"), json!("q"), json!("r")])),
            ("{$..v}", Ok(vec![json!(1), json!(2)])),
            ("{$.items[?(@.n == \"q\")].v}", Ok(vec![json!(2)])),
            ("{$.items[?(@.n=='q')].v}", Ok(vec![json!(2)])),
            ("{$.items[?(@.v > 1)].n}", Ok(vec![json!("q")])),
            ("{$.items[?(@.v)].n}", Ok(vec![json!("p"), json!("q")])),
            ("{$.nope}", Err("nope is not found")),
            ("{$.a.b[9]}", Err("array index out of bounds: index 9, length 3")),
            ("{$.a[0]}", Err("0 is asked of something that is no array")),
            ("$.a", Err("\"$.a\" is no JSONPath: write it in braces, {$.a.b[0]} for example")),
            ("{$.a.b[}", Err("unterminated array in JSONPath")),
        ];
        for (path, expected) in table {
            let found = find(path, &root).map(|found| found.into_iter().cloned().collect::<Vec<_>>());
            assert_eq!(found, expected.map_err(String::from), "{path}");
        }
    }
}
