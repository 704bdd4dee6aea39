//! Many scenarios show the same difference: it is told once, with how often and where.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::compare::Difference;
use crate::known;

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
    /// Scenarios that could not be played to the end.
    pub broken: Vec<String>,
    /// Scenarios that could.
    pub played: usize,
}

impl Summary {
    /// Adds one difference, which was seen at `place`.
    pub fn add(&mut self, difference: Difference, place: &str) {
        match known::reason(&difference) {
            Some(reason) => *self.meant.entry(reason).or_default() += 1,
            None => {
                let seen = self.unknown.entry(difference).or_default();
                seen.count += 1;
                seen.places.push(place.to_owned());
            }
        }
    }

    /// Whether both controllers did the same, as far as it is not meant otherwise.
    pub fn agrees(&self) -> bool {
        self.unknown.is_empty() && self.broken.is_empty() && self.played > 0
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
            writeln!(f, "meant, {count} times: {reason}")?;
        }
        write!(f, "{} scenarios played, {} differences that are not meant", self.played, self.unknown.len())
    }
}
