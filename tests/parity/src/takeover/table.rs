//! What is told of a direction: a line for each state, then the figure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

/// How it went with one state.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The state.
    pub title: String,
    /// What went wrong, if anything.
    pub faults: Vec<String>,
    /// Rows of docs/differences.md that say why something else is meant.
    pub meant: Vec<&'static str>,
}

/// A direction.
#[derive(Clone, Debug)]
pub struct Table {
    /// From whom to whom.
    pub direction: &'static str,
    /// All states.
    pub rows: Vec<Row>,
}

impl Table {
    /// How many states nobody saw anything of it in.
    pub fn figure(&self) -> String {
        let good = self.rows.iter().filter(|row| row.faults.is_empty()).count();
        format!("takeover: {good} of {} {}", self.rows.len(), self.direction)
    }

    /// Whether nothing went wrong.
    pub fn is_well(&self) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| row.faults.is_empty())
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            writeln!(f, "{:4} {}", if row.faults.is_empty() { "ok" } else { "FAIL" }, row.title)?;
            for fault in &row.faults {
                writeln!(f, "       {fault}")?;
            }
        }
        let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in &self.rows {
            for reason in &row.meant {
                reasons.entry(reason).or_default().insert(&row.title);
            }
        }
        for (reason, states) in reasons {
            let states: Vec<&str> = states.into_iter().collect();
            writeln!(f, "meant, {reason}: in {}", states.join("; "))?;
        }
        write!(f, "{}", self.figure())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_counts_and_nothing_at_all_is_not_well() {
        let row =
            |faults: &[&str]| Row { faults: faults.iter().map(|&one| one.to_owned()).collect(), ..Row::default() };
        let table = |rows: Vec<Row>| Table { direction: "forth, argo to serinus", rows };
        assert!(!table(vec![]).is_well());
        assert!(table(vec![row(&[])]).is_well());
        let one = table(vec![row(&[]), row(&["x"])]);
        assert!(!one.is_well());
        assert!(one.to_string().ends_with("takeover: 1 of 2 forth, argo to serinus"));
    }
}
