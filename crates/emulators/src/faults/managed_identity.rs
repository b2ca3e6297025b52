//! The ways in which managed identity fails: one after the other, each for so many requests or so
//! long, and the rate above which it asks callers to wait.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{Html, IntoResponse, Response},
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{Faults, Service, too_many_requests};
use crate::serve::HangUp;

/// What is wrong with an answer of managed identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum IdentityFault {
    /// It is the right one, and the connection closes after so many bytes of its body.
    Cut {
        /// How many; an answer that is shorter arrives whole.
        after_bytes: usize,
    },
    /// 410: the service is being updated, and is back within 70 seconds.
    Gone,
    /// There is none: the connection closes.
    HangUp,
    /// It is the right one, and late.
    Late {
        /// By how much; in configuration in milliseconds, as `by_ms`.
        #[serde(rename = "by_ms", deserialize_with = "milliseconds")]
        by: Duration,
    },
    /// 200, with a page that somebody on the way put in its place.
    NotJson,
    /// 429 with `Retry-After: 1`.
    TooManyRequests,
}

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

/// One fault from the start on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityFaultConfig {
    /// What is wrong.
    pub fault: IdentityFault,
    /// How long: `"always"`, `{"ms": 2000}` or `{"requests": 3}`.
    pub lasting: Lasting,
}

/// The faults to come. The first of them holds; the next one follows when it is over.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<VecDeque<Queued>>);

#[derive(Debug)]
struct Queued {
    fault: IdentityFault,
    lasting: Lasting,
    since: Option<Instant>,
}

impl Queue {
    pub(super) fn push(&self, fault: IdentityFault, lasting: Lasting) {
        let queued = Queued { fault, lasting, since: None };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(queued);
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault of a request that comes now; counts it.
    fn take(&self, now: Instant) -> Option<IdentityFault> {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(first) = queue.front_mut() {
            if first.hits(now) {
                return Some(first.fault);
            }
            queue.pop_front();
        }
        None
    }
}

impl Queued {
    fn hits(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        match &mut self.lasting {
            Lasting::Always => true,
            Lasting::For(duration) => now.saturating_duration_since(since) < *duration,
            Lasting::Requests(0) => false,
            Lasting::Requests(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// A limit on how many requests are answered within any second.
#[derive(Debug, Default)]
pub(super) struct RateLimit(Mutex<(Option<NonZeroU32>, VecDeque<Instant>)>);

impl RateLimit {
    pub(super) fn set(&self, per_second: Option<NonZeroU32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = per_second;
    }

    /// Whether a request that comes now is one too many. Those refused do not count.
    fn exceeded(&self, now: Instant) -> bool {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(limit), answered) = &mut *guard else { return false };
        let second = Duration::from_secs(1);
        while answered.front().is_some_and(|then| now.saturating_duration_since(*then) >= second) {
            answered.pop_front();
        }
        let exceeded = u32::try_from(answered.len()).is_ok_and(|count| count >= limit.get());
        if !exceeded {
            answered.push_back(now);
        }
        exceeded
    }
}

/// Puts the faults in front of a source of managed identity.
pub(crate) fn faulty(router: Router, faults: Arc<Faults>) -> Router {
    router.layer(middleware::from_fn_with_state(faults, answer))
}

async fn answer(State(faults): State<Arc<Faults>>, request: Request, next: Next) -> Response {
    let now = Instant::now();
    let fault = faults.managed_identity.take(now);
    if let Some(fault) = fault {
        tracing::info!(?fault, "managed identity fails as it was told to");
    }
    match fault {
        None if faults.managed_identity_rate.exceeded(now) => too_many_requests(Service::Imds),
        None => next.run(request).await,
        Some(IdentityFault::Cut { after_bytes }) => cut(next.run(request).await, after_bytes).await,
        Some(IdentityFault::Gone) => {
            let body = json!({
                "error": "gone",
                "error_description": "The service is going through updates and will be available \
                                      within 70 seconds",
            });
            (StatusCode::GONE, axum::Json(body)).into_response()
        }
        Some(IdentityFault::HangUp) => {
            let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
            response.extensions_mut().insert(HangUp);
            response
        }
        Some(IdentityFault::Late { by }) => {
            tokio::time::sleep(by).await;
            next.run(request).await
        }
        Some(IdentityFault::NotJson) => {
            Html("<!DOCTYPE html><title>Sign in to the network</title>").into_response()
        }
        Some(IdentityFault::TooManyRequests) => too_many_requests(Service::Imds),
    }
}

/// Promises the whole body and breaks off in it.
async fn cut(response: Response, after_bytes: usize) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    if whole.len() <= after_bytes {
        return Response::from_parts(parts, Body::from(whole));
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let begun = whole.slice(..after_bytes);
    let broken = stream::once(async {
        // What was sent so far leaves while this waits; an error at once would take it along.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut on request"))
    });
    let body = Body::from_stream(stream::iter([Ok(begun)]).chain(broken));
    Response::from_parts(parts, body)
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// Far more than a token with its frame.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_order_and_each_lasts_as_it_was_told() {
        let queue = Queue::default();
        let start = Instant::now();
        let after = |milliseconds| queue.take(start + Duration::from_millis(milliseconds));
        queue.push(IdentityFault::TooManyRequests, Lasting::Requests(2));
        queue.push(IdentityFault::Gone, Lasting::For(Duration::from_secs(70)));
        queue.push(IdentityFault::NotJson, Lasting::Requests(1));
        assert_eq!(after(0), Some(IdentityFault::TooManyRequests));
        assert_eq!(after(1), Some(IdentityFault::TooManyRequests));
        // The 70 seconds begin with the first request that they hit.
        assert_eq!(after(5_000), Some(IdentityFault::Gone));
        assert_eq!(after(74_999), Some(IdentityFault::Gone));
        assert_eq!(after(75_000), Some(IdentityFault::NotJson));
        assert_eq!(after(75_001), None);
        queue.push(IdentityFault::HangUp, Lasting::Always);
        assert_eq!(after(75_002), Some(IdentityFault::HangUp));
        assert_eq!(after(9_000_000), Some(IdentityFault::HangUp));
        queue.clear();
        assert_eq!(after(9_000_001), None);
    }

    #[test]
    fn a_rate_limit_looks_back_one_second() {
        let rate = RateLimit::default();
        let start = Instant::now();
        let after = |milliseconds| rate.exceeded(start + Duration::from_millis(milliseconds));
        assert!(!after(0));
        rate.set(NonZeroU32::new(2));
        assert!(!after(0));
        assert!(!after(500));
        assert!(after(999));
        assert!(!after(1_000), "the first is a second ago");
        assert!(after(1_499));
        rate.set(None);
        assert!(!after(1_499));
    }

    #[test]
    fn a_fault_is_spelled_in_json() {
        #[track_caller]
        fn check(json: &str, fault: IdentityFault, lasting: Lasting) {
            let read: IdentityFaultConfig = serde_json::from_str(json).unwrap();
            assert_eq!((read.fault, read.lasting), (fault, lasting));
        }
        check(
            r#"{"fault":"gone","lasting":{"ms":1500}}"#,
            IdentityFault::Gone,
            Lasting::For(Duration::from_millis(1500)),
        );
        check(
            r#"{"fault":{"late":{"by_ms":20}},"lasting":{"requests":3}}"#,
            IdentityFault::Late { by: Duration::from_millis(20) },
            Lasting::Requests(3),
        );
        check(
            r#"{"fault":{"cut":{"after_bytes":9}},"lasting":"always"}"#,
            IdentityFault::Cut { after_bytes: 9 },
            Lasting::Always,
        );
        for wrong in [
            r#"{"fault":"gone"}"#,
            r#"{"fault":"going","lasting":"always"}"#,
            r#"{"fault":{"late":{"by_ms":-1}},"lasting":"always"}"#,
            r#"{"fault":{"late":{"by_ms":1,"by":1}},"lasting":"always"}"#,
        ] {
            serde_json::from_str::<IdentityFaultConfig>(wrong).unwrap_err();
        }
    }
}
