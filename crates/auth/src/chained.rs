//! Several credentials in the order that the user spelled out, of which the first that exists here is used.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use tracing::{debug, info};

use crate::error::{Error, ErrorKind, Failure, Result};

/// Tries credentials in order until one exists on this machine, and stays with that one.
///
/// A credential that does not exist here ([`Error::is_credential_absent`]: no metadata service answers, no developer
/// tool is there) is passed over. One that exists and fails ends the search with its error: a job whose certificate
/// has expired must not go on under another identity. Errors of other crates' credentials end it as well.
///
/// The credential that gave the first token gives all others. That none exists is not remembered: the next call tries
/// all again.
///
/// ```no_run
/// use azconnect_auth::{
///     AzureCliCredential, ChainedTokenCredential, Env, ManagedIdentityCredential, RetryOptions,
/// };
///
/// # fn example() -> Result<(), azconnect_auth::Error> {
/// // On Azure the machine's identity, on a laptop whoever is signed in.
/// let on_azure = ManagedIdentityCredential::builder()
///     .with_env(&Env::from_process())
///     .with_retry(RetryOptions::managed_identity().with_max_unanswered(1))
///     .build()?;
/// let on_a_laptop = AzureCliCredential::builder().build()?;
/// let credential = ChainedTokenCredential::new([
///     ("managed identity", on_azure as _),
///     ("Azure CLI", on_a_laptop as _),
/// ])?;
/// # Ok(())
/// # }
/// ```
pub struct ChainedTokenCredential {
    links: Vec<Link>,
    /// The place of the one that gave a token.
    chosen: Mutex<Option<usize>>,
}

struct Link {
    name: String,
    credential: Arc<dyn TokenCredential>,
}

impl ChainedTokenCredential {
    /// Makes a chain of credentials with names to call them by in errors and logs; sends nothing.
    ///
    /// # Errors
    /// `InvalidInput`: there is no credential.
    pub fn new<Name: Into<String>>(
        credentials: impl IntoIterator<Item = (Name, Arc<dyn TokenCredential>)>,
    ) -> Result<Arc<Self>> {
        let links: Vec<_> = credentials
            .into_iter()
            .map(|(name, credential)| Link { name: name.into(), credential })
            .collect();
        if links.is_empty() {
            return Err(Failure::invalid_input("a chain of no credentials gives no token").into());
        }
        Ok(Arc::new(Self { links, chosen: Mutex::default() }))
    }

    /// The name of the credential that is used, once one has given a token.
    pub fn chosen(&self) -> Option<&str> {
        let chosen = *self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        chosen.and_then(|place| self.links.get(place)).map(|link| link.name.as_str())
    }

    async fn get(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let chosen = *self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = chosen.and_then(|place| self.links.get(place)) {
            return link.credential.get_token(scopes, options).await;
        }
        let mut absent = Vec::new();
        for (place, link) in self.links.iter().enumerate() {
            match link.credential.get_token(scopes, options.clone()).await {
                Ok(token) => {
                    // Of several callers that come first, one decides for all.
                    let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
                    if chosen.is_none() {
                        info!(credential = link.name, "the chain has found its credential");
                        *chosen = Some(place);
                    }
                    return Ok(token);
                }
                Err(error) => match error.downcast_ref::<Error>() {
                    Some(ours) if ours.is_credential_absent() => {
                        debug!(credential = link.name, %ours, "not here");
                        absent.push((link.name.as_str(), ours.clone()));
                    }
                    _ => return Err(error),
                },
            }
        }
        Err(none_exists(&absent).into())
    }
}

#[async_trait]
impl TokenCredential for ChainedTokenCredential {
    /// Gets a token from the first credential that exists here.
    ///
    /// # Errors
    /// The error of the credential that exists and fails; `CredentialUnavailable` with the reason of each if none
    /// exists.
    ///
    /// # Cancel safety
    /// Safe, if the credentials are.
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.get(scopes, options).await
    }
}

fn none_exists(absent: &[(&str, Error)]) -> Error {
    let reasons: Vec<_> = absent.iter().map(|(name, error)| format!("{name}: {error}")).collect();
    let message = format!("none of the credentials exists here ({})", reasons.join("; "));
    let mut failure = Failure::new(ErrorKind::CredentialUnavailable, message);
    failure.hint = absent.iter().find_map(|(_, error)| error.hint()).map(str::to_owned);
    failure.into()
}

impl fmt::Debug for ChainedTokenCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.links.iter().map(|link| (&link.name, &link.credential));
        formatter.write_str("ChainedTokenCredential ")?;
        formatter.debug_map().entries(links).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use azure_core::time::OffsetDateTime;

    use super::*;

    /// Gives what it was told to, and counts.
    #[derive(Debug, Default)]
    struct Fixed {
        outcome: Mutex<Option<Failure>>,
        asked: AtomicUsize,
    }

    impl Fixed {
        fn failing(kind: ErrorKind, absent: bool) -> Arc<Self> {
            let fixed = Self::default();
            let mut failure = Failure::new(kind, format!("{kind:?} of a test"));
            failure.absent = absent;
            *fixed.outcome.lock().unwrap() = Some(failure);
            Arc::new(fixed)
        }

        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }
    }

    #[async_trait]
    impl TokenCredential for Fixed {
        async fn get_token(
            &self,
            _scopes: &[&str],
            _options: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match &*self.outcome.lock().unwrap() {
                None => Ok(AccessToken::new("token", OffsetDateTime::now_utc())),
                Some(failure) => {
                    let mut copy = Failure::new(failure.kind, failure.message.clone());
                    copy.absent = failure.absent;
                    Err(Error::from(copy).into())
                }
            }
        }
    }

    fn chain(links: &[&Arc<Fixed>]) -> Arc<ChainedTokenCredential> {
        let names = ["first", "second", "third"];
        ChainedTokenCredential::new(
            names.into_iter().zip(links.iter().map(|link| Arc::clone(link) as _)),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn the_first_that_exists_is_used_from_then_on() {
        let absent = Fixed::failing(ErrorKind::Connect, true);
        let missing = Fixed::failing(ErrorKind::CredentialUnavailable, false);
        let good = Arc::new(Fixed::default());
        let chain = chain(&[&absent, &missing, &good]);
        assert_eq!(chain.chosen(), None);
        for _ in 0..2 {
            assert_eq!(chain.get_token(&["s"], None).await.unwrap().token.secret(), "token");
        }
        assert_eq!(chain.chosen(), Some("third"));
        assert_eq!((absent.asked(), missing.asked(), good.asked()), (1, 1, 2));
    }

    #[tokio::test]
    async fn one_that_exists_and_fails_ends_the_search() {
        for kind in [ErrorKind::Connect, ErrorKind::CertificateExpired, ErrorKind::SecretRejected] {
            let failing = Fixed::failing(kind, false);
            let good = Arc::new(Fixed::default());
            let error = chain(&[&failing, &good]).get_token(&["s"], None).await.unwrap_err();
            assert_eq!(error.downcast_ref::<Error>().unwrap().kind(), kind);
            assert_eq!(good.asked(), 0);
        }
    }

    #[tokio::test]
    async fn that_none_exists_is_told_with_all_reasons_and_not_remembered() {
        let first = Fixed::failing(ErrorKind::Timeout, true);
        let second = Fixed::failing(ErrorKind::CredentialUnavailable, false);
        let chain = chain(&[&first, &second]);
        let error = chain.get_token(&["s"], None).await.unwrap_err();
        let error = error.downcast_ref::<Error>().unwrap().clone();
        assert_eq!(error.kind(), ErrorKind::CredentialUnavailable);
        assert!(error.is_credential_absent());
        let text = error.to_string();
        assert!(text.contains("first: Timeout of a test") && text.contains("second:"), "{text}");
        *second.outcome.lock().unwrap() = None;
        assert!(chain.get_token(&["s"], None).await.is_ok());
        assert!(ChainedTokenCredential::new::<&str>([]).is_err());
    }
}
