//! The promises of the cache, each under the conditions that would break it.

use std::{
    collections::VecDeque,
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration as StdDuration,
};

use serde_json::json;
use tokio::sync::Notify;

use super::*;
use crate::{ErrorKind, clock::testing::TestClock, error::Failure};

const SCOPE: &str = "https://vault.azure.net/.default";

/// What the source of a test does with one request.
pub(super) enum Step {
    /// Gives a token of this name and lifetime.
    Token(&'static str, i64),
    Fail,
    /// Lets so many seconds pass first.
    FailAfter(u64),
    /// Tells that it has begun, and goes on when it is told to.
    TokenWhenTold(&'static str, i64, Arc<Notify>, Arc<Notify>),
    Never,
}

/// A source that goes through its steps, and keeps what it was asked.
#[derive(Default)]
pub(super) struct Source {
    pub(super) clock: Arc<TestClock>,
    steps: Mutex<VecDeque<Step>>,
    asked: Mutex<Vec<Wanted>>,
    owner: &'static str,
}

impl Source {
    pub(super) fn of(owner: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        Self { owner, steps: Mutex::new(steps.into_iter().collect()), ..Self::default() }
    }

    pub(super) fn requests(&self) -> usize {
        lock(&self.asked).len()
    }

    fn token(&self, name: &'static str, lifetime_seconds: i64) -> Result<FetchedToken> {
        let expires_on = self.clock.now() + Duration::seconds(lifetime_seconds);
        Ok(FetchedToken {
            access_token: AccessToken::new(name, expires_on),
            refresh_on: expires_on - Duration::minutes(5),
        })
    }
}

#[async_trait]
impl TokenSource for Source {
    async fn fetch(&self, wanted: &Wanted, _context: &Context<'_>) -> Result<FetchedToken> {
        lock(&self.asked).push(wanted.clone());
        let step = lock(&self.steps).pop_front();
        tokio::task::yield_now().await;
        let failure = || Failure::new(ErrorKind::Unavailable, "away").into();
        match step.expect("a request that the test does not know of") {
            Step::Token(name, lifetime) => self.token(name, lifetime),
            Step::Fail => Err(failure()),
            Step::FailAfter(seconds) => {
                self.clock.advance(StdDuration::from_secs(seconds));
                Err(failure())
            }
            Step::TokenWhenTold(name, lifetime, begun, proceed) => {
                begun.notify_one();
                proceed.notified().await;
                self.token(name, lifetime)
            }
            Step::Never => pending().await,
        }
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn owner(&self) -> String {
        self.owner.to_owned()
    }
}

pub(super) fn wanted(scope: &str) -> Wanted {
    Wanted { scope: scope.to_owned(), tenant_id: None, claims: None }
}

fn cache(steps: impl IntoIterator<Item = Step>) -> TokenCache<Source> {
    TokenCache::new(Source::of("a test", steps), None)
}

async fn ask(cache: &TokenCache<Source>, wanted: Wanted) -> Result<String> {
    let token = cache.get(wanted, &Context::new()).await?;
    Ok(token.token.secret().to_owned())
}

async fn get(cache: &TokenCache<Source>) -> Result<String> {
    ask(cache, wanted(SCOPE)).await
}

fn advance(cache: &TokenCache<Source>, seconds: u64) {
    cache.source().clock.advance(StdDuration::from_secs(seconds));
}

/// Lets tasks in the background come to their ends.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_is_renewed_in_the_background_five_minutes_before_it_expires() {
    let cache = cache([Step::Token("first", 3600), Step::Token("second", 3600)]);
    assert_eq!(get(&cache).await.unwrap(), "first");
    advance(&cache, 3299);
    assert_eq!(get(&cache).await.unwrap(), "first");
    settle().await;
    assert_eq!(cache.source().requests(), 1);
    advance(&cache, 1);
    assert_eq!(get(&cache).await.unwrap(), "first", "nobody waits for the renewal");
    settle().await;
    assert_eq!(get(&cache).await.unwrap(), "second");
    assert_eq!(cache.source().requests(), 2);
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_valid_token_and_pauses() {
    let cache = cache([Step::Token("first", 600), Step::Fail, Step::Token("second", 600)]);
    get(&cache).await.unwrap();
    advance(&cache, 400);
    for _ in 0..3 {
        assert_eq!(get(&cache).await.unwrap(), "first");
        settle().await;
    }
    assert_eq!(cache.source().requests(), 2, "one attempt, then a pause");
    advance(&cache, 30);
    assert_eq!(get(&cache).await.unwrap(), "first");
    settle().await;
    assert_eq!(get(&cache).await.unwrap(), "second");
}

#[tokio::test]
async fn an_expired_token_is_never_returned() {
    let cache = cache([Step::Token("first", 600), Step::Fail]);
    get(&cache).await.unwrap();
    advance(&cache, 600);
    assert_eq!(get(&cache).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_token_in_its_last_seconds_is_replaced_first_and_used_only_if_there_is_no_other() {
    let cache = cache([
        Step::Token("first", 600),
        Step::Fail,
        Step::Token("second", 600),
        Step::FailAfter(20),
    ]);
    get(&cache).await.unwrap();
    advance(&cache, 595);
    assert_eq!(get(&cache).await.unwrap(), "first", "the service is away and the token valid");
    assert_eq!(get(&cache).await.unwrap(), "second");
    advance(&cache, 595);
    let error = get(&cache).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "it expired while the request failed");
}

#[tokio::test]
async fn callers_of_one_scope_share_one_request_and_its_outcome() {
    for (first, succeeds) in [(Step::Token("shared", 3600), true), (Step::Fail, false)] {
        let cache = cache([first, Step::Token("shared", 3600)]);
        let outcomes = tokio::join!(get(&cache), get(&cache), get(&cache));
        assert_eq!(cache.source().requests(), 1);
        for outcome in [outcomes.0, outcomes.1, outcomes.2] {
            assert_eq!(outcome.is_ok(), succeeds);
        }
        // A failure is shared with those who waited for it, not kept for those who come later.
        assert_eq!(get(&cache).await.unwrap(), "shared");
    }
}

#[tokio::test]
async fn a_slow_renewal_delays_neither_another_scope_nor_holders_of_a_valid_token() {
    let (begun, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = Step::TokenWhenTold("second", 600, Arc::clone(&begun), Arc::clone(&proceed));
    let cache = cache([Step::Token("first", 600), slow, Step::Token("other", 600)]);
    get(&cache).await.unwrap();
    advance(&cache, 400);
    assert_eq!(get(&cache).await.unwrap(), "first");
    begun.notified().await;
    assert_eq!(get(&cache).await.unwrap(), "first");
    assert_eq!(ask(&cache, wanted("other")).await.unwrap(), "other");
    proceed.notify_one();
    settle().await;
    assert_eq!(get(&cache).await.unwrap(), "second");
    assert_eq!(cache.source().requests(), 3);
}

#[tokio::test]
async fn a_renewal_that_hangs_does_not_hold_up_whoever_needs_a_token() {
    let cache = cache([Step::Token("first", 600), Step::Never, Step::Token("second", 600)]);
    get(&cache).await.unwrap();
    advance(&cache, 400);
    get(&cache).await.unwrap();
    settle().await;
    advance(&cache, 200);
    assert_eq!(get(&cache).await.unwrap(), "second");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_request_to_the_next() {
    let cache = cache([Step::Never, Step::Token("next", 600)]);
    let abandoned = tokio::time::timeout(StdDuration::from_millis(1), get(&cache));
    assert!(abandoned.await.is_err());
    assert_eq!(get(&cache).await.unwrap(), "next");
}

#[tokio::test]
async fn claims_are_asked_for_once_and_their_token_serves_all() {
    let cache = cache([Step::Token("first", 3600), Step::Token("with claims", 3600)]);
    get(&cache).await.unwrap();
    let claims = json!({"access_token": {"nbf": {"value": "1"}}}).as_object().cloned();
    let challenged = Wanted { claims: claims.clone(), ..wanted(SCOPE) };
    let both = tokio::join!(ask(&cache, challenged.clone()), ask(&cache, challenged.clone()));
    assert_eq!(
        (both.0.unwrap().as_str(), both.1.unwrap().as_str()),
        ("with claims", "with claims")
    );
    assert_eq!(ask(&cache, challenged).await.unwrap(), "with claims");
    assert_eq!(get(&cache).await.unwrap(), "with claims");
    assert_eq!(cache.source().requests(), 2);
    assert_eq!(lock(&cache.source().asked)[1].claims, claims);
}

#[tokio::test]
async fn a_token_that_was_refused_is_not_given_in_place_of_one_with_claims() {
    let cache = cache([Step::Token("first", 3600), Step::Fail]);
    get(&cache).await.unwrap();
    let claims = json!({"access_token": {}}).as_object().cloned();
    assert!(ask(&cache, Wanted { claims, ..wanted(SCOPE) }).await.is_err());
    assert_eq!(get(&cache).await.unwrap(), "first");
}

#[tokio::test]
async fn tenants_have_tokens_of_their_own() {
    let cache = cache([Step::Token("home", 3600), Step::Token("other", 3600)]);
    let in_other = || Wanted { tenant_id: Some("fabrikam.com".parse().unwrap()), ..wanted(SCOPE) };
    for _ in 0..2 {
        assert_eq!(get(&cache).await.unwrap(), "home");
        assert_eq!(ask(&cache, in_other()).await.unwrap(), "other");
    }
}

#[tokio::test]
async fn many_callers_make_one_request() {
    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    let cache = Arc::new(cache([Step::Token("shared", 3600)]));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move {
                RUNNING.fetch_add(1, Ordering::SeqCst);
                get(&cache).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "shared");
    }
    assert_eq!((RUNNING.load(Ordering::SeqCst), cache.source().requests()), (50, 1));
}

#[tokio::test]
async fn debug_shows_scopes_and_no_tokens() {
    let cache = cache([Step::Token("canary-4711", 600)]);
    get(&cache).await.unwrap();
    let text = format!("{cache:?}");
    assert!(text.contains(SCOPE) && !text.contains("canary"), "{text}");
}
