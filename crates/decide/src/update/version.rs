//! Versions as Keel reads and orders them (spec: keel 1.2): one to three parts, an optional `v`, leading zeros, and a total
//! order in which the metadata does not count. This is not strict semver.

use std::cmp::Ordering;

/// A version.
#[derive(Clone, Debug)]
pub struct Version {
    /// Major, minor, patch; parts that are missing are 0.
    pub parts: [i64; 3],
    /// What stands behind `-`; empty when nothing does.
    pub pre_release: String,
}

impl Version {
    /// Reads a tag.
    pub fn parse(tag: &str) -> Option<Version> {
        let rest = tag.strip_prefix('v').unwrap_or(tag);
        let (rest, metadata) = split(rest, '+');
        let (numbers, pre_release) = split(rest, '-');
        if !metadata.is_none_or(is_dotted) || !pre_release.is_none_or(is_dotted) {
            return None;
        }
        let mut parts = [0; 3];
        let mut texts = numbers.split('.');
        for (index, part) in parts.iter_mut().enumerate() {
            match texts.next() {
                Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    *part = digits.parse().ok()?;
                }
                None if index > 0 => {}
                _ => return None,
            }
        }
        texts.next().is_none().then(|| Version { parts, pre_release: pre_release.unwrap_or_default().to_string() })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_dotted(text: &str) -> bool {
    text.split('.')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts).then_with(|| match (self.pre_release.is_empty(), other.pre_release.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => pre_releases(&self.pre_release, &other.pre_release),
        })
    }
}

fn pre_releases(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.split('.'), other.split('.'));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => identifiers(left, right),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

/// Numbers by their worth and before words; words by their bytes. A number too large is a word.
fn identifiers(left: &str, right: &str) -> Ordering {
    let number = |text: &str| text.parse::<u64>().ok().filter(|_| !text.starts_with('+'));
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_version() {
        for tag in [
            "1",
            "1.2",
            "1.2.3",
            "v1.2.3",
            "01.2.3",
            "1.2.3-rc.1",
            "1.2.3--",
            "1-2",
            "1.2.3+b",
            "1.2.3-a+b.c",
            "20240101",
            "v1",
        ] {
            assert!(Version::parse(tag).is_some(), "{tag}");
        }
        for tag in [
            "",
            "v",
            "latest",
            "V1.2.3",
            "1.2.3.4",
            "1.2.3-",
            "1.2.3+",
            "1..2",
            "1.2.",
            ".1",
            "vv1",
            " 1",
            "1 ",
            "1.2.x",
            "1.2.3-a..b",
            "1.2.3-a_b",
            "9223372036854775808",
            "1.2.3+a+b",
            "+1.2",
            "-1",
        ] {
            assert!(Version::parse(tag).is_none(), "{tag}");
        }
    }

    #[test]
    fn the_order() {
        let groups: [&[&str]; 12] = [
            &["0.9.9"],
            &["1.0.0-1"],
            &["1.0.0-2"],
            &["1.0.0-10"],
            &["1.0.0-alpha"],
            &["1.0.0-alpha.1"],
            &["1.0.0-ls101"],
            &["1.0.0-ls99"],
            &["1.0.0-rc10"],
            &["1.0.0-rc9"],
            &["1", "1.0", "v1.0.0", "01.0.0", "1.0.0+b1", "1.0.0+b2"],
            &["1.0.1-dev"],
        ];
        for (i, left) in groups.iter().enumerate() {
            for (j, right) in groups.iter().enumerate() {
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (a, b))) {
                    assert_eq!(Version::parse(a).unwrap().cmp(&Version::parse(b).unwrap()), i.cmp(&j), "{a} {b}");
                }
            }
        }
    }
}
