//! Each policy against pairs of tags.
#![allow(clippy::panic)]

use super::*;
use serinus_wire::ObjectMeta;
use serinus_wire::keel;

fn policy(text: &str, extra: &[&str]) -> Policy {
    let pairs = extra.iter().map(|pair| pair.split_once('=').unwrap()).chain([(keel::POLICY, text)]);
    let annotations = pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let settings = Settings::of(&ObjectMeta { annotations, ..Default::default() });
    Policy::of(&settings).unwrap().unwrap_or_else(|| panic!("{text}: not tracked"))
}

/// Under `policy` each tag on the left may, or may not, be replaced by the one on the right.
fn check(policy: &Policy, yes: &[(&str, &str)], no: &[(&str, &str)]) {
    for (current, new) in yes {
        assert_eq!(policy.accepts(current, new), Ok(()), "{policy:?}: {current} -> {new}");
    }
    for (current, new) in no {
        assert!(policy.accepts(current, new).is_err(), "{policy:?}: {current} -> {new}");
    }
}

#[test]
fn versions_move_as_far_as_the_policy_reaches() {
    let common_no = [
        ("1.0.0", "1.0.0"),
        ("1.0.0", "v1.0.0"),
        ("1.0.0", "1.0"),
        ("1.0.0", "1.0.0+b2"),
        ("1.0.0", "0.9.9"),
        ("1.0.0", "3050"),
        ("1.0.0", "v2"),
        ("1.0.0", "20240101"),
        ("1.0.0", "latest"),
        ("1.0.0", "V1.0.1"),
        ("1.0.0", "1.0.0.1"),
        ("1.0.0", ""),
        ("master", "1.0.0"),
        ("sha256:aaaa", "1.0.0"),
    ];
    let common_yes = [
        ("latest", "garbage"),
        ("latest", "latest"),
        ("latest", "0.0.1"),
        ("1.0.0", "v1.0.1"),
        ("v1.0.0", "1.0.1"),
        ("1.0", "1.0.1"),
    ];
    for text in ["all", "major", "minor", "patch"] {
        check(&policy(text, &[]), &common_yes, &common_no);
    }
    check(
        &policy("all", &[]),
        &[("1.0.0", "2.0.0"), ("1.0.0", "1.0.1-dev"), ("1.0.0-rc1", "1.0.0"), ("1.0.0-rc1", "1.0.0-rc2")],
        &[("1.0.0-rc9", "1.0.0-rc10")],
    );
    check(
        &policy("major", &[]),
        &[("1.0.0", "2.0.0"), ("1.0.0-alpine", "1.1.0-alpine"), ("1.0.0", "20240101.0")],
        &[("1.0.0", "2.0.0-rc1"), ("1.0.0-rc1", "1.0.0"), ("1.0.0-rc1", "1.0.0-rc2"), ("1.0.0-alpine", "1.1.0")],
    );
    check(&policy("minor", &[]), &[("1.0.0", "1.9.0")], &[("1.0.0", "2.0.0"), ("1.0.0", "1.1.0-rc1")]);
    check(&policy("patch", &[]), &[("1.0.0", "1.0.9")], &[("1.0.0", "1.1.0")]);
    check(
        &policy("minor", &["keel.sh/matchPreRelease=false"]),
        &[("1.0.0", "1.1.0-rc1"), ("1.0.0-rc1", "1.0.0")],
        &[("1.0.0", "2.0.0-rc1")],
    );
}

#[test]
fn force_takes_what_is_not_an_older_version() {
    check(
        &policy("force", &[]),
        &[
            ("a", "b"),
            ("a", "a"),
            ("1.0.0", "1.0.0"),
            ("latest", "1.0.0"),
            ("1.0.0", "latest"),
            ("1.0.0", "3050"),
            ("sha256:aaaa", "1.0"),
        ],
        &[("1.0.0", "0.9.0"), ("3050", "3049"), ("1.0.0", "v1.0.0")],
    );
    check(&policy("force", &["keel.sh/matchTag=true"]), &[("a", "a")], &[("a", "b"), ("1.0.0", "1.0.1")]);
    assert!(policy("force", &["keel.sh/match-tag=true"]).keeps_tag() && !policy("force", &[]).keeps_tag());
}

#[test]
fn globs_match_and_grow_in_the_order_of_letters() {
    check(
        &policy("glob:release-*", &[]),
        &[("release-1", "release-2"), ("release-10", "release-9"), ("a", "release-1")],
        &[("release-9", "release-10"), ("release-1", "release-1"), ("release-1", "xrelease-2"), ("z", "release-1")],
    );
    for (pattern, tag, matches) in [
        ("*", "", true),
        ("*", "x", true),
        ("", "", true),
        ("", "x", false),
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*b", "ab", true),
        ("a*a", "a", false),
        ("ab*ba", "aba", false),
        ("a*b*c", "axbxc", true),
        ("a*b*c", "acb", false),
        ("a**c", "abc", true),
        ("a*b*b", "ab", false),
        ("a?", "ab", false),
        ("[a]", "a", false),
        ("A*", "ab", false),
    ] {
        assert_eq!(glob(pattern, tag), matches, "{pattern} {tag}");
    }
}

#[test]
fn expressions_match_and_nothing_else_counts() {
    check(&policy("regexp:^v\\d+$", &[]), &[("v2", "v1"), ("v2", "v2"), ("x", "v1")], &[("v1", "x")]);
    check(&policy("regexp:a:b", &[]), &[("x", "a:b")], &[("x", "ab")]);
}

#[test]
fn candidates_best_first() {
    let tags = ["1.0", "b", "2.0.0-rc1", "1.0.0", "20240101", "10.0.0", "a", "v1.0.0", "9.0.0", "latest"];
    let table: [(&str, &[&str]); 4] = [
        ("major", &["10.0.0", "9.0.0", "2.0.0-rc1", "1.0", "1.0.0", "v1.0.0"]),
        ("force", &["20240101", "10.0.0", "9.0.0", "2.0.0-rc1", "1.0", "1.0.0", "v1.0.0", "b", "a", "latest"]),
        ("glob:*0.0", &["v1.0.0", "9.0.0", "10.0.0", "1.0.0"]),
        ("regexp:^(?P<compare>\\d+)?.*0$", &["9.0.0", "10.0.0", "1.0", "1.0.0", "v1.0.0"]),
    ];
    for (text, wanted) in table {
        let found = policy(text, &[]).filter(&tags);
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn policies_that_are_none() {
    let of = |text: &str| {
        let annotations = [(keel::POLICY.to_string(), text.to_string())].into();
        Policy::of(&Settings::of(&ObjectMeta { annotations, ..Default::default() }))
    };
    for text in ["", "never"] {
        assert!(of(text).unwrap().is_none(), "{text}");
    }
    for text in ["Minor", " minor", "semver", "glob:a:b", "regexp:(", "Glob:a"] {
        assert!(of(text).unwrap_err().contains(text), "{text}");
    }
    assert!(Policy::of(&Settings::of(&ObjectMeta::default())).unwrap().is_none());
}
