//! The emulators, a credential that gets its tokens from them, and a transport that finds them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use azconnect_emulators::{Config, Emulators};
use azconnect_keyvault::{
    RetryOptions, SecretName, VaultClient,
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
        VaultClient::builder(Url::parse(url).unwrap(), credential)
            .with_transport(self.transport())
            .with_retry(RetryOptions::none())
            .build()
            .unwrap()
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
