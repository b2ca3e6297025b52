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
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Faults, Lasting, Service,
    broken::{Cut, cut, hang_up, not_json},
    queue::milliseconds,
    too_many_requests,
};

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

/// One fault from the start on.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityFaultConfig {
    /// What is wrong.
    pub fault: IdentityFault,
    /// How long: `"always"`, `{"ms": 2000}` or `{"requests": 3}`.
    pub lasting: Lasting,
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
        Some(IdentityFault::Cut { after_bytes }) => {
            cut(next.run(request).await, Cut::After(after_bytes)).await
        }
        Some(IdentityFault::Gone) => {
            let body = json!({
                "error": "gone",
                "error_description": "The service is going through updates and will be available \
                                      within 70 seconds",
            });
            (StatusCode::GONE, axum::Json(body)).into_response()
        }
        Some(IdentityFault::HangUp) => hang_up(),
        Some(IdentityFault::Late { by }) => {
            tokio::time::sleep(by).await;
            next.run(request).await
        }
        Some(IdentityFault::NotJson) => not_json(),
        Some(IdentityFault::TooManyRequests) => too_many_requests(Service::Imds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
