//! Holds the token of one scope until shortly before it expires.

use std::sync::{Arc, PoisonError, RwLock};

use azure_core::credentials::{AccessToken, TokenCredential};
use reqwest::header::HeaderValue;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

/// The tokens of one credential for one scope.
///
/// Requests with a good token never wait; those that need a new one wait for the same refresh.
pub(super) struct Tokens {
    credential: Arc<dyn TokenCredential>,
    scope: String,
    held: RwLock<Option<Held>>,
    refresh: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Held {
    /// Marked sensitive, so that no `Debug` prints it.
    bearer: HeaderValue,
    expires_on: OffsetDateTime,
}

impl Tokens {
    pub(super) fn new(credential: Arc<dyn TokenCredential>, scope: String) -> Self {
        Self { credential, scope, held: RwLock::default(), refresh: tokio::sync::Mutex::default() }
    }

    pub(super) fn scope(&self) -> &str {
        &self.scope
    }

    /// The value of an `Authorization` header. One that was `refused` is not given again unless
    /// the credential has no other.
    pub(super) async fn bearer(
        &self,
        refused: Option<&HeaderValue>,
    ) -> azure_core::Result<HeaderValue> {
        if let Some(held) = self.usable(refused) {
            return Ok(held.bearer);
        }
        let _one_at_a_time = self.refresh.lock().await;
        if let Some(held) = self.usable(refused) {
            return Ok(held.bearer);
        }
        let token = self.credential.get_token(&[&self.scope], None).await?;
        let held = Held::new(&token)?;
        let bearer = held.bearer.clone();
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
        Ok(bearer)
    }

    fn usable(&self, refused: Option<&HeaderValue>) -> Option<Held> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        let fresh = held.expires_on - OffsetDateTime::now_utc() > REFRESH_BEFORE_EXPIRY;
        (fresh && Some(&held.bearer) != refused).then_some(held)
    }
}

impl Held {
    fn new(token: &AccessToken) -> azure_core::Result<Self> {
        let value = Zeroizing::new(["Bearer ", token.token.secret()].concat());
        let bearer = HeaderValue::from_str(&value);
        let mut bearer = bearer.map_err(|_| {
            azure_core::Error::with_message(
                azure_core::error::ErrorKind::Credential,
                "the credential returned a token with characters that no header can hold",
            )
        })?;
        bearer.set_sensitive(true);
        Ok(Self { bearer, expires_on: token.expires_on })
    }
}

/// Credentials renew their own tokens about then, too.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::minutes(5);
