//! A bucket of tokens: so many requests a second, and as many at once after a quiet second.

use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// The bucket.
pub struct Bucket {
    rate: f64,
    state: Mutex<Option<(Instant, f64)>>,
}

impl Bucket {
    /// `rate` a second; 0 lets everything through.
    pub fn new(rate: u32) -> Bucket {
        Bucket { rate: f64::from(rate), state: Mutex::new(None) }
    }

    /// Takes one token, if there is one.
    pub fn take(&self) -> bool {
        if self.rate == 0.0 {
            return true;
        }
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, left) = state.unwrap_or((now, self.rate));
        let left = (left + now.duration_since(at).as_secs_f64() * self.rate).min(self.rate);
        let taken = left >= 1.0;
        *state = Some((now, if taken { left - 1.0 } else { left }));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn so_many_a_second() {
        let bucket = Bucket::new(3);
        let taken = |bucket: &Bucket| (0..5).filter(|_| bucket.take()).count();
        assert_eq!(taken(&bucket), 3);
        assert_eq!(taken(&bucket), 0);
        tokio::time::advance(Duration::from_millis(700)).await;
        assert_eq!(taken(&bucket), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(&bucket), 3);
        assert_eq!(taken(&Bucket::new(0)), 5);
    }
}
