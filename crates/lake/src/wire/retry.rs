//! The one place where this crate decides to try again.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use uuid::Uuid;

use super::answer::Headers;
use crate::error::{Error, Result};

/// How a request that failed for a passing reason is repeated.
///
/// Passing reasons are the statuses 408, 429, 500, 502, 503 and 504, a refused or broken
/// connection, and a name that is still being deleted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RetryOptions {
    max_attempts: u32,
    max_elapsed: Duration,
    first_pause: Duration,
    longest_pause: Duration,
}

impl Default for RetryOptions {
    /// 5 attempts within 3 minutes; the first pause about 0.8 s, doubled each time, at most 30 s.
    fn default() -> Self {
        Self {
            max_attempts: 5,
            max_elapsed: Duration::from_secs(180),
            first_pause: Duration::from_millis(800),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl RetryOptions {
    /// How often a request is sent at most. Default 5; 0 and 1 both mean once.
    #[must_use]
    pub fn with_max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// How long all attempts and pauses may take: no pause begins that would end later.
    /// Default 180 s; zero means no second attempt.
    #[must_use]
    pub fn with_max_elapsed(mut self, max_elapsed: Duration) -> Self {
        self.max_elapsed = max_elapsed;
        self
    }

    /// The pause after the first attempt, before jitter; it doubles each time. Default 0.8 s.
    /// A longer pause that the service asks for is kept to.
    #[must_use]
    pub fn with_first_pause(mut self, first_pause: Duration) -> Self {
        self.first_pause = first_pause;
        self
    }
}

/// Waits for a time: `tokio::time::sleep`, unless a test wants to know how long.
pub(crate) type Sleeper = Arc<dyn Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync>;

/// The attempts of one operation so far.
pub(crate) struct Attempts<'a> {
    options: &'a RetryOptions,
    sleeper: &'a Sleeper,
    made: u32,
    spent: Duration,
    began: Instant,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(options: &'a RetryOptions, sleeper: &'a Sleeper) -> Self {
        Self { options, sleeper, made: 0, spent: Duration::ZERO, began: Instant::now() }
    }

    /// How many attempts have failed.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// Called with what the latest attempt failed of: returns after a pause if there should be
    /// another, or hands the error back, completed by what was tried.
    pub(crate) async fn pause_or_give_up(&mut self, error: Error) -> Result<()> {
        self.count();
        if !error.is_transient() || self.made >= self.options.max_attempts {
            return Err(self.completed(error));
        }
        let asked = error.retry_after().unwrap_or_default();
        let pause = self.pause(Uuid::new_v4().as_u128() as u32).max(asked);
        if self.spent + pause > self.options.max_elapsed {
            return Err(self.completed(error));
        }
        tracing::info!(
            error = %error,
            attempt = self.made,
            pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX),
            "trying again"
        );
        (self.sleeper)(pause).await;
        self.spent += pause;
        self.began = Instant::now();
        Ok(())
    }

    fn count(&mut self) {
        self.made += 1;
        self.spent += self.began.elapsed();
    }

    fn completed(&self, error: Error) -> Error {
        error.with_attempts(self.made, self.spent).given_up()
    }

    /// Between half and the whole of the doubled pause, so that clients that failed together do
    /// not come back together.
    fn pause(&self, random: u32) -> Duration {
        let doublings = self.made.saturating_sub(1).min(16);
        let full = self.options.first_pause * 2u32.pow(doublings);
        let full = full.min(self.options.longest_pause);
        full / 2 + (full / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// How long the service asks to wait: milliseconds in its own headers, seconds or a date in the
/// standard one. More than an hour is taken as an hour.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let millis = ["x-ms-retry-after-ms", "retry-after-ms"]
        .iter()
        .find_map(|name| headers.text(name)?.parse().ok())
        .map(Duration::from_millis);
    let asked = millis.or_else(|| {
        let value = headers.text(RETRY_AFTER.as_str())?;
        match value.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => httpdate::parse_http_date(value).ok()?.duration_since(now).ok(),
        }
    });
    asked.map(|asked| asked.min(Duration::from_secs(3600)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;
    use crate::error::ErrorKind;

    fn recorder() -> (Sleeper, Arc<Mutex<Vec<Duration>>>) {
        let pauses = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&pauses);
        let sleeper: Sleeper = Arc::new(move |pause| {
            record.lock().unwrap().push(pause);
            Box::pin(std::future::ready(()))
        });
        (sleeper, pauses)
    }

    fn busy(retry_after: Option<Duration>) -> Error {
        Error::new(ErrorKind::Throttled, "read", "raw/a").with_transient(retry_after)
    }

    #[tokio::test]
    async fn attempts_are_limited_and_pauses_grow() {
        let (sleeper, pauses) = recorder();
        let options = RetryOptions::default();
        let mut attempts = Attempts::new(&options, &sleeper);
        for _ in 0..4 {
            attempts.pause_or_give_up(busy(None)).await.unwrap();
        }
        let error = attempts.pause_or_give_up(busy(None)).await.unwrap_err();
        assert_eq!(error.attempts(), 5);
        assert!(!error.is_transient(), "its retries are used up");
        for (pause, full_ms) in pauses.lock().unwrap().iter().zip([800, 1600, 3200, 6400]) {
            let full = Duration::from_millis(full_ms);
            assert!(*pause >= full / 2 && *pause <= full, "{pause:?} of {full:?}");
        }
    }

    #[tokio::test]
    async fn the_service_is_given_the_time_it_asks_for() {
        let (sleeper, pauses) = recorder();
        let options = RetryOptions::default();
        let mut attempts = Attempts::new(&options, &sleeper);
        let asked = Duration::from_secs(20);
        attempts.pause_or_give_up(busy(Some(asked))).await.unwrap();
        assert_eq!(*pauses.lock().unwrap(), [asked]);
    }

    #[tokio::test]
    async fn no_pause_begins_that_ends_too_late() {
        let (sleeper, pauses) = recorder();
        let options = RetryOptions::default();
        let mut attempts = Attempts::new(&options, &sleeper);
        let error =
            attempts.pause_or_give_up(busy(Some(Duration::from_secs(600)))).await.unwrap_err();
        assert_eq!(error.attempts(), 1);
        assert!(pauses.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_does_not_pass_is_not_repeated() {
        let (sleeper, pauses) = recorder();
        let options = RetryOptions::default();
        let mut attempts = Attempts::new(&options, &sleeper);
        let error = Error::new(ErrorKind::NotFound, "read", "raw/a");
        assert_eq!(attempts.pause_or_give_up(error).await.unwrap_err().attempts(), 1);
        assert!(pauses.lock().unwrap().is_empty());
    }

    #[test]
    fn every_spelling_of_retry_after_is_read() {
        let now = httpdate::parse_http_date("Tue, 24 Nov 2026 06:00:00 GMT").unwrap();
        for (name, value, expected_ms) in [
            ("x-ms-retry-after-ms", "1500", Some(1500)),
            ("retry-after-ms", "20", Some(20)),
            ("retry-after", "7", Some(7000)),
            ("retry-after", "Tue, 24 Nov 2026 06:00:30 GMT", Some(30_000)),
            ("retry-after", "Tue, 24 Nov 2026 05:00:00 GMT", None),
            ("retry-after", "18446744073709551615", Some(3_600_000)),
            ("retry-after", "-1", None),
            ("retry-after", "soon", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            let expected = expected_ms.map(Duration::from_millis);
            assert_eq!(retry_after(&headers, now), expected, "{name}: {value}");
        }
    }
}
