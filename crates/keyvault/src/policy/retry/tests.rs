//! The policy in front of a vault of canned outcomes, on a clock that never waits.

use std::collections::VecDeque;

use azure_core::http::{AsyncRawResponse, Url};

use super::*;
use crate::clock::testing::TestClock;

/// What stands at the end of the pipeline: gives one outcome after the other.
#[derive(Debug)]
struct Vault {
    outcomes: Mutex<VecDeque<Outcome>>,
    bodies: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Status(StatusCode),
    Throttled(&'static str),
    Cut,
}

#[async_trait]
impl Policy for Vault {
    async fn send(
        &self,
        _: &Context,
        request: &mut Request,
        _: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        // As the official authorization does before there is a token.
        let body = azure_core::Bytes::from(&request.body_mut().take());
        self.bodies.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
        let answer = |status, headers| Ok(AsyncRawResponse::from_bytes(status, headers, ""));
        match self.outcomes.lock().unwrap().pop_front().expect("one request too many") {
            Outcome::Status(status) => answer(status, Headers::new()),
            Outcome::Throttled(after) => {
                let mut headers = Headers::new();
                headers.insert(RETRY_AFTER, after);
                answer(StatusCode::TooManyRequests, headers)
            }
            Outcome::Cut => Err(azure_core::Error::with_message(ErrorKind::Io, "cut")),
        }
    }
}

struct Setup {
    clock: Arc<TestClock>,
    policy: RetryPolicy,
    vault: Arc<Vault>,
}

impl Setup {
    fn new(outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        Self::with(RetryOptions::default(), Duration::ZERO, outcomes)
    }

    fn with(
        options: RetryOptions,
        start_jitter: Duration,
        outcomes: impl IntoIterator<Item = Outcome>,
    ) -> Self {
        let clock = Arc::new(TestClock::default());
        let vault = Arc::new(Vault {
            outcomes: Mutex::new(outcomes.into_iter().collect()),
            bodies: Mutex::default(),
        });
        let policy = RetryPolicy::new(options, start_jitter, clock.clone());
        Self { clock, policy, vault }
    }

    async fn send(&self, method: Method) -> PolicyResult {
        let url = Url::parse("https://kv.vault.azure.net/secrets/x").unwrap();
        let mut request = Request::new(url, method);
        request.set_body("body");
        let next: [Arc<dyn Policy>; 1] = [self.vault.clone()];
        self.policy.send(&Context::new(), &mut request, &next).await
    }

    fn attempts(&self) -> usize {
        self.vault.bodies.lock().unwrap().len()
    }
}

#[tokio::test]
async fn pauses_double_and_what_is_sent_again_is_whole() {
    let cut = [Outcome::Status(StatusCode::ServiceUnavailable); 4];
    let setup = Setup::new(cut.into_iter().chain([Outcome::Status(StatusCode::Ok)]));
    assert_eq!(setup.send(Method::Put).await.unwrap().status(), StatusCode::Ok);
    assert_eq!(*setup.vault.bodies.lock().unwrap(), ["body"; 5]);
    let pauses = setup.clock.pauses();
    assert_eq!(pauses.len(), 4);
    for (pause, expected) in pauses.iter().zip([0.8, 1.6, 3.2, 6.4]) {
        let pause = pause.as_secs_f64();
        assert!((expected..=expected * 1.25).contains(&pause), "{pause} for {expected}");
    }
}

#[tokio::test]
async fn the_vault_names_the_pause_and_all_requests_keep_to_it() {
    let setup = Setup::new([
        Outcome::Throttled("7"),
        Outcome::Status(StatusCode::Ok),
        Outcome::Status(StatusCode::Ok),
    ]);
    setup.send(Method::Get).await.unwrap();
    let pauses = setup.clock.pauses();
    assert_eq!(pauses.len(), 1);
    assert!((7.0..=8.75).contains(&pauses[0].as_secs_f64()), "{pauses:?}");

    let setup = Setup::with(
        RetryOptions::none(),
        Duration::ZERO,
        [Outcome::Throttled("7"), Outcome::Status(StatusCode::Ok)],
    );
    let status = setup.send(Method::Get).await.unwrap().status();
    assert_eq!(status, StatusCode::TooManyRequests);
    assert!(setup.clock.pauses().is_empty());
    // Another request of the same client waits before it goes out, a bit longer than asked.
    setup.send(Method::Get).await.unwrap();
    let pauses = setup.clock.pauses();
    assert_eq!(pauses.len(), 1);
    assert!((7.0..=8.75).contains(&pauses[0].as_secs_f64()), "{pauses:?}");
    setup.clock.advance(Duration::from_secs(60));
}

#[tokio::test]
async fn clients_that_are_turned_away_together_do_not_return_together() {
    let mut pauses = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let setup = Setup::new([Outcome::Throttled("10"), Outcome::Status(StatusCode::Ok)]);
        setup.send(Method::Get).await.unwrap();
        pauses.extend(setup.clock.pauses());
    }
    assert_eq!(pauses.len(), 20, "{pauses:?}");
    let spread = pauses.last().unwrap().saturating_sub(*pauses.first().unwrap());
    // Each is 10 to 12.5 s; that all are within one second happens less than once in a million runs.
    assert!(spread > Duration::from_secs(1), "{pauses:?}");
}

#[tokio::test]
async fn a_pause_beyond_the_deadline_is_not_begun() {
    let setup = Setup::new([Outcome::Throttled("3600")]);
    assert_eq!(setup.send(Method::Get).await.unwrap().status(), StatusCode::TooManyRequests);
    assert!(setup.clock.pauses().is_empty());
}

#[tokio::test]
async fn silence_ends_sooner_than_patience() {
    let setup = Setup::new([Outcome::Cut; 3]);
    assert!(setup.send(Method::Get).await.is_err());
    assert_eq!(setup.attempts(), 3);
    let throttled = [Outcome::Status(StatusCode::TooManyRequests); 10];
    let options = RetryOptions::default().with_max_elapsed(Duration::from_secs(3600));
    let setup = Setup::with(options, Duration::ZERO, throttled);
    setup.send(Method::Get).await.unwrap();
    assert_eq!(setup.attempts(), 10);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    for (method, outcome, attempts) in [
        (Method::Put, Outcome::Cut, 1),
        (Method::Delete, Outcome::Cut, 1),
        (Method::Put, Outcome::Status(StatusCode::InternalServerError), 1),
        (Method::Put, Outcome::Throttled("1"), 2),
        (Method::Patch, Outcome::Cut, 2),
        (Method::Get, Outcome::Cut, 2),
        (Method::Get, Outcome::Status(StatusCode::GatewayTimeout), 2),
        (Method::Get, Outcome::Status(StatusCode::Forbidden), 1),
    ] {
        let setup = Setup::new([outcome, Outcome::Status(StatusCode::Ok)]);
        let _ = setup.send(method).await;
        assert_eq!(setup.attempts(), attempts, "{method} {outcome:?}");
    }
}

#[tokio::test]
async fn the_first_request_of_a_client_waits_for_a_random_time() {
    let ok = [Outcome::Status(StatusCode::Ok); 2];
    let setup = Setup::with(RetryOptions::default(), Duration::from_secs(5), ok);
    setup.send(Method::Get).await.unwrap();
    setup.send(Method::Get).await.unwrap();
    let pauses = setup.clock.pauses();
    assert_eq!(pauses.len(), 1);
    assert!(pauses[0] <= Duration::from_secs(5), "{pauses:?}");
}

#[test]
fn every_form_of_retry_after_is_read() {
    let read = |name, value: &str| {
        let mut headers = Headers::new();
        headers.insert(name, value.to_owned());
        retry_after(&headers)
    };
    assert_eq!(read(RETRY_AFTER, "3"), Some(Duration::from_secs(3)));
    assert_eq!(read(X_MS_RETRY_AFTER_MS, "250"), Some(Duration::from_millis(250)));
    assert_eq!(read(RETRY_AFTER_MS, "250"), Some(Duration::from_millis(250)));
    assert_eq!(read(RETRY_AFTER, "Fri, 01 Jan 2021 00:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(read(RETRY_AFTER, "86400"), Some(Duration::from_secs(3600)));
    for wrong in ["", "soon", "-1"] {
        assert_eq!(read(RETRY_AFTER, wrong), None, "{wrong}");
    }
}
