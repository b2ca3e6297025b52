//! Secrets kept in memory, for jobs that ask for them often or in many tasks at once.
//!
//! The rules: one request at a time per secret; a secret is read again while the old value is still
//! good, so that nobody waits for that; whoever holds a good value is not told that the vault is busy
//! or away. No lock is held across a request but the secret's own.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tracing::{debug, warn};

use crate::{
    client::VaultClient,
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    name::{SecretName, SecretVersion},
    secret::Secret,
};

/// Keeps the secrets of one vault in memory.
///
/// Cheap to clone; clones share what is kept. Values are wiped when the last one who holds them
/// drops them. A value is asked for again in the background once most of its time to live is over;
/// every process picks its own moment, so that those which started together do not ask together.
///
/// Needs a Tokio runtime.
#[derive(Clone)]
pub struct SecretCache {
    inner: Arc<Inner>,
}

/// Collects the options of a [`SecretCache`].
#[derive(Debug, Clone)]
pub struct SecretCacheBuilder {
    client: VaultClient,
    options: Options,
    clock: Arc<dyn Clock>,
}

/// When a value that has outlived its time is still better than none.
///
/// Secret or not, a refusal is never papered over: a secret that is disabled, deleted or no longer
/// allowed is an error as soon as the vault says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaleValues {
    /// Never: the caller gets the vault's error.
    Refuse,
    /// For so long past its end, while the vault is throttling.
    WhileThrottled(Duration),
    /// For so long past its end, while the vault is throttling, out of order or out of reach.
    WhileUnavailable(Duration),
}

#[derive(Debug, Clone, Copy)]
struct Options {
    time_to_live: Duration,
    stale: StaleValues,
}

/// Where the values of a cache come from.
#[async_trait]
trait Source: Send + Sync {
    async fn fetch(&self, key: &Key) -> Result<Secret>;
}

/// A secret, compared without case as the vault does, and its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: SecretName,
    version: Option<SecretVersion>,
}

struct Inner {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    options: Options,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// One secret.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held by the one caller that asks the vault.
    request: tokio::sync::Mutex<()>,
    /// Held by the one task that renews in the background. It is a lock of its own so that a task
    /// whose runtime has stopped cannot keep those waiting whose value has ended.
    renewal: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    kept: Option<Kept>,
    /// Before this time no renewal is tried: one was, a moment ago.
    renew_after: Duration,
    /// How many requests have ended, and how the last one failed.
    requests: u64,
    failure: Option<Error>,
}

#[derive(Clone)]
struct Kept {
    secret: Arc<Secret>,
    /// From here on it is renewed, in the background.
    renew_at: Duration,
    ends_at: Duration,
}

enum View {
    /// Use it.
    Fresh(Arc<Secret>),
    /// Good enough to use, and due for renewal.
    Aging(Arc<Secret>),
    /// There is none that is good; so many requests had ended when we looked.
    Missing { requests: u64 },
}

impl SecretCache {
    /// Starts to build a cache.
    pub fn builder(client: VaultClient) -> SecretCacheBuilder {
        SecretCacheBuilder {
            client,
            options: Options {
                time_to_live: Duration::from_secs(3600),
                stale: StaleValues::WhileThrottled(Duration::from_secs(3600)),
            },
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Gives the latest version of a secret: the one kept, or else the vault's.
    ///
    /// However many callers ask at once, one request is sent, and if it fails all of them are told
    /// so; a call after that asks again.
    ///
    /// # Errors
    /// As [`VaultClient::secret`]. While a value is good, no failure to renew it is an error.
    ///
    /// # Cancel safety
    /// Safe: a caller that goes away during its request lets the next one make it.
    pub async fn secret(&self, name: &SecretName) -> Result<Arc<Secret>> {
        self.get(Key::new(name, None)).await
    }

    /// Gives one version of a secret in the same way.
    ///
    /// # Errors
    /// As [`VaultClient::secret_version`].
    ///
    /// # Cancel safety
    /// As [`SecretCache::secret`].
    pub async fn secret_version(
        &self,
        name: &SecretName,
        version: &SecretVersion,
    ) -> Result<Arc<Secret>> {
        self.get(Key::new(name, Some(version))).await
    }

    /// Forgets the latest version of a secret if it is still this one, so that the next caller asks
    /// the vault: for when a server no longer accepts the value. Many tasks that find out about the
    /// same value at the same time cause one request in all.
    pub fn invalidate(&self, refused: &Secret) {
        let key = Key::new(&refused.properties.name, None);
        let slot = lock(&self.inner.slots).get(&key).map(Arc::clone);
        let Some(slot) = slot else { return };
        let mut state = slot.state();
        let is_it = state
            .kept
            .as_ref()
            .is_some_and(|kept| kept.secret.properties.version == refused.properties.version);
        if is_it {
            state.kept = None;
        }
    }

    async fn get(&self, key: Key) -> Result<Arc<Secret>> {
        let slot = Arc::clone(lock(&self.inner.slots).entry(key.clone()).or_default());
        let seen = match slot.look(self.now()) {
            View::Fresh(secret) => return Ok(secret),
            View::Aging(secret) => {
                self.renew_in_background(slot, key);
                return Ok(secret);
            }
            View::Missing { requests } => requests,
        };
        let _guard = slot.request.lock().await;
        match slot.look(self.now()) {
            View::Fresh(secret) | View::Aging(secret) => return Ok(secret),
            View::Missing { requests } if requests > seen => {
                // The request that this caller waited for has ended: asking again would only make
                // all callers queue up behind each other.
                if let Some(outcome) = slot.last_outcome() {
                    return outcome.or_else(|failure| {
                        slot.stale_or(&self.inner.options, self.now(), failure)
                    });
                }
            }
            View::Missing { .. } => {}
        }
        let outcome = self.inner.source.fetch(&key).await;
        slot.ended(&self.inner.options, self.now(), &key, outcome)
    }

    fn renew_in_background(&self, slot: Arc<Slot>, key: Key) {
        let Ok(guard) = Arc::clone(&slot.renewal).try_lock_owned() else { return };
        let cache = self.clone();
        tokio::spawn(async move {
            let outcome = cache.inner.source.fetch(&key).await;
            // Whoever holds a good value does not care; whoever needs one by then asks again.
            let _ = slot.ended(&cache.inner.options, cache.now(), &key, outcome);
            drop(guard);
        });
    }

    fn now(&self) -> Duration {
        self.inner.clock.elapsed()
    }
}

impl SecretCacheBuilder {
    /// How long a value is good. Default: one hour. Zero asks the vault every time, though only once
    /// for all who ask at the same time.
    #[must_use]
    pub fn with_time_to_live(mut self, time_to_live: Duration) -> Self {
        self.options.time_to_live = time_to_live;
        self
    }

    /// What to do with a value whose time is over while there is no new one. Default:
    /// [`StaleValues::WhileThrottled`] for one more hour.
    #[must_use]
    pub fn with_stale_values(mut self, stale: StaleValues) -> Self {
        self.options.stale = stale;
        self
    }

    /// Takes the time from this clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the cache. Nothing is sent yet.
    pub fn build(self) -> SecretCache {
        SecretCache::new(Box::new(self.client), self.options, self.clock)
    }
}

impl SecretCache {
    fn new(source: Box<dyn Source>, options: Options, clock: Arc<dyn Clock>) -> Self {
        Self { inner: Arc::new(Inner { source, clock, options, slots: Mutex::default() }) }
    }
}

impl StaleValues {
    /// How long past its end a value may be used, this being why there is no new one.
    fn grace(self, failure: ErrorKind) -> Duration {
        let throttled = failure == ErrorKind::Throttled;
        let away =
            matches!(failure, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Unavailable);
        match self {
            Self::WhileThrottled(grace) if throttled => grace,
            Self::WhileUnavailable(grace) if throttled || away => grace,
            _ => Duration::ZERO,
        }
    }
}

#[async_trait]
impl Source for VaultClient {
    async fn fetch(&self, key: &Key) -> Result<Secret> {
        match &key.version {
            None => self.secret(&key.name).await,
            Some(version) => self.secret_version(&key.name, version).await,
        }
    }
}

impl Key {
    fn new(name: &SecretName, version: Option<&SecretVersion>) -> Self {
        Self { name: name.to_lower_case(), version: version.cloned() }
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn look(&self, now: Duration) -> View {
        let state = self.state();
        match &state.kept {
            Some(kept) if now < kept.ends_at => {
                let is_due = now >= kept.renew_at && now >= state.renew_after;
                let secret = Arc::clone(&kept.secret);
                if is_due { View::Aging(secret) } else { View::Fresh(secret) }
            }
            _ => View::Missing { requests: state.requests },
        }
    }

    /// How the last request ended; `None` if what it gave was forgotten meanwhile.
    fn last_outcome(&self) -> Option<Result<Arc<Secret>>> {
        let state = self.state();
        match &state.failure {
            Some(failure) => Some(Err(failure.clone())),
            None => state.kept.as_ref().map(|kept| Ok(Arc::clone(&kept.secret))),
        }
    }

    /// Takes note of how a request ended.
    fn ended(
        &self,
        options: &Options,
        now: Duration,
        key: &Key,
        outcome: Result<Secret>,
    ) -> Result<Arc<Secret>> {
        let mut state = self.state();
        state.requests += 1;
        match outcome {
            Ok(secret) => {
                let kept = Kept::new(secret, now, options.time_to_live);
                let secret = Arc::clone(&kept.secret);
                debug!(name = %key.name, "read a secret");
                state.kept = Some(kept);
                state.failure = None;
                Ok(secret)
            }
            Err(error) => {
                // A vault that failed is left alone for a while.
                state.renew_after = now + RENEWAL_PAUSE;
                state.failure = Some(error.clone());
                if is_verdict(error.kind()) {
                    state.kept = None;
                }
                drop(state);
                self.stale_or(options, now, error)
            }
        }
    }

    /// The value that is kept, if it may still be used in the face of this failure.
    fn stale_or(&self, options: &Options, now: Duration, failure: Error) -> Result<Arc<Secret>> {
        let grace = options.stale.grace(failure.kind());
        let state = self.state();
        match &state.kept {
            Some(kept) if now < kept.ends_at + grace => {
                let name = &kept.secret.properties.name;
                warn!(%name, error = %failure, "kept the old value: it cannot be read again");
                Ok(Arc::clone(&kept.secret))
            }
            _ => Err(failure),
        }
    }
}

impl Kept {
    fn new(secret: Secret, now: Duration, time_to_live: Duration) -> Self {
        // Between 75 and 95 % of its time, at a moment of this process's own.
        let share = 0.75 + 0.2 * fastrand::f64();
        Self {
            secret: Arc::new(secret),
            renew_at: now + time_to_live.mul_f64(share),
            ends_at: now + time_to_live,
        }
    }
}

impl fmt::Debug for SecretCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretCache ")?;
        let slots = lock(&self.inner.slots);
        f.debug_set().entries(slots.keys().map(|key| key.name.as_str())).finish()
    }
}

/// Whether the vault has said that the secret is not, or no longer, for the caller.
fn is_verdict(failure: ErrorKind) -> bool {
    matches!(
        failure,
        ErrorKind::Deleted
            | ErrorKind::Disabled
            | ErrorKind::NotFound
            | ErrorKind::PermissionDenied
    )
}

/// Nothing panics while holding these locks; if something did, what they guard would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pause between two attempts to renew a value that is still good.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
