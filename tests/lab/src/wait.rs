//! Waiting for a condition: the only way a test here lets time pass.

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How a look at the world went: what was waited for, or what was seen instead.
pub enum Look<T> {
    /// It is so.
    Done(T),
    /// Not yet; what was seen is told when time runs out.
    Not(String),
}

/// Looks every 100 ms until it is done. Fails after `patience`, telling what was seen last.
pub async fn until<T, F>(what: &str, patience: Duration, mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Look<T>>>,
{
    let began = Instant::now();
    loop {
        let seen = match look().await? {
            Look::Done(value) => return Ok(value),
            Look::Not(seen) => seen,
        };
        if began.elapsed() > patience {
            bail!("waited {patience:?} for {what}; last seen: {seen}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Done when both are equal, else what was seen.
pub fn equal<T: PartialEq + Debug>(seen: T, wanted: T) -> Look<()> {
    if seen == wanted { Look::Done(()) } else { Look::Not(format!("{seen:?}")) }
}
