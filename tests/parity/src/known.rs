//! Differences that are meant: each names its row in docs/differences.md, where its reason stands, and the scenarios in which it is meant.

use crate::compare::Difference;
use crate::scenario::{Act, Scenario};

mod analysis;
mod bluegreen;
mod canary;
mod experiment;
mod spec;

/// An event in words that both share; nothing when only one controller is meant to tell it, or when its count is chance.
pub fn in_common_words(event: &str) -> Option<String> {
    // It says something about the controller, not about the Rollout; or that the play is over.
    if event.starts_with("Normal RolloutAddedToInformer:") || event.contains(" RolloutDeleted:") || turns_nothing(event)
    {
        return None;
    }
    if event.starts_with("Normal TrafficWeightUpdated: Traffic weight stays at ") || event == EMPTY {
        return Some(EMPTY.to_owned());
    }
    Some(event.to_owned())
}

/// A switch to the set that the Service selects already: Argo tells one now and then, when its cache is late (docs/differences.md, "a Service that is
/// switched to the set that it selects").
fn turns_nothing(event: &str) -> bool {
    let ends = event
        .split_once(" SwitchService: Switched selector for service ")
        .and_then(|(_, rest)| rest.split_once(" from "));
    ends.and_then(|(_, ends)| ends.split_once(" to ")).is_some_and(|(from, to)| from == to)
}

/// What Argo says when the weight stays and the ReplicaSets behind it change.
const EMPTY: &str = "Normal TrafficWeightUpdated: Traffic weight updated ";

/// Whether the place of an event may be chance: then it is what has moved, not its neighbours.
pub fn may_move(event: &str) -> bool {
    event.split_once(' ').is_some_and(|(_, text)| text.starts_with(analysis::UNDER_WAY))
}

/// Whether a difference that was seen after an act is meant: the row that says why.
pub fn reason(scenario: &Scenario, act: usize, difference: &Difference) -> Option<&'static str> {
    let seen = Seen { scenario, act, difference };
    let meant = |rule: &&Rule| rule.plays.iter().any(|plays| fits(&scenario.title, plays)) && (rule.holds)(&seen);
    rules().find(meant).map(|rule| rule.row)
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    [canary::RULES, bluegreen::RULES, analysis::RULES, experiment::RULES, spec::RULES].into_iter().flatten()
}

/// Whether a title is as a pattern says, in which `*` stands for any text.
pub fn fits(title: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => title == pattern,
        Some((start, rest)) => title
            .strip_prefix(start)
            .is_some_and(|title| (0..=title.len()).filter_map(|from| title.get(from..)).any(|title| fits(title, rest))),
    }
}

/// Whether docs/differences.md has a row of this beginning.
pub fn is_listed(row: &str) -> bool {
    const DIFFERENCES: &str = include_str!("../../../docs/differences.md");
    DIFFERENCES.lines().any(|line| {
        line.strip_prefix("| ").and_then(|line| line.strip_prefix(row)).is_some_and(|rest| rest.starts_with(" | "))
    })
}

/// A difference and where it was seen.
struct Seen<'a> {
    scenario: &'a Scenario,
    act: usize,
    difference: &'a Difference,
}

/// A kind of difference that is meant. It holds for as little as possible.
struct Rule {
    /// What its row in docs/differences.md begins with: the first column.
    row: &'static str,
    /// Titles of the scenarios in which it is meant; `*` stands for any text.
    plays: &'static [&'static str],
    /// Whether a difference is of this kind.
    holds: fn(&Seen<'_>) -> bool,
}

impl Seen<'_> {
    /// The last act that has happened.
    fn act(&self) -> Option<&Act> {
        self.scenario.script.get(self.act)
    }

    /// Whether such an act has come before, or was it.
    fn after(&self, wanted: impl Fn(&Act) -> bool) -> bool {
        self.scenario.script.iter().take(self.act + 1).any(wanted)
    }

    fn last(&self) -> bool {
        self.act + 1 == self.scenario.script.len()
    }

    fn part(&self) -> &str {
        &self.difference.part
    }

    fn is(&self, part: &str, argo: &str, ours: &str) -> bool {
        (self.part(), self.difference.argo.as_str(), self.difference.ours.as_str()) == (part, argo, ours)
    }

    /// Whether the part has one of these beginnings.
    fn within(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.part().starts_with(part))
    }

    /// The event that only one of them told, or that both told at different places.
    fn event(&self) -> Option<&str> {
        let Difference { argo, ours, .. } = self.difference;
        let of_rollout = matches!(self.part(), "events" | "place among the events");
        of_rollout.then_some(if argo == "-" { ours.as_str() } else { argo.as_str() })
    }

    /// Whether it is an event of such a beginning, after its type.
    fn tells(&self, beginnings: &[&str]) -> bool {
        let text = self.event().and_then(|event| event.split_once(' ')).map(|(_, text)| text);
        text.is_some_and(|text| beginnings.iter().any(|beginning| text.starts_with(beginning)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Strategy;
    use serde_json::Value;

    #[test]
    fn what_is_not_listed_is_not_meant() {
        let of = |strategy, script: &[Act]| Scenario {
            title: "nginx/none/through/update".into(),
            strategy,
            spec: Value::Null,
            others: vec![],
            script: script.to_vec(),
        };
        let difference =
            |part: &str, argo: &str, ours: &str| Difference { part: part.into(), argo: argo.into(), ours: ours.into() };
        let aborted = of(Strategy::Nginx, &[Act::Apply, Act::Abort, Act::Linger]);
        let promoted = of(Strategy::Nginx, &[Act::Apply, Act::Promote, Act::Linger]);
        let course = "course of Service R-canary selector";
        assert_eq!(reason(&aborted, 1, &difference("events", "-", "Normal RolloutCompleted: x")), None);
        assert_eq!(reason(&promoted, 1, &difference(course, "a → b → a → b", "a → b")), None);
        assert_eq!(reason(&aborted, 1, &difference(course, "a → c → b", "a → b")), None);
        assert!(reason(&aborted, 1, &difference(course, "a → b → a → b", "a → b")).is_some());
    }

    /// Each reason holds for what it says, and not for its neighbour.
    #[test]
    fn reasons_are_narrow() {
        let scenarios = crate::scenario::all();
        let of = |title: &str| scenarios.iter().find(|scenario| scenario.title == title).expect(title);
        let message = "Rollout R status message";
        let service = "course of Service R-canary selector";
        let turned = "Normal SwitchService: Switched selector for service 'R-canary' from '<1.0.0>' to '<2.0.0>'";
        let phase = "course of AnalysisRun R-<2.0.0>-2-1 phase";
        let switched = "course of Rollout R active";
        let over = "Warning AnalysisRunError: Analysis Completed. Result: Error";
        let verdict = "Experiment R-<2.0.0>-2-1 status phase";
        let templates = "Experiment R-trial status templateStatuses";
        let missed = r#"[{"message":"Template 'old' exceeded its progressDeadlineSeconds (5)","name":"old"}]"#;
        let after_weight = "Normal ScalingReplicaSet: Scaled down ReplicaSet R-<2.0.0> (revision 2) from 1 to 0, after Normal TrafficWeightUpdated: Traffic weight updated from 0 to 25";
        let after_switch = "Normal ScalingReplicaSet: Scaled down ReplicaSet R-<2.0.0> (revision 2) from 1 to 0, after Normal SwitchService: Switched selector for service 'R-canary' from '<2.0.0>' to '<3.0.0>'";
        let down_after = |set: &str, event: &str| {
            format!("Normal ScalingReplicaSet: Scaled down ReplicaSet R-{set} (revision 2) from 2 to 0, after {event}")
        };
        let left = down_after(
            "<2.0.0>",
            "Normal SwitchService: Switched selector for service 'R-canary' from '<2.0.0>' to '<3.0.0>'",
        );
        let another_left = down_after(
            "<1.0.0>",
            "Normal SwitchService: Switched selector for service 'R-canary' from '<2.0.0>' to '<3.0.0>'",
        );
        let step_ended = down_after(
            "<2.0.0>",
            "Normal RolloutStepCompleted: Rollout step 1/6 completed (setCanaryScale{replicas: 2})",
        );
        let (left, another_left, step_ended) = (left.as_str(), another_left.as_str(), step_ended.as_str());
        let analyses = "Experiment R-<2.0.0>-2-1 status analysisRuns";
        let failed = r#"[{"message":"failed (1)","name":"verdict"}]"#;
        let caused = r#"[{"message":"failed (1): \"Error Message: Job was active longer than specified deadline\"","name":"verdict"}]"#;
        for (title, act, part, argo, ours, listed) in [
            ("invalid/basic/weight 101/first", 0, message, "it is wrong", "it is wrong (mend it)", true),
            ("invalid/basic/weight 101/first", 0, message, "it is wrong", "it is bad (mend it)", false),
            (
                "nginx/w25,p,w50,p/pause 1/abort,third",
                4,
                service,
                "<2.0.0> → <1.0.0> → <3.0.0>",
                "<1.0.0> → <3.0.0>",
                true,
            ),
            ("nginx/w25,p,w50,p/pause 1/abort,third", 4, service, "<2.0.0> → <3.0.0>", "<1.0.0> → <3.0.0>", false),
            ("nginx/w25,p,w50,p/pause 1/third", 4, service, "<2.0.0> → <1.0.0> → <3.0.0>", "<1.0.0> → <3.0.0>", false),
            ("analysis/step/nginx/once/fail,retry", 7, "events", "-", turned, true),
            ("analysis/step/nginx/once/fail", 4, "events", "-", turned, false),
            ("analysis/step/basic/once/pass", 1, phase, "- → Successful", "- → Running → Successful", true),
            ("analysis/step/basic/once/pass", 1, phase, "- → Successful", "- → Running → Failed", false),
            ("bluegreen/manual/waiting/abort,retry,promote", 3, switched, "<1.0.0> → <2.0.0>", "", true),
            ("bluegreen/manual/waiting/abort,retry,promote", 2, switched, "<1.0.0> → <2.0.0>", "", false),
            ("bluegreen/manual/waiting/abort,undo", 3, switched, "<1.0.0> → <2.0.0>", "", false),
            ("bluegreen/no delay/waiting/promote", 2, "ReplicaSet R-<1.0.0> size", "4", "0", true),
            ("bluegreen/delay 15/waiting/promote", 2, "ReplicaSet R-<1.0.0> size", "4", "0", false),
            ("analysis/post/auto/once/fail,retry", 5, "Rollout R status abort", "true", "false", true),
            ("analysis/post/auto/once/fail,retry", 3, "Rollout R status abort", "true", "false", false),
            ("analysis/post/auto/once/fail", 3, "Rollout R status abort", "true", "false", false),
            ("alone/experiment/one stuck,retry", 3, templates, missed, "[]", true),
            ("alone/experiment/one stuck,retry", 1, templates, missed, "[]", false),
            ("alone/experiment/one stuck,retry", 3, templates, "[]", missed, false),
            ("alone/experiment/required once/fail,retry", 6, templates, missed, "[]", false),
            ("alone/run/invalid/interval", 1, "events of R-run", over, "-", true),
            ("alone/run/hasty/error", 2, "events of R-run", over, "-", false),
            ("experiment/basic/lasting/abort", 2, verdict, "Running", "Successful", true),
            ("experiment/basic/lasting/abort", 2, verdict, "Running", "Failed", false),
            ("experiment/basic/endless/abort", 2, verdict, "Running", "Successful", false),
            ("alone/experiment/argued", 2, "AnalysisRun R-trial-verdict.1", "{}", "-", true),
            ("experiment/basic/required bad-job/fail", 2, analyses, failed, caused, true),
            ("experiment/basic/required bad-job/fail", 2, analyses, "[]", caused, false),
            ("alone/experiment/required once/fail,retry", 5, "AnalysisRun R-trial-verdict.1", "{}", "-", false),
            ("experiment/basic/required once/fail,retry", 5, "AnalysisRun R-<2.0.0>-2-1-verdict.1", "{}", "-", true),
            ("alone/experiment/required once/fail,retry", 5, "AnalysisRun R-trial-verdict.2", "{}", "-", true),
            ("experiment/basic/lasting/end", 2, "Rollout R status currentStepIndex", "1", "3", true),
            ("nginx/scale2,p,w50,p,match,p/pause 1/third", 5, "place among the events", left, step_ended, true),
            ("nginx/scale2,p,w50,p,match,p/pause 1/third", 5, "place among the events", step_ended, left, false),
            (
                "nginx/scale2,p,w50,p,match,p/pause 1/third",
                5,
                "place among the events",
                another_left,
                step_ended,
                false,
            ),
            ("nginx/scale2,p,w50,p,match,p/pause 1/up", 5, "place among the events", left, step_ended, false),
            ("experiment/nginx/endless/third", 5, "place among the events", after_weight, after_switch, true),
            ("experiment/nginx/endless/third", 5, "place among the events", after_switch, after_weight, false),
            ("experiment/nginx/endless/undo", 3, "place among the events", after_weight, after_switch, false),
            (
                "experiment/basic/no such analysis/update",
                2,
                "course of ReplicaSet R-<2.0.0>-2-1-after size",
                "0 → 1 → 0",
                "",
                true,
            ),
            ("experiment/basic/2s/update", 2, "course of ReplicaSet R-<2.0.0>-2-1-after size", "0 → 1 → 0", "", false),
            (
                "alone/experiment/ended at once",
                3,
                templates,
                r#"[{"lastTransitionTime":"set","name":"old"}]"#,
                r#"[{"name":"old"}]"#,
                true,
            ),
            (
                "alone/experiment/service of another",
                3,
                templates,
                r#"[{"lastTransitionTime":"set","name":"old"}]"#,
                r#"[{"name":"old"}]"#,
                false,
            ),
            ("experiment/basic/lasting/end", 1, "Rollout R status currentStepIndex", "1", "3", false),
            ("experiment/basic/endless/end", 2, "Rollout R status currentStepIndex", "1", "3", false),
            (
                "alone/experiment/one of two required",
                2,
                "Experiment R-trial status phase",
                "Running",
                "Successful",
                true,
            ),
            ("alone/experiment/one of two required", 2, "ReplicaSet R-trial-old size", "1", "0", false),
            ("alone/experiment/no pods", 2, "ReplicaSet R-trial-old annotations scale-down-deadline", "set", "-", true),
            (
                "alone/experiment/no pods",
                2,
                "ReplicaSet R-trial-old annotations scale-down-deadline",
                "-",
                "set",
                false,
            ),
            ("alone/experiment/argued", 2, "AnalysisRun R-trial-verdict", "{}", "-", false),
        ] {
            let difference = Difference { part: part.into(), argo: argo.into(), ours: ours.into() };
            assert_eq!(reason(of(title), act, &difference).is_some(), listed, "{title}: {difference:?}");
        }
    }

    /// A background run is seen to run by any of the passes before its verdict, and not after what follows from that.
    #[test]
    fn a_run_is_under_way_before_its_verdict() {
        const RUN: &str = "Background Analysis Run 'R-<2.0.0>-2' Status New:";
        let scenarios = crate::scenario::all();
        let scenario = |title: &str| scenarios.iter().find(|scenario| scenario.title == title).expect(title);
        let background = scenario("analysis/background/nginx/endless at once/pass");
        let running = format!("Normal AnalysisRunRunning: {RUN} 'Running' Previous: ''");
        let failed = format!("Warning AnalysisRunFailed: {RUN} 'Failed' Previous: 'Running'");
        let scaled = "Normal ScalingReplicaSet: Scaled up ReplicaSet R-<2.0.0> (revision 2) from 0 to 1".to_owned();
        let moved = |event: &str, argo: &str, ours: &str| Difference {
            part: "place among the events".into(),
            argo: format!("{event}, after {argo}"),
            ours: format!("{event}, after {ours}"),
        };
        assert!(may_move(&running) && !may_move(&failed) && !may_move(&scaled));
        let switched = "Normal SwitchService: x";
        assert!(reason(background, 4, &moved(&running, &scaled, switched)).is_some());
        assert!(reason(background, 4, &moved(&running, &scaled, &failed)).is_none());
        assert!(reason(background, 4, &moved(&running, "Warning RolloutAborted: x", &scaled)).is_none());
        assert!(reason(background, 4, &moved(&failed, &scaled, switched)).is_none());
        assert!(reason(background, 4, &moved(&scaled, &running, switched)).is_none());
        let another = scenario("analysis/step/nginx/lasting/abort");
        assert!(reason(another, 2, &moved(&running, &scaled, switched)).is_none());
    }

    #[test]
    fn each_reason_has_its_row_and_its_scenarios() {
        let titles: Vec<String> = crate::scenario::all().into_iter().map(|scenario| scenario.title).collect();
        for Rule { row, plays, .. } in rules() {
            assert!(is_listed(row), "docs/differences.md has no row {row:?}");
            for pattern in *plays {
                assert!(titles.iter().any(|title| fits(title, pattern)), "{row}: no scenario is called {pattern}");
            }
        }
        assert!(!is_listed("weight"), "a row is named in full");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (title, pattern, fit) in [
            ("a/b/c", "a/b/c", true),
            ("a/b/c", "a/*", true),
            ("a/b/c", "*/c", true),
            ("a/b/c", "a/*/c", true),
            ("a/b/c", "a*b*c*", true),
            ("a/b/c", "a/b", false),
            ("a/b/c", "*/b", false),
            ("", "*", true),
        ] {
            assert_eq!(fits(title, pattern), fit, "{title} as {pattern}");
        }
    }

    #[test]
    fn a_switch_to_the_same_set_is_none() {
        let switched = |from: &str, to: &str| {
            in_common_words(&format!(
                "Normal SwitchService: Switched selector for service 'R-active' from '{from}' to '{to}'"
            ))
        };
        assert_eq!(switched("<1.0.0>", "<1.0.0>"), None);
        assert!(switched("<1.0.0>", "<2.0.0>").is_some() && switched("", "<1.0.0>").is_some());
    }

    #[test]
    fn the_weight_that_stays_is_told_in_other_words() {
        let ours = "Normal TrafficWeightUpdated: Traffic weight stays at 20, for other ReplicaSets";
        assert_eq!(in_common_words(ours), in_common_words(EMPTY));
        assert_ne!(in_common_words("Normal TrafficWeightUpdated: Traffic weight updated to 0"), in_common_words(EMPTY));
    }
}
