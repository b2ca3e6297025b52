//! Tokens by scope and tenant, shared by all credentials.
//!
//! The rules: one request at a time per scope; a slow scope never delays another; a token is renewed in the
//! background while it is still good, so that nobody waits for that; whoever holds a valid token is never told of a
//! failed renewal. No lock is held across a request but the scope's own.

mod shared;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use azure_core::{
    credentials::AccessToken,
    http::Context,
    time::{Duration, OffsetDateTime},
};
use serde_json::{Map, Value};
use tracing::{debug, warn};

pub use self::shared::SharedTokenCache;
use crate::{
    clock::Clock,
    error::{Error, Result},
    ids::TenantId,
    request::TokenRequest,
    token::FetchedToken,
};

/// Where the tokens of a cache come from.
#[async_trait]
pub(crate) trait TokenSource: Send + Sync + 'static {
    /// Asks the service, and repeats that as the source's options say.
    async fn fetch(&self, wanted: &Wanted, context: &Context<'_>) -> Result<FetchedToken>;

    fn clock(&self) -> &dyn Clock;

    /// Says whose tokens these are, for a cache that other processes share: two sources that could get different
    /// tokens differ in it. Never shown, so it may be made from secrets.
    fn owner(&self) -> String;
}

/// A token that somebody asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) scope: String,
    pub(crate) tenant_id: Option<TenantId>,
    /// A token that was got without these claims does not do.
    pub(crate) claims: Option<Map<String, Value>>,
}

impl Wanted {
    /// A token for `scope`, with what the caller's context asks for beside it.
    pub(crate) fn new(scope: impl Into<String>, context: &Context<'_>) -> Self {
        let request = TokenRequest::of(context);
        Self {
            scope: scope.into(),
            tenant_id: request.tenant_id().cloned(),
            claims: request.claims().cloned(),
        }
    }
}

/// The tokens of one credential.
pub(crate) struct TokenCache<S> {
    source: Arc<S>,
    shared: Option<SharedTokenCache>,
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

/// Scope and tenant.
type Key = (String, Option<TenantId>);

/// The token of one scope.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held by the one caller that asks the service.
    request: tokio::sync::Mutex<()>,
    /// Held by the one task that renews in the background. It is a lock of its own so that a task whose runtime has
    /// stopped cannot keep those waiting whose token has expired.
    renewal: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct State {
    token: Option<FetchedToken>,
    /// The claims that the token was asked for with.
    claims: Option<Map<String, Value>>,
    /// Before this time no renewal is tried: one was, a moment ago.
    renew_after: Option<OffsetDateTime>,
    /// How many requests have ended, and how the last one failed.
    requests: u64,
    failure: Option<Error>,
}

enum View {
    /// Use it.
    Fresh(AccessToken),
    /// Good enough to use, and due for renewal.
    Aging(AccessToken),
    /// There is none that is worth using; so many requests had ended when we looked.
    Missing { requests: u64 },
}

impl<S: TokenSource> TokenCache<S> {
    pub(crate) fn new(source: S, shared: Option<SharedTokenCache>) -> Self {
        Self { source: Arc::new(source), shared, slots: Mutex::default() }
    }

    pub(crate) fn source(&self) -> &S {
        &self.source
    }

    /// Gives the token that is wanted, and asks the source only if there is need.
    ///
    /// # Cancel safety
    /// Safe: a caller that goes away during its request lets the next one make it.
    pub(crate) async fn get(&self, wanted: Wanted, context: &Context<'_>) -> Result<AccessToken> {
        let slot = self.slot(&wanted);
        let clock = self.source.clock();
        let seen = match slot.look(clock.now(), &wanted) {
            View::Fresh(token) => return Ok(token),
            View::Aging(token) => {
                self.renew_in_background(slot, wanted);
                return Ok(token);
            }
            View::Missing { requests } => requests,
        };
        let _guard = slot.request.lock().await;
        match slot.look(clock.now(), &wanted) {
            View::Fresh(token) | View::Aging(token) => return Ok(token),
            View::Missing { requests } if requests > seen => {
                // The request that this caller waited for has failed: asking again at once would only make all
                // callers queue up behind each other's failures.
                if let Some(failure) = slot.state().failure.clone() {
                    return Err(failure);
                }
            }
            View::Missing { .. } => {}
        }
        let outcome = fetch(&*self.source, self.shared.as_ref(), &wanted, context).await;
        slot.ended(&wanted, clock.now(), outcome)
    }

    fn renew_in_background(&self, slot: Arc<Slot>, wanted: Wanted) {
        let Ok(guard) = Arc::clone(&slot.renewal).try_lock_owned() else { return };
        let (source, shared) = (Arc::clone(&self.source), self.shared.clone());
        tokio::spawn(async move {
            let outcome = fetch(&*source, shared.as_ref(), &wanted, &Context::new()).await;
            // Whoever holds a valid token does not care; whoever needs one by then asks again.
            let _ = slot.ended(&wanted, source.clock().now(), outcome);
            drop(guard);
        });
    }

    fn slot(&self, wanted: &Wanted) -> Arc<Slot> {
        let key = (wanted.scope.clone(), wanted.tenant_id.clone());
        Arc::clone(lock(&self.slots).entry(key).or_default())
    }
}

/// Gets a token from another process that has a fresh one, or else from the source.
async fn fetch<S: TokenSource>(
    source: &S,
    shared: Option<&SharedTokenCache>,
    wanted: &Wanted,
    context: &Context<'_>,
) -> Result<FetchedToken> {
    match shared {
        None => source.fetch(wanted, context).await,
        Some(shared) => shared.get(source, wanted, context).await,
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn look(&self, now: OffsetDateTime, wanted: &Wanted) -> View {
        let state = self.state();
        let missing = View::Missing { requests: state.requests };
        let Some(token) = &state.token else { return missing };
        let has_claims = wanted.claims.is_none() || wanted.claims == state.claims;
        if !has_claims || now + WORTH_USING > token.access_token.expires_on {
            return missing;
        }
        let is_due = now >= token.refresh_on
            && state.renew_after.is_none_or(|renew_after| now >= renew_after);
        let token = token.access_token.clone();
        if is_due { View::Aging(token) } else { View::Fresh(token) }
    }

    /// Takes note of how a request ended. One that failed gives the old token, if that is what was wanted and it is
    /// valid still.
    fn ended(
        &self,
        wanted: &Wanted,
        now: OffsetDateTime,
        outcome: Result<FetchedToken>,
    ) -> Result<AccessToken> {
        let scope = wanted.scope.as_str();
        let mut state = self.state();
        state.requests += 1;
        // Platforms hand out the same token until shortly before it expires; asking on every call would only meet
        // their rate limit. A service that failed is left alone for as long.
        state.renew_after = Some(now + RENEWAL_PAUSE);
        match outcome {
            Ok(token) => {
                let access_token = token.access_token.clone();
                debug!(scope, expires_on = %access_token.expires_on, "got a token");
                state.token = Some(token);
                state.claims.clone_from(&wanted.claims);
                state.failure = None;
                Ok(access_token)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                let old = state.token.as_ref().map(|token| token.access_token.clone());
                match old.filter(|old| now < old.expires_on && wanted.claims.is_none()) {
                    Some(old) => {
                        warn!(scope, expires_on = %old.expires_on, %error, "kept the old token: renewal failed");
                        Ok(old)
                    }
                    None => Err(error),
                }
            }
        }
    }
}

impl<S> fmt::Debug for TokenCache<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenCache ")?;
        let slots = lock(&self.slots);
        formatter.debug_set().entries(slots.keys().map(|(scope, _)| scope)).finish()
    }
}

/// Nothing panics while holding these locks; if something did, what they guard would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A token with less time left may expire on its way to the service: a caller waits for a new one, and takes the old
/// one only if there is none.
const WORTH_USING: Duration = Duration::seconds(10);

/// The pause between two attempts to renew a token that is still valid.
const RENEWAL_PAUSE: Duration = Duration::seconds(30);

#[cfg(test)]
mod tests;
