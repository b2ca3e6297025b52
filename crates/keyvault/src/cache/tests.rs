//! The cache over a vault that waits for leave and fails when told to.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, Semaphore};

use super::*;
use crate::clock::testing::TestClock;

/// A vault that counts, waits for leave, and fails when told to.
struct Vault {
    requests: AtomicU64,
    fails: Mutex<Option<Error>>,
    leave: Semaphore,
    asked: Notify,
}

#[async_trait]
impl Source for Arc<Vault> {
    async fn fetch(&self, key: &Key) -> Result<Secret> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        self.asked.notify_one();
        self.leave.acquire().await.unwrap().forget();
        match &*self.fails.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(Secret::of(key.name.as_str(), number.into(), &format!("value {number}"))),
        }
    }
}

struct Setup {
    clock: Arc<TestClock>,
    vault: Arc<Vault>,
    cache: SecretCache,
}

impl Setup {
    fn new() -> Self {
        Self::with(StaleValues::Refuse, Duration::from_secs(100))
    }

    fn with(stale: StaleValues, time_to_live: Duration) -> Self {
        let clock = Arc::new(TestClock::default());
        let vault = Arc::new(Vault {
            requests: AtomicU64::new(0),
            fails: Mutex::default(),
            leave: Semaphore::new(1_000),
            asked: Notify::new(),
        });
        let options = Options { time_to_live, stale };
        let cache = SecretCache::new(Box::new(vault.clone()), options, clock.clone());
        Self { clock, vault, cache }
    }

    fn fail(&self, status: u16, code: &str) {
        *self.vault.fails.lock().unwrap() = Some(Error::of_code(status, code));
    }

    fn mend(&self) {
        *self.vault.fails.lock().unwrap() = None;
    }

    async fn value(&self) -> Result<String> {
        let secret = self.cache.secret(&name()).await?;
        Ok(secret.value.expose_secret().to_owned())
    }

    fn requests(&self) -> u64 {
        self.vault.requests.load(Ordering::SeqCst)
    }

    fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn name() -> SecretName {
    SecretName::new("db").unwrap()
}

/// Lets the tasks that were spawned run until they wait.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_hundred_callers_cause_one_request_and_names_compare_without_case() {
    for time_to_live in [0, 100] {
        let setup = Setup::with(StaleValues::Refuse, Duration::from_secs(time_to_live));
        setup.vault.leave.forget_permits(1_000);
        let callers = (0..100).map(|number| {
            let cache = setup.cache.clone();
            let name = SecretName::new(if number % 2 == 0 { "db" } else { "DB" }).unwrap();
            tokio::spawn(async move { cache.secret(&name).await })
        });
        let callers: Vec<_> = callers.collect();
        settle().await;
        setup.vault.leave.add_permits(100);
        for caller in callers {
            let secret = caller.await.unwrap().unwrap();
            assert_eq!(secret.value.expose_secret(), "value 1");
        }
        assert_eq!(setup.requests(), 1);
    }
}

#[tokio::test]
async fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
    let setup = Setup::new();
    setup.fail(429, "Throttled");
    setup.vault.leave.forget_permits(1_000);
    let callers: Vec<_> = (0..10)
        .map(|_| {
            let cache = setup.cache.clone();
            tokio::spawn(async move { cache.secret(&name()).await.map(drop) })
        })
        .collect();
    settle().await;
    setup.vault.leave.add_permits(100);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap_err().kind(), ErrorKind::Throttled);
    }
    assert_eq!(setup.requests(), 1);
    setup.mend();
    assert_eq!(setup.value().await.unwrap(), "value 2");
}

#[tokio::test]
async fn an_aging_value_is_renewed_behind_the_callers_back() {
    let setup = Setup::new();
    assert_eq!(setup.value().await.unwrap(), "value 1");
    setup.advance(74);
    setup.value().await.unwrap();
    settle().await;
    assert_eq!(setup.requests(), 1);
    setup.advance(22);
    setup.vault.leave.forget_permits(1_000);
    assert_eq!(setup.value().await.unwrap(), "value 1");
    assert_eq!(setup.value().await.unwrap(), "value 1");
    settle().await;
    setup.vault.leave.add_permits(10);
    settle().await;
    assert_eq!(setup.value().await.unwrap(), "value 2");
    assert_eq!(setup.requests(), 2);
}

#[tokio::test]
async fn a_busy_vault_is_not_asked_again_at_once_while_the_value_is_good() {
    let setup = Setup::new();
    setup.value().await.unwrap();
    setup.fail(429, "Throttled");
    setup.advance(96);
    for _ in 0..5 {
        assert_eq!(setup.value().await.unwrap(), "value 1");
        settle().await;
    }
    assert_eq!(setup.requests(), 2);
    // Its time is over, and no choice was made to use it longer.
    setup.advance(4);
    assert_eq!(setup.value().await.unwrap_err().kind(), ErrorKind::Throttled);
}

#[tokio::test]
async fn a_stale_value_serves_as_long_as_was_chosen() {
    let throttled = StaleValues::WhileThrottled(Duration::from_secs(50));
    let away = StaleValues::WhileUnavailable(Duration::from_secs(50));
    for (stale, status, code, served) in [
        (StaleValues::Refuse, 429, "Throttled", false),
        (throttled, 429, "Throttled", true),
        (throttled, 503, "Unavailable", false),
        (away, 429, "Throttled", true),
        (away, 503, "Unavailable", true),
        (away, 403, "ForbiddenByRbac", false),
        (away, 403, "SecretDisabled", false),
        (away, 404, "SecretNotFound", false),
    ] {
        let setup = Setup::with(stale, Duration::from_secs(100));
        setup.value().await.unwrap();
        setup.fail(status, code);
        setup.advance(149);
        assert_eq!(setup.value().await.is_ok(), served, "{stale:?} {code}");
        setup.advance(1);
        assert!(setup.value().await.is_err(), "{stale:?} {code}");
        setup.mend();
        assert_ne!(setup.value().await.unwrap(), "value 1");
    }
}

#[tokio::test]
async fn a_verdict_of_the_vault_ends_a_good_value() {
    let setup = Setup::new();
    setup.value().await.unwrap();
    setup.fail(403, "SecretDisabled");
    setup.advance(96);
    assert_eq!(setup.value().await.unwrap(), "value 1");
    settle().await;
    assert_eq!(setup.value().await.unwrap_err().kind(), ErrorKind::Disabled);
}

#[tokio::test]
async fn a_refused_value_is_read_again_once() {
    let setup = Setup::new();
    let old = setup.cache.secret(&name()).await.unwrap();
    setup.cache.invalidate(&old);
    assert_eq!(setup.value().await.unwrap(), "value 2");
    // Others who held the old value find out later.
    setup.cache.invalidate(&old);
    assert_eq!(setup.value().await.unwrap(), "value 2");
    assert_eq!(setup.requests(), 2);
}

#[tokio::test]
async fn a_caller_that_goes_away_lets_the_next_one_ask() {
    let setup = Setup::new();
    setup.vault.leave.forget_permits(1_000);
    let cache = setup.cache.clone();
    let first = tokio::spawn(async move { cache.secret(&name()).await });
    setup.vault.asked.notified().await;
    let cache = setup.cache.clone();
    let second = tokio::spawn(async move { cache.secret(&name()).await });
    settle().await;
    first.abort();
    settle().await;
    setup.vault.leave.add_permits(1);
    assert_eq!(second.await.unwrap().unwrap().value.expose_secret(), "value 2");
}

#[tokio::test]
async fn a_cache_does_not_show_what_it_keeps() {
    let setup = Setup::new();
    setup.value().await.unwrap();
    assert_eq!(format!("{:?}", setup.cache), "SecretCache {\"db\"}");
}
