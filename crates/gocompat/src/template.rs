//! Placeholders in double braces: `{{args.name}}`.

/// Replaces every placeholder by what `resolve` says of its name, spaces around the name not counted. An opening without a
/// closing is text.
///
/// # Errors
/// The first placeholder that `resolve` does not know.
pub fn fill(text: &str, mut resolve: impl FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let Some((tag, after)) = behind.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(&resolve(tag.trim()).ok_or_else(|| format!("failed to resolve {{{{{tag}}}}}"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// A text as it stands inside the quotes of a JSON string.
pub fn quoted(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled() {
        let table = [
            ("no", Ok("no")),
            ("{{args.a}}-{{ args.a }}", Ok("1-1")),
            ("{{args.b}}", Err("failed to resolve {{args.b}}")),
            ("{{ nope }} {{args.a}}", Err("failed to resolve {{ nope }}")),
            ("{{args.a", Ok("{{args.a")),
            ("}} {{args.a}}", Ok("}} 1")),
        ];
        for (text, filled) in table {
            let found = fill(text, |name| (name == "args.a").then(|| "1".to_string()));
            assert_eq!(found.as_deref().map_err(String::as_str), filled, "{text}");
        }
        assert_eq!(quoted("a\"b\n"), "a\\\"b\\n");
    }
}
