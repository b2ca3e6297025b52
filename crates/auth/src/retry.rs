//! When to try again, and when to stop: the only place of the crate that repeats a request.

use std::{
    cmp::{max, min},
    future::Future,
    time::Duration,
};

use tracing::debug;

use crate::{
    clock::Clock,
    error::{Error, Failure, Result},
};

/// Limits on repeating a request that failed in a way that may pass.
///
/// Pauses start at `initial_pause` and double up to `max_pause`, plus up to a quarter of random extra so that
/// many processes of one machine do not return in step. A `Retry-After` of the service makes a pause longer, never
/// shorter: a service that names the same second to all of them would have them return in step for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryOptions {
    max_attempts: u32,
    max_unanswered: u32,
    max_elapsed: Duration,
    initial_pause: Duration,
    max_pause: Duration,
    request_timeout: Duration,
}

impl RetryOptions {
    /// For managed identity: the endpoint may be away for 70 s while it is updated (status 410), and Azure asks
    /// for patience with it.
    ///
    /// Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#retry-guidance>
    pub fn managed_identity() -> Self {
        Self {
            max_attempts: 8,
            max_unanswered: 3,
            max_elapsed: Duration::from_secs(120),
            initial_pause: Duration::from_millis(800),
            max_pause: Duration::from_secs(30),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// For the token endpoint of Entra ID.
    pub fn entra() -> Self {
        Self {
            max_attempts: 4,
            max_unanswered: 3,
            max_elapsed: Duration::from_secs(60),
            initial_pause: Duration::from_millis(800),
            max_pause: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
        }
    }

    /// At most this many requests for one token; 0 means 1. Default: 8 for managed identity, 4 for Entra ID.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// At most this many requests in a row to which there is no answer at all; 0 means 1. Default: 3, since where
    /// nothing answers, three attempts tell as much as eight.
    #[must_use]
    pub fn with_max_unanswered(mut self, max_unanswered: u32) -> Self {
        self.max_unanswered = max_unanswered;
        self
    }

    /// No new request is started this long after the first, pauses included.
    /// Default: 120 s for managed identity, 60 s for Entra ID.
    #[must_use]
    pub fn with_max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.max_elapsed = max_elapsed;
        self
    }

    /// The pause before the second request. Default: 800 ms.
    #[must_use]
    pub fn with_initial_pause(mut self, initial_pause: Duration) -> Self {
        self.initial_pause = initial_pause;
        self
    }

    /// The longest pause that doubling leads to. Default: 30 s for managed identity, 10 s for Entra ID.
    #[must_use]
    pub fn with_max_pause(mut self, max_pause: Duration) -> Self {
        self.max_pause = max_pause;
        self
    }

    /// The time for one request, from connecting to the last byte of the answer. Default: 30 s.
    #[must_use]
    pub fn with_request_timeout(mut self, request_timeout: Duration) -> Self {
        self.request_timeout = request_timeout;
        self
    }

    fn pause_after(&self, attempt: u32) -> Duration {
        let doublings = min(attempt.saturating_sub(1), 16);
        let pause = min(self.initial_pause.saturating_mul(1 << doublings), self.max_pause);
        pause + (pause / 4).mul_f64(random_fraction())
    }
}

/// How one attempt failed.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// Repeating would fail in the same way.
    Final(Failure),
    /// The service asked for patience, and maybe said for how long.
    Passing { failure: Failure, retry_after: Option<Duration> },
    /// There was no answer at all.
    Unanswered(Failure),
}

impl Attempt {
    /// Says more about the failure; whether it may pass stays as it is.
    pub(crate) fn map(self, tell: impl FnOnce(Failure) -> Failure) -> Self {
        match self {
            Self::Final(failure) => Self::Final(tell(failure)),
            Self::Passing { failure, retry_after } => {
                Self::Passing { failure: tell(failure), retry_after }
            }
            Self::Unanswered(failure) => Self::Unanswered(tell(failure)),
        }
    }
}

/// Calls `attempt`, with the time it may take, until it succeeds, fails for good, or a limit is reached.
pub(crate) async fn retry<T, F, Fut>(
    options: &RetryOptions,
    clock: &dyn Clock,
    mut attempt: F,
) -> Result<T>
where
    F: FnMut(Duration) -> Fut,
    Fut: Future<Output = Result<T, Attempt>>,
{
    let started = clock.elapsed();
    let (mut attempts, mut unanswered) = (0, 0);
    loop {
        attempts += 1;
        let left = options.max_elapsed.saturating_sub(clock.elapsed().saturating_sub(started));
        let outcome = attempt(min(options.request_timeout, left)).await;
        let elapsed = clock.elapsed().saturating_sub(started);
        let (mut failure, pause) = match outcome {
            Ok(value) => return Ok(value),
            Err(Attempt::Final(mut failure)) => {
                failure.attempts = attempts;
                failure.elapsed = elapsed;
                return Err(failure.into());
            }
            Err(Attempt::Passing { failure, retry_after }) => {
                unanswered = 0;
                (failure, max(retry_after.unwrap_or_default(), options.pause_after(attempts)))
            }
            Err(Attempt::Unanswered(failure)) => {
                unanswered += 1;
                (failure, options.pause_after(attempts))
            }
        };
        let is_last = attempts >= options.max_attempts
            || unanswered >= options.max_unanswered
            || elapsed + pause >= options.max_elapsed;
        if is_last {
            failure.attempts = attempts;
            failure.elapsed = elapsed;
            failure.exhausted = true;
            return Err(Error::from(failure));
        }
        debug!(attempts, pause_ms = pause.as_millis(), failure = %failure.message, "trying again");
        clock.sleep(pause).await;
    }
}

fn random_fraction() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the pause has no extra, which is still a pause.
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, clock::testing::TestClock};

    fn passing(retry_after: Option<Duration>) -> Attempt {
        let failure = Failure::new(ErrorKind::Unavailable, "away");
        Attempt::Passing { failure, retry_after }
    }

    #[tokio::test]
    async fn pauses_double_up_to_the_limit_with_at_most_a_quarter_extra() {
        let clock = TestClock::default();
        let options = RetryOptions::managed_identity().with_max_elapsed(Duration::from_secs(1000));
        let error = retry::<(), _, _>(&options, &clock, |_| async { Err(passing(None)) })
            .await
            .unwrap_err();
        assert_eq!(error.attempts(), 8);
        let pauses = clock.pauses();
        let expected = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0];
        assert_eq!(pauses.len(), expected.len());
        for (pause, expected) in pauses.iter().zip(expected) {
            let pause = pause.as_secs_f64();
            assert!((expected..=expected * 1.25).contains(&pause), "{pause} for {expected}");
        }
        // The identity endpoint may be away for 70 s.
        assert!(pauses.iter().sum::<Duration>() > Duration::from_secs(70));
    }

    #[tokio::test]
    async fn the_service_may_name_the_pause() {
        let clock = TestClock::default();
        let mut asked = 0;
        retry(&RetryOptions::entra(), &clock, |_| {
            asked += 1;
            let outcome =
                if asked == 1 { Err(passing(Some(Duration::from_secs(7)))) } else { Ok(()) };
            async { outcome }
        })
        .await
        .unwrap();
        assert_eq!(clock.pauses(), [Duration::from_secs(7)]);
    }

    #[tokio::test]
    async fn a_pause_beyond_the_deadline_is_not_begun() {
        let clock = TestClock::default();
        let error = retry::<(), _, _>(&RetryOptions::entra(), &clock, |_| async {
            Err(passing(Some(Duration::from_secs(3600))))
        })
        .await
        .unwrap_err();
        assert_eq!((error.attempts(), error.is_transient()), (1, false));
        assert!(clock.pauses().is_empty());
    }

    #[tokio::test]
    async fn a_final_failure_means_one_attempt_and_silence_as_many_as_were_allowed() {
        let clock = TestClock::default();
        let options = RetryOptions::entra();
        let last = retry::<(), _, _>(&options, &clock, |_| async {
            Err(Attempt::Final(Failure::new(ErrorKind::TenantNotFound, "none")))
        });
        assert_eq!(last.await.unwrap_err().attempts(), 1);
        assert!(clock.pauses().is_empty());
        for (allowed, attempts) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
            let options = options.with_max_unanswered(allowed);
            let silent = retry::<(), _, _>(&options, &clock, |_| async {
                Err(Attempt::Unanswered(Failure::new(ErrorKind::Connect, "silence")))
            });
            assert_eq!(silent.await.unwrap_err().attempts(), attempts);
        }
    }

    #[tokio::test]
    async fn the_time_left_limits_an_attempt() {
        let clock = TestClock::default();
        let options = RetryOptions::entra()
            .with_max_elapsed(Duration::from_secs(40))
            .with_request_timeout(Duration::from_secs(30));
        let mut allowed = Vec::new();
        let _ = retry::<(), _, _>(&options, &clock, |time| {
            allowed.push(time.as_secs());
            async { Err(passing(Some(Duration::from_secs(15)))) }
        })
        .await;
        assert_eq!(allowed, [30, 25, 10]);
    }
}
