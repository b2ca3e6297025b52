//! The emulators, a credential that gets its tokens from them, and a transport that finds them.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use azconnect_emulators::{Config, Emulators};
use azconnect_keyvault::{
    Clock, Error, RetryOptions, SecretName, VaultClient, VaultClientBuilder,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{Transport, Url},
    },
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::ExposeSecret;
use time::{Duration, OffsetDateTime};

pub(crate) const VAULT: &str = "https://kv-demo.vault.azure.net";

pub(crate) struct Fixture {
    pub(crate) emulators: Arc<Emulators>,
}

impl Fixture {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        Self { emulators: Arc::new(Emulators::start(config).await.unwrap()) }
    }

    /// A client of the default vault, as the default identity.
    pub(crate) fn client(&self) -> VaultClient {
        self.client_of(VAULT, self.credential("uami-demo"))
    }

    /// A client with every check of the official one on, and no retries to wait for.
    pub(crate) fn client_of(&self, url: &str, credential: Arc<dyn TokenCredential>) -> VaultClient {
        self.builder(url, credential).with_retry(RetryOptions::none()).build().unwrap()
    }

    /// A client with retries, that waits a hundredth of the time.
    pub(crate) fn patient_client(&self, clock: Arc<HastyClock>) -> VaultClient {
        self.builder(VAULT, self.credential("uami-demo")).with_clock(clock).build().unwrap()
    }

    pub(crate) fn builder(
        &self,
        url: &str,
        credential: Arc<dyn TokenCredential>,
    ) -> VaultClientBuilder {
        VaultClient::builder(Url::parse(url).unwrap(), credential).with_transport(self.transport())
    }

    /// How many requests the vault has got for this: `GET /secrets/demo-secret`.
    pub(crate) fn requests_for(&self, what: &str) -> u64 {
        self.emulators.key_vault_requests().get(what).copied().unwrap_or_default()
    }

    /// How many requests the vault has got.
    pub(crate) fn requests(&self) -> u64 {
        self.emulators.key_vault_requests().values().sum()
    }

    fn transport(&self) -> Transport {
        let ca = reqwest::Certificate::from_pem(self.emulators.ca_pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .tls_certs_only([ca])
            .dns_resolver(Arc::new(AllAt(self.emulators.endpoints().key_vault)))
            .build()
            .unwrap();
        Transport::new(Arc::new(client))
    }

    pub(crate) fn credential(&self, principal: &'static str) -> Arc<Credential> {
        Arc::new(Credential {
            emulators: Arc::clone(&self.emulators),
            principal,
            audience: None,
            lifetime: Duration::HOUR,
            calls: AtomicUsize::new(0),
        })
    }
}

pub(crate) fn name(name: &str) -> SecretName {
    SecretName::new(name).unwrap()
}

/// What an error and all of its causes say, to people and to programmers.
pub(crate) fn all_said(error: &Error) -> String {
    let mut said = format!("{error}\n{error:?}\n{:?}", error.hint());
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said.push_str(&format!("\n{error}\n{error:?}"));
        cause = error.source();
    }
    said
}

/// A clock on which no time goes by but in pauses, of which it waits for a hundredth, and which it
/// remembers. So a machine that is busy elsewhere misses no deadline.
#[derive(Debug, Default)]
pub(crate) struct HastyClock(Mutex<Vec<std::time::Duration>>);

impl HastyClock {
    pub(crate) fn pauses(&self) -> Vec<std::time::Duration> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Clock for HastyClock {
    fn elapsed(&self) -> std::time::Duration {
        self.0.lock().unwrap().iter().sum()
    }

    async fn sleep(&self, pause: std::time::Duration) {
        tokio::time::sleep(pause / 100).await;
        self.0.lock().unwrap().push(pause);
    }
}

/// Resolves every name to one address, port included; there is no other network.
struct AllAt(SocketAddr);

impl Resolve for AllAt {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(self.0));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Has the emulators issue a token for whatever scope is asked for.
#[derive(Debug)]
pub(crate) struct Credential {
    emulators: Arc<Emulators>,
    principal: &'static str,
    /// Instead of the one asked for.
    pub(crate) audience: Option<&'static str>,
    pub(crate) lifetime: Duration,
    calls: AtomicUsize,
}

impl Credential {
    /// How many tokens were asked for.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let [scope] = scopes else { panic!("{scopes:?}") };
        let asked = scope.strip_suffix("/.default").expect(scope);
        let audience = self.audience.unwrap_or(asked);
        let token = self.emulators.issue_token(self.principal, audience, self.lifetime).unwrap();
        // The client must believe an expired token to be good, or it would not send it.
        let expires_on = OffsetDateTime::now_utc() + Duration::HOUR;
        Ok(AccessToken::new(token.expose_secret().to_owned(), expires_on))
    }
}
