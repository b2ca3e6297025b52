//! The one place of the crate that repeats a request which failed for a passing reason.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    error::ErrorKind,
    http::{
        Context, Method, Request, StatusCode,
        headers::{Headers, RETRY_AFTER, RETRY_AFTER_MS, X_MS_RETRY_AFTER_MS},
        policies::{Policy, PolicyResult},
    },
    time::{OffsetDateTime, parse_rfc7231},
};
use tracing::debug;

use crate::clock::{Clock, random_part};

/// Limits on repeating a request that failed in a way that may pass: 408, 429, 5xx, and connections
/// that break.
///
/// Pauses start at `initial_pause` and double up to `max_pause`, plus up to a quarter of random
/// extra. A `Retry-After` makes a pause longer, never shorter, has up to a quarter of random extra as
/// well, and holds for all requests of the client: a vault that is asked less is the sooner done with
/// throttling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RetryOptions {
    max_attempts: u32,
    max_unanswered: u32,
    max_elapsed: Duration,
    initial_pause: Duration,
    max_pause: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            max_attempts: 10,
            max_unanswered: 3,
            max_elapsed: Duration::from_secs(120),
            initial_pause: Duration::from_millis(800),
            max_pause: Duration::from_secs(30),
        }
    }
}

impl RetryOptions {
    /// Each request is sent once.
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// How often a request is sent at most; 0 and 1 both mean once. Default: 10.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// How often in a row a request is sent to which there is no answer at all; 0 and 1 both mean
    /// once. Default: 3, since where nothing answers, three attempts tell as much as ten.
    #[must_use]
    pub fn with_max_unanswered(mut self, max_unanswered: u32) -> Self {
        self.max_unanswered = max_unanswered;
        self
    }

    /// No attempt begins this long after the first one, pauses included. Default: 120 s.
    #[must_use]
    pub fn with_max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.max_elapsed = max_elapsed;
        self
    }

    /// The pause before the second attempt. Default: 800 ms.
    #[must_use]
    pub fn with_initial_pause(mut self, initial_pause: Duration) -> Self {
        self.initial_pause = initial_pause;
        self
    }

    /// The longest pause that doubling leads to. Default: 30 s.
    #[must_use]
    pub fn with_max_pause(mut self, max_pause: Duration) -> Self {
        self.max_pause = max_pause;
        self
    }

    fn pause_after(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(16);
        let pause = self.initial_pause.saturating_mul(1 << doublings).min(self.max_pause);
        pause + random_part(pause / 4)
    }
}

/// Repeats requests, and holds all of them back while the vault asks for patience.
#[derive(Debug)]
pub(crate) struct RetryPolicy {
    options: RetryOptions,
    clock: Arc<dyn Clock>,
    /// No request goes out before this time.
    closed_until: Mutex<Duration>,
    start_jitter: Duration,
    started: tokio::sync::OnceCell<()>,
}

/// How an attempt failed.
enum Failed {
    /// The service refused before it did anything.
    Refused { retry_after: Option<Duration> },
    /// Whether the service did it, nobody knows.
    Unknown { answered: bool },
}

impl RetryPolicy {
    pub(crate) fn new(
        options: RetryOptions,
        start_jitter: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            options,
            clock,
            closed_until: Mutex::default(),
            start_jitter,
            started: tokio::sync::OnceCell::new(),
        }
    }

    /// Waits until requests may go out: a random time before the first one of the client, and as
    /// long as the vault has asked for after that.
    async fn wait_for_turn(&self) {
        if !self.start_jitter.is_zero() {
            let wait = || self.clock.sleep(random_part(self.start_jitter));
            self.started.get_or_init(wait).await;
        }
        let closed_until = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = closed_until.saturating_sub(self.clock.elapsed());
        if !wait.is_zero() {
            // Those that were held back together do not return together.
            self.clock.sleep(wait + random_part(wait / 4)).await;
        }
    }

    fn close_for(&self, pause: Duration) {
        let until = self.clock.elapsed() + pause;
        let mut closed_until = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed_until = until.max(*closed_until);
    }
}

#[async_trait]
impl Policy for RetryPolicy {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let Some((first, rest)) = next.split_first() else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        let began = self.clock.elapsed();
        let (mut attempts, mut unanswered) = (0, 0);
        loop {
            self.wait_for_turn().await;
            attempts += 1;
            // The official authorization takes the body out of a request that has no token yet, and
            // would not put it back into one that is sent again.
            let mut attempt = request.clone();
            let outcome = first.send(context, &mut attempt, rest).await;
            let Some(failed) = Failed::of(&outcome) else { return outcome };
            let mut pause = self.options.pause_after(attempts);
            match failed {
                Failed::Refused { retry_after } => {
                    unanswered = 0;
                    if let Some(asked) = retry_after {
                        // Those that were turned away together do not return together.
                        pause = pause.max(asked + random_part(asked / 4));
                        self.close_for(asked);
                    }
                }
                Failed::Unknown { .. } if !is_repeatable(request) => return outcome,
                Failed::Unknown { answered: true } => unanswered = 0,
                Failed::Unknown { answered: false } => unanswered += 1,
            }
            let elapsed = self.clock.elapsed().saturating_sub(began);
            let is_last = attempts >= self.options.max_attempts
                || unanswered >= self.options.max_unanswered.max(1)
                || elapsed + pause >= self.options.max_elapsed;
            if is_last {
                return outcome;
            }
            debug!(attempts, pause_ms = pause.as_millis(), "trying again");
            self.clock.sleep(pause).await;
        }
    }
}

impl Failed {
    fn of(outcome: &PolicyResult) -> Option<Self> {
        let response = match outcome {
            Ok(response) => response,
            Err(error) => {
                let broken = matches!(error.kind(), ErrorKind::Connection | ErrorKind::Io);
                return broken.then_some(Self::Unknown { answered: false });
            }
        };
        match response.status() {
            StatusCode::TooManyRequests | StatusCode::ServiceUnavailable => {
                Some(Self::Refused { retry_after: retry_after(response.headers()) })
            }
            StatusCode::RequestTimeout
            | StatusCode::InternalServerError
            | StatusCode::BadGateway
            | StatusCode::GatewayTimeout => Some(Self::Unknown { answered: true }),
            _ => None,
        }
    }
}

/// Whether doing it twice is the same as doing it once. Setting a secret twice makes two versions,
/// and a second deletion, recovery or restoration fails.
fn is_repeatable(request: &Request) -> bool {
    match request.method() {
        Method::Get | Method::Head | Method::Patch => true,
        Method::Post => request.url().path().ends_with("/backup"),
        _ => false,
    }
}

/// How long the service asks to wait: milliseconds in its own headers, seconds or a date in the
/// standard one. More than an hour is taken as an hour.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    let milliseconds = [X_MS_RETRY_AFTER_MS, RETRY_AFTER_MS]
        .iter()
        .find_map(|name| headers.get_optional_str(name)?.parse().ok())
        .map(Duration::from_millis);
    let asked = milliseconds.or_else(|| {
        let text = headers.get_optional_str(&RETRY_AFTER)?;
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = parse_rfc7231(text).ok()?;
        Some((date - OffsetDateTime::now_utc()).try_into().unwrap_or_default())
    });
    asked.map(|asked| asked.min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests;
