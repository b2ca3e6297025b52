//! The promises of the cache, each under the conditions that would break it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration as StdDuration,
};

use tokio::sync::Notify;

use super::*;
use crate::{ErrorKind, clock::testing::TestClock, error::Failure};

const SCOPE: &str = "https://vault.azure.net/.default";

fn token(clock: &TestClock, name: &'static str, lifetime_seconds: i64) -> FetchedToken {
    let expires_on = clock.now() + Duration::seconds(lifetime_seconds);
    FetchedToken {
        access_token: AccessToken::new(name, expires_on),
        refresh_on: expires_on - Duration::minutes(5),
    }
}

fn failure() -> Error {
    Failure::new(ErrorKind::Unavailable, "away").into()
}

async fn get(
    cache: &TokenCache,
    clock: &TestClock,
    outcome: Result<FetchedToken>,
) -> Result<String> {
    let token = cache.get(SCOPE, clock, |_| async { outcome }).await?;
    Ok(token.token.secret().to_owned())
}

async fn get_cached(cache: &TokenCache, clock: &TestClock) -> String {
    let token = cache.get(SCOPE, clock, |_| async { panic!("nothing should be fetched") }).await;
    token.unwrap().token.secret().to_owned()
}

#[tokio::test]
async fn a_token_is_used_until_five_minutes_before_it_expires() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    assert_eq!(get(&cache, &clock, Ok(token(&clock, "first", 3600))).await.unwrap(), "first");
    clock.advance(StdDuration::from_secs(3299));
    assert_eq!(get_cached(&cache, &clock).await, "first");
    clock.advance(StdDuration::from_secs(1));
    assert_eq!(get(&cache, &clock, Ok(token(&clock, "second", 3600))).await.unwrap(), "second");
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_valid_token_and_pauses() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    get(&cache, &clock, Ok(token(&clock, "first", 600))).await.unwrap();
    clock.advance(StdDuration::from_secs(400));
    let patience = std::sync::Mutex::new(Vec::new());
    for _ in 0..2 {
        let kept = cache
            .get(SCOPE, &clock, |asked| {
                patience.lock().unwrap().push(asked);
                async { Err(failure()) }
            })
            .await
            .unwrap();
        assert_eq!(kept.token.secret(), "first");
    }
    assert_eq!(*patience.lock().unwrap(), [Patience::Brief], "one attempt, then a pause");
    clock.advance(StdDuration::from_secs(30));
    assert_eq!(get(&cache, &clock, Ok(token(&clock, "second", 600))).await.unwrap(), "second");
}

#[tokio::test]
async fn an_expired_token_is_never_returned() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    get(&cache, &clock, Ok(token(&clock, "first", 600))).await.unwrap();
    clock.advance(StdDuration::from_secs(600));
    let error = get(&cache, &clock, Err(failure())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_token_that_expires_during_its_failed_renewal_is_not_returned() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    get(&cache, &clock, Ok(token(&clock, "first", 600))).await.unwrap();
    clock.advance(StdDuration::from_secs(590));
    let outcome = cache.get(SCOPE, &clock, |_| async {
        clock.advance(StdDuration::from_secs(20));
        Err(failure())
    });
    assert_eq!(outcome.await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn callers_of_one_scope_share_one_request_and_its_outcome() {
    for succeeds in [true, false] {
        let (cache, clock) = (TokenCache::default(), TestClock::default());
        let requests = AtomicU32::new(0);
        let ask = || async {
            let fetch = |_| async {
                requests.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if succeeds { Ok(token(&clock, "shared", 3600)) } else { Err(failure()) }
            };
            cache.get(SCOPE, &clock, fetch).await.map(|token| token.token.secret().to_owned())
        };
        let outcomes = tokio::join!(ask(), ask(), ask());
        assert_eq!(requests.load(Ordering::SeqCst), 1);
        for outcome in [outcomes.0, outcomes.1, outcomes.2] {
            assert_eq!(outcome.is_ok(), succeeds);
        }
        // A failure is shared with those who waited for it, not kept for those who come later.
        assert_eq!(get(&cache, &clock, Ok(token(&clock, "shared", 3600))).await.unwrap(), "shared");
    }
}

#[tokio::test]
async fn a_slow_scope_delays_neither_another_nor_holders_of_a_valid_token() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    get(&cache, &clock, Ok(token(&clock, "first", 600))).await.unwrap();
    clock.advance(StdDuration::from_secs(400));
    let (started, proceed) = (Notify::new(), Notify::new());
    let slow = cache.get(SCOPE, &clock, |_| async {
        started.notify_one();
        proceed.notified().await;
        Ok(token(&clock, "second", 600))
    });
    let others = async {
        started.notified().await;
        assert_eq!(get_cached(&cache, &clock).await, "first", "no wait while renewal is under way");
        let other = cache.get("other", &clock, |_| async { Ok(token(&clock, "other", 600)) });
        assert_eq!(other.await.unwrap().token.secret(), "other");
        proceed.notify_one();
    };
    let (renewed, ()) = tokio::join!(slow, others);
    assert_eq!(renewed.unwrap().token.secret(), "second");
    assert_eq!(get_cached(&cache, &clock).await, "second");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_request_to_the_next() {
    let (cache, clock) = (TokenCache::default(), TestClock::default());
    let abandoned = cache.get(SCOPE, &clock, |_| std::future::pending());
    let timeout = tokio::time::timeout(StdDuration::from_millis(1), abandoned);
    assert!(timeout.await.is_err());
    assert_eq!(get(&cache, &clock, Ok(token(&clock, "next", 600))).await.unwrap(), "next");
}

#[test]
fn debug_shows_scopes_and_no_tokens() {
    let cache = TokenCache::default();
    cache
        .slot(SCOPE)
        .fetched(
            SCOPE,
            TestClock::default().now(),
            Ok(token(&TestClock::default(), "canary-4711", 600)),
        )
        .unwrap();
    let text = format!("{cache:?}");
    assert!(text.contains(SCOPE) && !text.contains("canary"), "{text}");
}
