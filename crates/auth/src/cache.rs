//! Tokens by scope, shared by all credentials.
//!
//! The rules: one request at a time per scope; a slow scope never delays another; whoever holds a valid token
//! is never told of a failed renewal, and never waits for somebody else's. No lock is held across a request
//! but the scope's own.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use azure_core::{
    credentials::AccessToken,
    time::{Duration, OffsetDateTime},
};
use tracing::{debug, warn};

use crate::{
    clock::Clock,
    error::{Error, Result},
    retry::Patience,
    token::FetchedToken,
};

/// The tokens of one credential.
#[derive(Default)]
pub(crate) struct TokenCache {
    scopes: Mutex<HashMap<String, Arc<Slot>>>,
}

/// The token of one scope.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Held by the one caller that asks the service.
    request: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    token: Option<FetchedToken>,
    /// Before this time no renewal is tried: one was, a moment ago.
    renew_after: Option<OffsetDateTime>,
    /// How many requests have ended, and how the last one failed.
    requests: u64,
    failure: Option<Error>,
}

enum View {
    /// Use it.
    Fresh(AccessToken),
    /// Valid, and due for renewal.
    Aging(AccessToken),
    /// There is none that is valid; so many requests had ended when we looked.
    Missing { requests: u64 },
}

impl TokenCache {
    /// Gives the token of `scope`, and calls `fetch` only if there is need.
    ///
    /// # Cancel safety
    /// Safe: a caller that goes away during its request lets the next one make it.
    pub(crate) async fn get<F, Fut>(
        &self,
        scope: &str,
        clock: &dyn Clock,
        fetch: F,
    ) -> Result<AccessToken>
    where
        F: FnOnce(Patience) -> Fut,
        Fut: Future<Output = Result<FetchedToken>>,
    {
        let slot = self.slot(scope);
        match slot.look(clock.now()) {
            View::Fresh(token) => Ok(token),
            View::Aging(token) => match slot.request.try_lock() {
                Ok(_guard) => {
                    let outcome = fetch(Patience::Brief).await;
                    slot.renewed(scope, clock.now(), outcome, token)
                }
                Err(_) => Ok(token),
            },
            View::Missing { requests: seen } => {
                let _guard = slot.request.lock().await;
                match slot.look(clock.now()) {
                    View::Fresh(token) | View::Aging(token) => return Ok(token),
                    View::Missing { requests } if requests > seen => {
                        // The request that this caller waited for has failed: asking again at once would only
                        // make all callers queue up behind each other's failures.
                        if let Some(failure) = slot.state().failure.clone() {
                            return Err(failure);
                        }
                    }
                    View::Missing { .. } => {}
                }
                let outcome = fetch(Patience::Full).await;
                slot.fetched(scope, clock.now(), outcome)
            }
        }
    }

    fn slot(&self, scope: &str) -> Arc<Slot> {
        let mut scopes = lock(&self.scopes);
        if let Some(slot) = scopes.get(scope) {
            return Arc::clone(slot);
        }
        Arc::clone(scopes.entry(scope.to_owned()).or_default())
    }
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn look(&self, now: OffsetDateTime) -> View {
        let state = self.state();
        match &state.token {
            Some(token) if now < token.access_token.expires_on => {
                let is_due =
                    now >= token.refresh_on && state.renew_after.is_none_or(|time| now >= time);
                let token = token.access_token.clone();
                if is_due { View::Aging(token) } else { View::Fresh(token) }
            }
            _ => View::Missing { requests: state.requests },
        }
    }

    fn fetched(
        &self,
        scope: &str,
        now: OffsetDateTime,
        outcome: Result<FetchedToken>,
    ) -> Result<AccessToken> {
        let mut state = self.state();
        state.requests += 1;
        match outcome {
            Ok(token) => {
                let access_token = token.access_token.clone();
                debug!(scope, expires_on = %access_token.expires_on, "got a token");
                // Platforms hand out the same token until shortly before it expires; asking on every call would
                // only meet their rate limit.
                state.renew_after = Some(now + RENEWAL_PAUSE);
                state.token = Some(token);
                state.failure = None;
                Ok(access_token)
            }
            Err(error) => {
                state.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Ends an early renewal: its failure matters only if the old token has expired meanwhile.
    fn renewed(
        &self,
        scope: &str,
        now: OffsetDateTime,
        outcome: Result<FetchedToken>,
        old: AccessToken,
    ) -> Result<AccessToken> {
        match self.fetched(scope, now, outcome) {
            Ok(token) => Ok(token),
            Err(error) if now < old.expires_on => {
                warn!(scope, expires_on = %old.expires_on, %error, "kept the old token: renewal failed");
                self.state().renew_after = Some(now + RENEWAL_PAUSE);
                Ok(old)
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenCache ")?;
        formatter.debug_set().entries(lock(&self.scopes).keys()).finish()
    }
}

/// Nothing panics while holding these locks; if something did, what they guard would still be whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The pause between two attempts to renew a token that is still valid.
const RENEWAL_PAUSE: Duration = Duration::seconds(30);

#[cfg(test)]
mod tests;
