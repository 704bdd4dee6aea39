//! Lists of tags, page by page.

use serde::Deserialize;
use std::collections::HashSet;

/// Pages that are read at most.
const MOST_PAGES: usize = 1_000;
/// Tags that are kept at most.
const MOST_TAGS: usize = 100_000;
/// Bytes of tags that are kept at most.
const MOST_BYTES: usize = 8 << 20;

/// The pages so far.
#[derive(Default)]
pub struct Pages {
    /// Tags, in the order of the registry.
    pub tags: Vec<String>,
    bytes: usize,
    /// Pages that were taken in.
    count: usize,
    /// What was asked for, and where redirects led to.
    seen: HashSet<String>,
}

/// What a page is.
pub enum Page {
    /// The last one.
    Last,
    /// The next one is at this path and query.
    Next(String),
    /// It is no list of tags.
    Malformed,
    /// There is no end to them: why.
    Endless(String),
}

impl Pages {
    /// Takes in the page that `path` (with its query) gave, and its `Link`.
    pub fn take(&mut self, path: &str, body: &[u8], link: &str) -> Page {
        #[derive(Deserialize)]
        struct Given {
            // `null` for a repository without tags; absent: this is something else.
            tags: Option<Vec<String>>,
            #[serde(default)]
            name: Option<String>,
        }
        let Ok(given) = serde_json::from_slice::<Given>(body) else { return Page::Malformed };
        if given.tags.is_none() && given.name.is_none() {
            return Page::Malformed;
        }
        self.count += 1;
        self.seen.insert(path.to_string());
        for tag in given.tags.unwrap_or_default() {
            if is_tag(&tag) {
                self.bytes += tag.len();
                self.tags.push(tag);
            }
        }
        let Some(next) = next(path, link) else { return Page::Last };
        if self.tags.len() > MOST_TAGS || self.bytes > MOST_BYTES {
            return Page::Endless(format!("more than {MOST_TAGS} tags or {} MiB of them", MOST_BYTES >> 20));
        }
        if !self.seen.insert(next.clone()) {
            return Page::Endless("a page leads back to one that was read".to_string());
        }
        if self.count >= MOST_PAGES {
            return Page::Endless(format!("more than {MOST_PAGES} pages"));
        }
        Page::Next(next)
    }
}

/// Path and query of the next page. Only that: a registry behind a proxy may call itself by another name, and nothing that we
/// know of it is meant for another host. Quay leaves the brackets out.
fn next(path: &str, link: &str) -> Option<String> {
    for part in split(link) {
        let (target, parameters) = match part.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')) {
            Some((target, rest)) => (target, rest),
            None => part.split_once(';')?,
        };
        let relation = |parameter: &str| {
            let (name, value) = parameter.split_once('=')?;
            (name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next"))
                .then_some(())
        };
        if parameters.split(';').find_map(relation).is_some() {
            return Some(resolve(path, target.trim()));
        }
    }
    None
}

/// Links of a header: a comma within brackets separates nothing.
fn split(link: &str) -> Vec<&str> {
    let (mut parts, mut start, mut inside) = (Vec::new(), 0, false);
    for (at, char) in link.char_indices() {
        match char {
            '<' => inside = true,
            '>' => inside = false,
            ',' if !inside => {
                parts.push(link.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(link.get(start..).unwrap_or_default());
    parts
}

fn resolve(path: &str, target: &str) -> String {
    let rest = target
        .split_once("://")
        .map_or(target, |(_, rest)| rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"));
    let here = path.split_once('?').map_or(path, |(here, _)| here);
    if rest.starts_with('/') {
        rest.to_string()
    } else if rest.starts_with('?') {
        format!("{here}{rest}")
    } else {
        format!("{}/{rest}", here.rsplit_once('/').map_or("", |(folder, _)| folder))
    }
}

/// Letters, digits, `_`, `.` and `-`, at most 128, and neither of the last two first.
fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_the_next_page() {
        let here = "/v2/a/b/tags/list?n=2";
        for (link, wanted) in [
            ("", None),
            ("</v2/a/b/tags/list?last=x&n=2>; rel=\"next\"", Some("/v2/a/b/tags/list?last=x&n=2")),
            ("</v2/x>;rel=next", Some("/v2/x")),
            ("/v2/x?p=1; rel=next", Some("/v2/x?p=1")),
            ("/v2/x?p=1; rel=\"next\"", Some("/v2/x?p=1")),
            ("<https://other:5000/v2/x?p=1>; rel=\"next\"", Some("/v2/x?p=1")),
            ("<http://host>; rel=next", Some("/")),
            ("<?last=x>; rel=next", Some("/v2/a/b/tags/list?last=x")),
            ("<list?last=x>; rel=next", Some("/v2/a/b/tags/list?last=x")),
            ("</v2/p?a=1,2>; rel=prev, </v2/n?a=1,2>; title=\"x\"; rel=\"next\"", Some("/v2/n?a=1,2")),
            ("</v2/p>; rel=prev", None),
            ("</v2/p>", None),
            ("nonsense", None),
        ] {
            assert_eq!(next(here, link).as_deref(), wanted, "{link}");
        }
    }

    #[test]
    fn pages_and_what_is_none() {
        let mut pages = Pages::default();
        assert!(
            matches!(pages.take("/1", br#"{"name":"a","tags":["1.0",".x","1.0/2"]}"#, "</2>; rel=next"), Page::Next(next) if next == "/2")
        );
        assert!(matches!(pages.take("/2", br#"{"name":"a","tags":null}"#, ""), Page::Last));
        assert_eq!(pages.tags, ["1.0"]);
        for body in ["", "[]", "{}", "<html>", r#"{"tags":"x"}"#, r#"{"tags":[1]}"#, r#"{"errors":[]}"#] {
            assert!(matches!(Pages::default().take("/", body.as_bytes(), ""), Page::Malformed), "{body}");
        }
    }

    #[test]
    fn lists_without_an_end() {
        let page = |number: usize| format!(r#"{{"name":"a","tags":["t{number}"]}}"#);
        let mut pages = Pages::default();
        assert!(matches!(pages.take("/1", page(1).as_bytes(), "</2>; rel=next"), Page::Next(_)));
        assert!(matches!(pages.take("/2", page(2).as_bytes(), "</1>; rel=next"), Page::Endless(_)));
        let mut pages = Pages::default();
        let end = (0..5_000).find(|number| {
            let link = format!("</{}>; rel=next", number + 1);
            matches!(pages.take(&format!("/{number}"), page(*number).as_bytes(), &link), Page::Endless(_))
        });
        assert_eq!(end, Some(MOST_PAGES - 1));
        let long = format!("\"{}\"", "x".repeat(128));
        let large = format!(r#"{{"tags":[{}]}}"#, vec![long.as_str(); 20_000].join(","));
        let mut pages = Pages::default();
        let end = (0..100).find(|number| {
            matches!(
                pages.take(&format!("/{number}"), large.as_bytes(), &format!("</{}>; rel=next", number + 1)),
                Page::Endless(_)
            )
        });
        assert_eq!(end, Some(3));
    }
}
