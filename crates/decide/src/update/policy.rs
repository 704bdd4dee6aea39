//! Policies: whether one tag may replace another, and which tags of a list come first (spec: keel 1.2).

use super::expression::Expression;
use super::version::Version;
use serinus_wire::keel::Settings;
use std::cmp::Reverse;

/// When a tag replaces another.
#[derive(Clone, Debug)]
pub enum Policy {
    /// By version.
    Versions {
        /// How far a version may move.
        reach: Reach,
        /// A pre-release only replaces the same pre-release.
        match_pre_release: bool,
    },
    /// Whatever comes, unless both are versions and the new one is not greater.
    Force {
        /// Only the very tag that runs: a push under the same name.
        match_tag: bool,
    },
    /// Tags that a pattern with `*` matches, greater by their bytes.
    Glob(String),
    /// Tags in which an expression is found.
    Regexp(Expression),
}

/// How far a version may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Any greater version, pre-releases as well.
    All,
    /// Any greater version.
    Major,
    /// The same major version.
    Minor,
    /// The same major and minor version.
    Patch,
}

impl Policy {
    /// The policy of a workload; nothing: it is not tracked.
    ///
    /// # Errors
    /// The text says why the policy can't be understood; the workload is not tracked either.
    pub fn of(settings: &Settings) -> Result<Option<Policy>, String> {
        let Some(text) = settings.policy.as_deref() else { return Ok(None) };
        let versions = |reach| Ok(Some(Policy::Versions { reach, match_pre_release: settings.match_pre_release }));
        if let Some(pattern) = text.strip_prefix("glob:") {
            if pattern.contains(':') {
                return Err(format!("keel.sh/policy {text:?}: the pattern must not contain ':'"));
            }
            return Ok(Some(Policy::Glob(pattern.to_string())));
        }
        if let Some(pattern) = text.strip_prefix("regexp:") {
            let expression = Expression::parse(pattern).map_err(|error| format!("keel.sh/policy {text:?}: {error}"))?;
            return Ok(Some(Policy::Regexp(expression)));
        }
        match text {
            "" | "never" => Ok(None),
            "all" => versions(Reach::All),
            "major" => versions(Reach::Major),
            "minor" => versions(Reach::Minor),
            "patch" => versions(Reach::Patch),
            "force" => Ok(Some(Policy::Force { match_tag: settings.match_tag })),
            _ => Err(format!(
                "keel.sh/policy {text:?}: must be all, major, minor, patch, force, glob:<pattern>, regexp:<expression> or never"
            )),
        }
    }

    /// Whether `new` may replace `current`.
    ///
    /// # Errors
    /// It may not: why.
    pub fn accepts(&self, current: &str, new: &str) -> Result<(), String> {
        match self {
            Policy::Versions { reach, match_pre_release } => versions(*reach, *match_pre_release, current, new),
            Policy::Force { match_tag } => force(*match_tag, current, new),
            Policy::Glob(pattern) if !glob(pattern, new) => Err(format!("{new} does not match glob:{pattern}")),
            Policy::Glob(_) if new.as_bytes() <= current.as_bytes() => {
                Err(format!("{new} does not come after {current} in the order of letters"))
            }
            Policy::Glob(_) => Ok(()),
            Policy::Regexp(expression) if !expression.is_found(new) => {
                Err(format!("{new} does not match regexp:{expression}"))
            }
            Policy::Regexp(_) => Ok(()),
        }
    }

    /// The tags of a list that are candidates at all, best first.
    pub fn filter<'t>(&self, tags: &[&'t str]) -> Vec<&'t str> {
        let by_version = |tag: &&'t str| Version::parse(tag).map(|version| (version, *tag));
        match self {
            Policy::Versions { .. } => {
                let mut found: Vec<_> = tags.iter().filter(|tag| tag.contains('.')).filter_map(by_version).collect();
                found.sort_by(|(left, _), (right, _)| right.cmp(left));
                found.into_iter().map(|(_, tag)| tag).collect()
            }
            Policy::Force { .. } => {
                let mut found: Vec<_> = tags.iter().filter_map(by_version).collect();
                found.sort_by(|(left, _), (right, _)| right.cmp(left));
                let others = tags.iter().filter(|tag| Version::parse(tag).is_none()).copied();
                found.into_iter().map(|(_, tag)| tag).chain(others).collect()
            }
            Policy::Glob(pattern) => {
                let mut found: Vec<_> = tags.iter().copied().filter(|tag| glob(pattern, tag)).collect();
                found.sort_by_key(|tag| Reverse(tag.as_bytes()));
                found
            }
            Policy::Regexp(expression) => {
                let mut found: Vec<_> = tags.iter().copied().filter(|tag| expression.is_found(tag)).collect();
                found.sort_by_key(|tag| Reverse(expression.compared(tag)));
                found
            }
        }
    }

    /// A push under the tag that runs already is an update: what is watched is the digest.
    pub fn keeps_tag(&self) -> bool {
        matches!(self, Policy::Force { match_tag: true })
    }

    /// A push under the tag that runs already can be an update.
    pub fn takes_same_tag(&self) -> bool {
        matches!(self, Policy::Force { .. })
    }
}

fn versions(reach: Reach, match_pre_release: bool, current: &str, new: &str) -> Result<(), String> {
    if current == "latest" {
        return Ok(());
    }
    if !new.contains('.') {
        return Err(format!("{new} is no version: it has no dot"));
    }
    let parse = |tag: &str, what: &str| Version::parse(tag).ok_or_else(|| format!("{what} {tag} is no version"));
    let (from, to) = (parse(current, "the tag that runs,")?, parse(new, "the tag")?);
    if from.pre_release != to.pre_release && reach != Reach::All && match_pre_release {
        return Err(format!("{new} is not of the same pre-release as {current}"));
    }
    if to <= from {
        return Err(format!("{new} is not greater than {current}"));
    }
    let same = |count: usize| from.parts.iter().take(count).eq(to.parts.iter().take(count));
    match reach {
        Reach::Minor if !same(1) => Err(format!("{new} is another major version than {current}")),
        Reach::Patch if !same(2) => Err(format!("{new} is another minor version than {current}")),
        Reach::All | Reach::Major | Reach::Minor | Reach::Patch => Ok(()),
    }
}

fn force(match_tag: bool, current: &str, new: &str) -> Result<(), String> {
    if new == current {
        return Ok(());
    }
    if match_tag {
        return Err(format!("{new} is not the tag that runs, {current}, and keel.sh/matchTag is set"));
    }
    match (Version::parse(current), Version::parse(new)) {
        (Some(from), Some(to)) if to <= from => Err(format!("{new} is not greater than {current}")),
        _ => Ok(()),
    }
}

/// Only `*` means something: any run of characters, also none.
fn glob(pattern: &str, tag: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == tag };
    let (middles, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = tag.strip_prefix(first).and_then(|left| left.strip_suffix(last)) else { return false };
    for middle in middles.split('*') {
        match left.find(middle) {
            Some(at) => left = left.get(at + middle.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
