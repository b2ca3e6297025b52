//! Fifty tasks of one virtual machine start at once and all want a token of its identity.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use azconnect_auth::{Clock, Error, ManagedIdentityCredential};
use azure_core::{
    credentials::TokenCredential,
    http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport, headers::Headers},
    time::OffsetDateTime,
};
use futures::future::join_all;

use crate::world::World;

const TASKS: usize = 50;
const STORAGE: &str = "https://storage.azure.com/.default";
const VAULT: &str = "https://vault.azure.net/.default";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_share_a_credential_make_one_request_for_each_scope() {
    let world = World::new().await;
    let imds = Arc::new(LimitedImds::new(&world, usize::MAX));
    let credential = credential(&world, &imds);
    let tasks = (0..TASKS).map(|task| {
        let credential = Arc::clone(&credential);
        let scope = if task % 2 == 0 { STORAGE } else { VAULT };
        tokio::spawn(async move { credential.get_token(&[scope], None).await })
    });
    let tokens: HashSet<String> = join_all(tasks)
        .await
        .into_iter()
        .map(|token| token.unwrap().unwrap().token.secret().to_owned())
        .collect();

    assert_eq!(tokens.len(), 2);
    assert_eq!(imds.counts(), Counts { answered: 2, throttled: 0 });
}

/// Processes share nothing, so each of them has to come through by its own patience.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_with_a_credential_each_all_come_through_the_limit_of_imds() {
    let world = World::new().await;
    let imds = Arc::new(LimitedImds::new(&world, REQUESTS_PER_SECOND));
    let tasks = (0..TASKS).map(|_| {
        let credential = credential(&world, &imds);
        tokio::spawn(async move { credential.get_token(&[STORAGE], None).await })
    });
    let failures: Vec<String> = join_all(tasks)
        .await
        .into_iter()
        .filter_map(|token| token.unwrap().err())
        .map(|error| error.downcast_ref::<Error>().unwrap().to_string())
        .collect();

    let counts = imds.counts();
    assert!(failures.is_empty(), "{} tasks got none, {counts:?}: {failures:#?}", failures.len());
    assert_eq!(counts.answered, TASKS);
    // Without any refusal the limit was not met, and the test would prove nothing.
    assert!(counts.throttled > TASKS / 2, "{counts:?}");
    // Ten seconds would do; what a credential never takes is more than its limit.
    let took = imds.clock.elapsed();
    assert!(took < Duration::from_secs(120), "{took:?}");
}

/// A credential with a cache of its own, as in a process of its own.
fn credential(world: &World, imds: &Arc<LimitedImds>) -> Arc<ManagedIdentityCredential> {
    let endpoints = world.harness.emulators().endpoints();
    ManagedIdentityCredential::builder()
        .with_imds_endpoint(endpoints.imds_url().parse().unwrap())
        .with_transport(Transport::new(Arc::clone(imds) as Arc<dyn HttpClient>))
        .with_clock(Arc::clone(&imds.clock) as Arc<dyn Clock>)
        .build()
        .unwrap()
}

/// The way to IMDS, on which one virtual machine may make so many requests within any second.
#[derive(Debug)]
struct LimitedImds {
    inner: reqwest::Client,
    clock: Arc<FastClock>,
    requests_per_second: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// When the requests of the last second were let through.
    recent: VecDeque<Duration>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Counts {
    answered: usize,
    throttled: usize,
}

impl LimitedImds {
    fn new(world: &World, requests_per_second: usize) -> Self {
        Self {
            inner: world.harness.http_client(),
            clock: Arc::default(),
            requests_per_second,
            state: Mutex::default(),
        }
    }

    fn counts(&self) -> Counts {
        self.state.lock().unwrap().counts
    }

    fn admits(&self) -> bool {
        let now = self.clock.elapsed();
        let mut state = self.state.lock().unwrap();
        while state.recent.front().is_some_and(|time| *time + SECOND <= now) {
            state.recent.pop_front();
        }
        let admits = state.recent.len() < self.requests_per_second;
        if admits {
            state.recent.push_back(now);
            state.counts.answered += 1;
        } else {
            state.counts.throttled += 1;
        }
        admits
    }
}

#[async_trait::async_trait]
impl HttpClient for LimitedImds {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        if self.admits() {
            return self.inner.execute_request(request).await;
        }
        let mut headers = Headers::new();
        headers.insert("retry-after", "1");
        let body = r#"{"error":"too_many_requests","error_description":"Too many requests"}"#;
        Ok(AsyncRawResponse::from_bytes(StatusCode::TooManyRequests, headers, body))
    }
}

/// A clock that runs twenty times as fast as the machine's, so that a minute of patience takes three seconds.
#[derive(Debug)]
struct FastClock {
    started: Instant,
    started_at: OffsetDateTime,
}

impl Default for FastClock {
    fn default() -> Self {
        Self { started: Instant::now(), started_at: OffsetDateTime::now_utc() }
    }
}

#[async_trait::async_trait]
impl Clock for FastClock {
    fn now(&self) -> OffsetDateTime {
        self.started_at + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed() * SPEED
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause / SPEED).await;
    }
}

const SPEED: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);

/// Spec: <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#rate-limiting>
const REQUESTS_PER_SECOND: usize = 5;
