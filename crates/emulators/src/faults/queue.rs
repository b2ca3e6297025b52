//! Faults one after the other, each for so many requests or so long.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Deserializer};

/// How long a fault lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lasting {
    /// Until it is taken back.
    Always,
    /// So long, counted from the first request that it hits; in configuration in milliseconds.
    #[serde(deserialize_with = "milliseconds", rename = "ms")]
    For(Duration),
    /// So many requests.
    Requests(u32),
}

/// The faults to come. The first of them holds; the next one follows when it is over.
#[derive(Debug)]
pub(super) struct Queue<F>(Mutex<VecDeque<Queued<F>>>);

#[derive(Debug)]
struct Queued<F> {
    fault: F,
    lasting: Lasting,
    since: Option<Instant>,
}

impl<F> Default for Queue<F> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<F: Copy> Queue<F> {
    pub(super) fn push(&self, fault: F, lasting: Lasting) {
        let queued = Queued { fault, lasting, since: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(queued);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault of a request that comes now; counts it.
    pub(super) fn take(&self, now: Instant) -> Option<F> {
        self.take_if(now, |_| true)
    }

    /// As [`Queue::take`], unless the fault that holds does not concern the request: it then stays
    /// as it is, and none is the request's.
    pub(super) fn take_if(&self, now: Instant, concerns: impl Fn(F) -> bool) -> Option<F> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.front().is_some_and(|first| first.is_over(now)) {
            queue.pop_front();
        }
        let first = queue.front_mut().filter(|first| concerns(first.fault))?;
        first.hit(now);
        Some(first.fault)
    }
}

impl<F> Queued<F> {
    fn is_over(&self, now: Instant) -> bool {
        match self.lasting {
            Lasting::Always => false,
            Lasting::For(duration) => {
                let since = self.since.unwrap_or(now);
                now.saturating_duration_since(since) >= duration
            }
            Lasting::Requests(left) => left == 0,
        }
    }

    fn hit(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        if let Lasting::Requests(left) = &mut self.lasting {
            *left = left.saturating_sub(1);
        }
    }
}

pub(super) fn milliseconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fault {
        Busy,
        Gone,
        Mute,
        Wrong,
    }

    #[test]
    fn faults_come_in_order_and_each_lasts_as_it_was_told() {
        let queue = Queue::default();
        let start = Instant::now();
        let after = |milliseconds| queue.take(start + Duration::from_millis(milliseconds));
        queue.push(Fault::Busy, Lasting::Requests(2));
        queue.push(Fault::Gone, Lasting::For(Duration::from_secs(70)));
        queue.push(Fault::Wrong, Lasting::Requests(1));
        assert_eq!(after(0), Some(Fault::Busy));
        assert_eq!(after(1), Some(Fault::Busy));
        // The 70 seconds begin with the first request that they hit.
        assert_eq!(after(5_000), Some(Fault::Gone));
        assert_eq!(after(74_999), Some(Fault::Gone));
        assert_eq!(after(75_000), Some(Fault::Wrong));
        assert_eq!(after(75_001), None);
        queue.push(Fault::Mute, Lasting::Always);
        assert_eq!(after(75_002), Some(Fault::Mute));
        assert_eq!(after(9_000_000), Some(Fault::Mute));
        queue.clear();
        assert_eq!(after(9_000_001), None);
    }

    #[test]
    fn a_fault_that_does_not_concern_a_request_is_not_used_up_by_it() {
        let queue = Queue::default();
        let now = Instant::now();
        queue.push(Fault::Gone, Lasting::Requests(0));
        queue.push(Fault::Busy, Lasting::Requests(1));
        queue.push(Fault::Mute, Lasting::Requests(1));
        let not_busy = |fault| fault != Fault::Busy;
        assert_eq!(queue.take_if(now, not_busy), None);
        assert_eq!(queue.take(now), Some(Fault::Busy));
        assert_eq!(queue.take_if(now, not_busy), Some(Fault::Mute));
        assert_eq!(queue.take(now), None);
    }
}
