//! Functions over texts.

use super::Value;

/// Functions over texts; `None` when the name is none of them.
pub fn call(name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
    let answer = match name {
        "string" => Ok(Value::text(arguments.first().unwrap_or(&Value::Nil).to_string())),
        "toJSON" => to_json(arguments),
        "join" => joined(arguments),
        "trim" | "trimPrefix" | "trimSuffix" | "upper" | "lower" => trimmed(name, arguments),
        "split" | "splitAfter" => split(name, arguments),
        "replace" => replaced(arguments),
        "repeat" => repeated(arguments),
        "indexOf" | "lastIndexOf" | "hasPrefix" | "hasSuffix" => searched(name, arguments),
        "fromJSON" => text(name, arguments, 0).and_then(|text| {
            let json = serde_json::from_str(text).map_err(|error| error.to_string())?;
            Ok(Value::from_json(&json))
        }),
        "toBase64" => text(name, arguments, 0).map(|text| Value::text(crate::base64::encode(text.as_bytes()))),
        "fromBase64" => text(name, arguments, 0).and_then(|text| {
            let bytes = crate::base64::decode(text).ok_or("illegal base64 data")?;
            Ok(Value::text(String::from_utf8_lossy(&bytes)))
        }),
        _ => return None,
    };
    Some(answer)
}

fn text<'a>(name: &str, arguments: &'a [Value], place: usize) -> Result<&'a str, String> {
    match arguments.get(place) {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(format!("invalid argument for {name} (type {})", other.type_name())),
        None => Err(format!("not enough arguments to call {name}")),
    }
}

fn whole(name: &str, arguments: &[Value], place: usize) -> Result<i64, String> {
    match arguments.get(place) {
        Some(Value::Int(number)) => Ok(*number),
        Some(other) => Err(format!("invalid argument for {name} (type {})", other.type_name())),
        None => Ok(-1),
    }
}

/// `json.MarshalIndent(value, "", "  ")`.
fn to_json(arguments: &[Value]) -> Result<Value, String> {
    let value = arguments.first().unwrap_or(&Value::Nil);
    let json = value.to_json().ok_or("json: unsupported value")?;
    serde_json::to_string_pretty(&json).map(Value::text).map_err(|error| error.to_string())
}

fn joined(arguments: &[Value]) -> Result<Value, String> {
    let list = arguments.first().unwrap_or(&Value::Nil);
    let wrong = || format!("cannot join {}", list.type_name());
    let items = list.items().ok_or_else(wrong)?;
    let texts: Option<Vec<&str>> = items
        .iter()
        .map(|item| match item {
            Value::Text(text) => Some(&**text),
            _ => None,
        })
        .collect();
    let glue = if arguments.len() > 1 { text("join", arguments, 1)? } else { "" };
    Ok(Value::text(texts.ok_or_else(wrong)?.join(glue)))
}

fn trimmed(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let whole = text(name, arguments, 0)?;
    let part = if arguments.len() > 1 { Some(text(name, arguments, 1)?) } else { None };
    Ok(Value::text(match (name, part) {
        ("upper", _) => whole.to_uppercase(),
        ("lower", _) => whole.to_lowercase(),
        ("trim", None) => whole.trim().to_string(),
        ("trim", Some(part)) => whole.trim_matches(|char| part.contains(char)).to_string(),
        ("trimPrefix", part) => whole.strip_prefix(part.unwrap_or(" ")).unwrap_or(whole).to_string(),
        (_, part) => whole.strip_suffix(part.unwrap_or(" ")).unwrap_or(whole).to_string(),
    }))
}

fn split(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let whole_text = text(name, arguments, 0)?;
    let separator = text(name, arguments, 1)?;
    let most = whole(name, arguments, 2)?;
    let parts: Vec<String> = if separator.is_empty() {
        whole_text.chars().map(String::from).collect()
    } else if name == "splitAfter" {
        whole_text.split_inclusive(separator).map(String::from).collect()
    } else {
        whole_text.split(separator).map(String::from).collect()
    };
    let mut parts = parts;
    if name == "splitAfter" && !separator.is_empty() && (whole_text.is_empty() || whole_text.ends_with(separator)) {
        parts.push(String::new());
    }
    if let Ok(most) = usize::try_from(most)
        && parts.len() > most
    {
        if most == 0 {
            parts.clear();
        } else {
            let glue = if name == "split" { separator } else { "" };
            let rest = parts.split_off(most - 1).join(glue);
            parts.push(rest);
        }
    }
    Ok(Value::list(parts.into_iter().map(Value::text).collect()))
}

fn replaced(arguments: &[Value]) -> Result<Value, String> {
    let (whole_text, old, new) =
        (text("replace", arguments, 0)?, text("replace", arguments, 1)?, text("replace", arguments, 2)?);
    Ok(Value::text(match usize::try_from(whole("replace", arguments, 3)?) {
        Ok(times) => whole_text.replacen(old, new, times),
        Err(_) => whole_text.replace(old, new),
    }))
}

fn repeated(arguments: &[Value]) -> Result<Value, String> {
    let times = usize::try_from(whole("repeat", arguments, 1)?).map_err(|_| "negative repeat count".to_string())?;
    Ok(Value::text(text("repeat", arguments, 0)?.repeat(times)))
}

fn searched(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let (whole, part) = (text(name, arguments, 0)?, text(name, arguments, 1)?);
    let place = |found: Option<usize>| Value::Int(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1));
    Ok(match name {
        "hasPrefix" => Value::Bool(whole.starts_with(part)),
        "hasSuffix" => Value::Bool(whole.ends_with(part)),
        "indexOf" => place(whole.find(part)),
        _ => place(whole.rfind(part)),
    })
}
