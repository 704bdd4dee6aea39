//! How many cases a property test looks at.

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

/// As many cases as an edit can wait for, always the same ones. `PROPTEST_CASES` and `PROPTEST_RNG_SEED` ask for more and for
/// others.
pub fn config(ordinary: u32) -> ProptestConfig {
    let mut config = ProptestConfig { max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = ordinary;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20260101);
    }
    config
}
