//! The rate at which IMDS lets itself be asked.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::clock::Clock;

/// Holds requests back so that no second sees more than five of them start.
///
/// Spec: <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#rate-limiting>
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the last requests started, or will, the earliest first.
    starts: Mutex<VecDeque<Duration>>,
}

impl Pace {
    /// Waits for this request's turn.
    pub(super) async fn wait(&self, clock: &dyn Clock) {
        let pause = self.reserve(clock.elapsed());
        if !pause.is_zero() {
            clock.sleep(pause).await;
        }
    }

    /// Takes the next place, and says how far away it is.
    fn reserve(&self, now: Duration) -> Duration {
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        let start = match starts.front() {
            Some(first) if starts.len() == PER_SECOND => {
                let start = now.max(*first + Duration::from_secs(1));
                starts.pop_front();
                start
            }
            _ => now,
        };
        starts.push_back(start);
        start - now
    }
}

const PER_SECOND: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_sees_more_than_five_requests_start() {
        let pace = Pace::default();
        let mut starts: Vec<_> = (0..23).map(|_| pace.reserve(Duration::ZERO)).collect();
        assert_eq!(starts[4], Duration::ZERO);
        assert_eq!(starts[5], Duration::from_secs(1));
        assert_eq!(starts[22], Duration::from_secs(4));
        // After a pause there is room again.
        starts.push(Duration::from_secs(30) + pace.reserve(Duration::from_secs(30)));
        for window in starts.windows(6) {
            assert!(window[5] - window[0] >= Duration::from_secs(1), "{window:?}");
        }
    }
}
