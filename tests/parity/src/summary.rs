//! Many scenarios show the same difference: it is told once, with how often and where.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::compare::Difference;
use crate::known;
use crate::scenario::Scenario;

/// Where a difference was told how often.
#[derive(Default)]
struct Seen {
    count: usize,
    places: Vec<String>,
}

/// All differences of a run.
#[derive(Default)]
pub struct Summary {
    unknown: BTreeMap<Difference, Seen>,
    meant: BTreeMap<&'static str, usize>,
    /// Scenarios that could not be played to the end, and why.
    broken: Vec<String>,
    /// Scenarios that could.
    played: usize,
    /// Those that are equal but for what is listed, or without even that.
    fine: usize,
    /// Those of them that have a listed difference.
    explained: usize,
}

impl Summary {
    /// Adds a scenario that was played, with its differences and the acts after which they were seen.
    pub fn tell(&mut self, scenario: &Scenario, differences: Vec<(Difference, usize)>) {
        self.played += 1;
        let (all, mut meant) = (differences.len(), 0);
        for (difference, act) in differences {
            match known::reason(scenario, act, &difference) {
                Some(reason) => {
                    meant += 1;
                    *self.meant.entry(reason).or_default() += 1;
                }
                None => {
                    let seen = self.unknown.entry(difference).or_default();
                    seen.count += 1;
                    seen.places.push(format!("{}, after act {}: {:?}", scenario.title, act + 1, scenario.script[act]));
                }
            }
        }
        if meant == all {
            self.fine += 1;
            self.explained += usize::from(all > 0);
        }
    }

    /// Adds one that could not be played to the end.
    pub fn broken(&mut self, why: String) {
        self.broken.push(why);
    }

    /// Whether both controllers did the same, as far as it is not meant otherwise.
    pub fn agrees(&self) -> bool {
        self.fine == self.total() && self.played > 0
    }

    /// How many there were.
    pub fn total(&self) -> usize {
        self.played + self.broken.len()
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<_> = self.unknown.iter().collect();
        sorted.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.count));
        for (Difference { part, argo, ours }, seen) in sorted {
            writeln!(f, "{} x {part}\n    argo: {argo}\n    ours: {ours}", seen.count)?;
            for place in seen.places.iter().take(8) {
                writeln!(f, "      {place}")?;
            }
        }
        for broken in &self.broken {
            writeln!(f, "not played: {broken}")?;
        }
        for (reason, count) in &self.meant {
            writeln!(f, "listed, {count} times: {reason}")?;
        }
        let (fine, total, explained) = (self.fine, self.total(), self.explained);
        write!(f, "parity: {fine} of {total} scenarios equal or explained ({explained} with listed differences)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::chosen;

    #[test]
    fn one_difference_that_is_not_listed_spoils_its_scenario() {
        let chosen = chosen();
        let scenario = chosen.iter().find(|scenario| scenario.title == "options/basic/no number/update").unwrap();
        let difference = |part: &str, ours: &str| Difference { part: part.into(), argo: "-".into(), ours: ours.into() };
        let listed = || (difference("events", "Normal RolloutResumed: Rollout is resumed"), 2);
        let other = || (difference("events", "Normal RolloutCompleted: x"), 1);
        let mut summary = Summary::default();
        assert!(!summary.agrees(), "nothing was played");
        summary.tell(scenario, vec![]);
        summary.tell(scenario, vec![listed()]);
        assert!(summary.agrees());
        assert!(
            summary.to_string().ends_with("parity: 2 of 2 scenarios equal or explained (1 with listed differences)")
        );
        summary.tell(scenario, vec![listed(), other()]);
        summary.broken("why".to_owned());
        assert!(!summary.agrees());
        assert!(
            summary.to_string().ends_with("parity: 2 of 4 scenarios equal or explained (1 with listed differences)")
        );
    }
}
