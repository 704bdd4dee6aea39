//! Regular expressions as Go's `regexp` understands them.

pub use regex::Regex;

/// Bytes that a compiled expression may take.
const LARGEST: usize = 1 << 20;

/// Compiles an expression.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let build = regex::RegexBuilder::new(&as_rust(pattern)).size_limit(LARGEST).dfa_size_limit(LARGEST).build();
    build.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => format!("error parsing regexp: `{pattern}` is too large"),
        _ => format!("error parsing regexp: `{pattern}` is not a regular expression"),
    })
}

/// Go's classes are about ASCII, Rust's about Unicode; `\Q…\E` quotes.
fn as_rust(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (before, behind) = rest.split_at(at);
        out.push_str(before);
        let mut chars = behind.chars();
        chars.next();
        let class = chars.next();
        rest = chars.as_str();
        match class {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str("[\\t\\n\\x0c\\r ]"),
            Some('S') => out.push_str("[^\\t\\n\\x0c\\r ]"),
            Some('b') => out.push_str("(?-u:\\b)"),
            Some('B') => out.push_str("(?-u:\\B)"),
            Some('Q') => {
                let (quoted, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
                out.push_str(&regex::escape(quoted));
                rest = behind;
            }
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_match_as_in_go() {
        let table = [
            ("test", "latest-test", true),
            ("^test", "latest", false),
            ("\\d+", "a1", true),
            ("\\d", "\u{661}", false),
            ("^[\\d-]+$", "1-2", true),
            ("^\\w+$", "é", false),
            ("(?i)É", "é", true),
            ("\\Qa.b\\E", "axb", false),
            ("\\Qa.b", "a.b", true),
            ("\\bab\\b", "x ab y", true),
            ("^\\pL+$", "é", true),
            ("\\.", "a.b", true),
        ];
        for (pattern, text, matches) in table {
            assert_eq!(compile(pattern).map(|regex| regex.is_match(text)), Ok(matches), "{pattern} {text}");
        }
    }

    #[test]
    fn wrong_and_enormous_ones_are_refused() {
        for pattern in ["(", "a{1000}{1000}", "\\"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
