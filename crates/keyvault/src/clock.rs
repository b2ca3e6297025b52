//! Time as a value that is passed in, so that no test waits for it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use async_trait::async_trait;

/// Where a client takes the time from, and how it waits.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time since some fixed start, never running backwards.
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
    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// A random part of `longest`.
pub(crate) fn random_part(longest: Duration) -> Duration {
    longest.mul_f64(fastrand::f64())
}

#[cfg(test)]
pub(crate) mod testing {
    //! A clock that moves only when somebody sleeps on it or pushes it.

    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    pub(crate) struct TestClock(Mutex<(Duration, Vec<Duration>)>);

    impl TestClock {
        pub(crate) fn advance(&self, time: Duration) {
            self.0.lock().unwrap().0 += time;
        }

        pub(crate) fn pauses(&self) -> Vec<Duration> {
            self.0.lock().unwrap().1.clone()
        }
    }

    #[async_trait]
    impl Clock for TestClock {
        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().0
        }

        async fn sleep(&self, pause: Duration) {
            let mut state = self.0.lock().unwrap();
            state.0 += pause;
            state.1.push(pause);
        }
    }
}
