//! The states, by what they are about.

mod analysis;
mod basic;
mod blue_green;
mod experiment;
mod options;
mod routed;
mod workload;

use super::state::State;

/// All states.
pub fn all() -> Vec<State> {
    [
        basic::all(),
        routed::all(),
        blue_green::all(),
        analysis::all(),
        experiment::all(),
        options::all(),
        workload::all(),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn there_are_enough_states_and_titles_tell_them_apart() {
        let all = super::all();
        let titles: BTreeSet<&str> = all.iter().map(|state| state.title).collect();
        assert_eq!(titles.len(), all.len());
        assert!(all.len() >= 30, "{}", all.len());
    }
}
