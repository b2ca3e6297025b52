//! How fast a transfer is, smoothed.

use std::time::{Duration, Instant};

/// An average of bytes a second in which the latest seconds count most.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    since: Instant,
    bytes: u64,
    average: Option<f64>,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, bytes: 0, average: None }
    }

    /// Counts `bytes` that have come by `now`. Returns bytes a second, once they can be told.
    pub(crate) fn add(&mut self, bytes: u64, now: Instant) -> Option<u64> {
        self.bytes += bytes;
        let span = now.saturating_duration_since(self.since);
        // A shorter span says more of the size of frames than of the network.
        if span >= SHORTEST_SPAN {
            let sample = self.bytes as f64 / span.as_secs_f64();
            let weight = 1.0 - (-span.as_secs_f64() / MEMORY.as_secs_f64()).exp();
            let before = self.average.unwrap_or(sample);
            self.average = Some(before + weight * (sample - before));
            (self.since, self.bytes) = (now, 0);
        }
        self.average.map(|average| average as u64)
    }
}

/// How long `left` bytes take; `None` where nothing moves.
pub(crate) fn time_left(left: u64, bytes_per_second: u64) -> Option<Duration> {
    (bytes_per_second > 0).then(|| Duration::from_secs(left.div_ceil(bytes_per_second)))
}

const SHORTEST_SPAN: Duration = Duration::from_millis(200);
const MEMORY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_told_and_a_new_one_is_approached() {
        let begin = Instant::now();
        let mut rate = Rate::new(begin);
        assert_eq!(rate.add(1000, begin + Duration::from_millis(100)), None);
        for second in 1..=10 {
            let bytes = if second == 1 { 0 } else { 1000 };
            assert_eq!(rate.add(bytes, begin + Duration::from_secs(second)), Some(1000));
        }
        let soon = rate.add(4000, begin + Duration::from_secs(11)).unwrap();
        assert!((1001..2000).contains(&soon), "{soon}");
        let mut later = soon;
        for second in 12..60 {
            later = rate.add(4000, begin + Duration::from_secs(second)).unwrap();
        }
        assert!((3990..=4000).contains(&later), "{later}");
        // A clock that stands still or goes back does no harm.
        assert_eq!(rate.add(5, begin), Some(later));
    }

    #[test]
    fn what_is_left_takes_its_time() {
        assert_eq!(time_left(1001, 100), Some(Duration::from_secs(11)));
        assert_eq!(time_left(0, 100), Some(Duration::ZERO));
        assert_eq!(time_left(1, 0), None);
    }
}
