//! Time as a value that is passed in, so that no test waits for it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use azure_core::time::OffsetDateTime;

/// Where a credential takes the time from, and how it waits between attempts.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// The current time by the calendar: tokens expire by it and assertions are dated by it.
    fn now(&self) -> OffsetDateTime;

    /// The time since some fixed start, never running backwards: deadlines are measured by it.
    fn elapsed(&self) -> Duration;

    /// Waits for `pause`.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    async fn sleep(&self, pause: Duration);
}

/// The clock of the machine; waiting needs a Tokio runtime.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A clock that moves only when somebody sleeps on it or pushes it.

    use std::sync::Mutex;

    use super::*;

    #[derive(Debug)]
    pub(crate) struct TestClock {
        started: OffsetDateTime,
        state: Mutex<(Duration, Vec<Duration>)>,
    }

    impl Default for TestClock {
        fn default() -> Self {
            Self::at(1_700_000_000)
        }
    }

    impl TestClock {
        /// A clock that starts at this many seconds since 1970.
        pub(crate) fn at(unix_seconds: i64) -> Self {
            let started = OffsetDateTime::from_unix_timestamp(unix_seconds).unwrap();
            Self { started, state: Mutex::default() }
        }

        pub(crate) fn advance(&self, time: Duration) {
            self.state.lock().unwrap().0 += time;
        }

        pub(crate) fn pauses(&self) -> Vec<Duration> {
            self.state.lock().unwrap().1.clone()
        }
    }

    #[async_trait]
    impl Clock for TestClock {
        fn now(&self) -> OffsetDateTime {
            self.started + self.elapsed()
        }

        fn elapsed(&self) -> Duration {
            self.state.lock().unwrap().0
        }

        async fn sleep(&self, pause: Duration) {
            let mut state = self.state.lock().unwrap();
            state.0 += pause;
            state.1.push(pause);
        }
    }
}
