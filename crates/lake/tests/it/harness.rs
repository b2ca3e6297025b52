//! The emulators, and a client that finds them under the real host names.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use azconnect_emulators::{Config, Emulators};
use azconnect_lake::{LakeClient, LakeClientBuilder, LakePath};
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use time::{Duration, OffsetDateTime};

pub(crate) const AUDIENCE: &str = "https://storage.azure.com";

/// Running emulators with one account `lakedemo` and one filesystem `raw`.
pub(crate) struct Lake {
    pub(crate) emulators: Emulators,
}

impl Lake {
    pub(crate) async fn start() -> Self {
        Self::start_with(r"{}").await
    }

    /// With a configuration that differs from the default by `config`.
    pub(crate) async fn start_with(config: &str) -> Self {
        let config = Config::from_json(config).unwrap();
        Self { emulators: Emulators::start(config).await.unwrap() }
    }

    /// A client of the identity that has every role.
    pub(crate) fn client(&self) -> LakeClient {
        self.builder().build().unwrap()
    }

    pub(crate) fn builder(&self) -> LakeClientBuilder {
        self.builder_of("uami-demo", AUDIENCE, Duration::hours(1))
    }

    /// A client of `principal` for another account than `lakedemo`.
    pub(crate) fn client_of(&self, account: &str, principal: &str) -> LakeClient {
        let token = self.emulators.issue_token(principal, AUDIENCE, Duration::hours(1)).unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        let endpoints = self.emulators.endpoints();
        let hosts = Hosts { dfs: endpoints.lake_dfs, blob: endpoints.lake_blob };
        LakeClient::builder(account.parse().unwrap(), Credential::of([token]))
            .with_sleep(|_| Box::pin(std::future::ready(())))
            .with_http_client(http_client(self.emulators.ca_pem(), hosts))
            .build()
            .unwrap()
    }

    /// A client that reaches the dfs endpoint only: nobody listens where the blob endpoint would be.
    pub(crate) fn builder_without_blob(&self) -> LakeClientBuilder {
        self.builder_at(Hosts { dfs: self.emulators.endpoints().lake_dfs, blob: nobody() })
    }

    /// A client that reaches the blob endpoint only.
    pub(crate) fn builder_without_dfs(&self) -> LakeClientBuilder {
        self.builder_at(Hosts { dfs: nobody(), blob: self.emulators.endpoints().lake_blob })
    }

    fn builder_at(&self, hosts: Hosts) -> LakeClientBuilder {
        let token = self.emulators.issue_token("uami-demo", AUDIENCE, Duration::hours(1)).unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        builder(Credential::of([token]))
            .with_http_client(http_client(self.emulators.ca_pem(), hosts))
    }

    /// A client whose credential has a token of `principal` for `audience`. It never waits before
    /// it tries again.
    pub(crate) fn builder_of(
        &self,
        principal: &str,
        audience: &str,
        lifetime: Duration,
    ) -> LakeClientBuilder {
        let token = self.emulators.issue_token(principal, audience, lifetime).unwrap();
        let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
        let endpoints = self.emulators.endpoints();
        let http = http_client(
            self.emulators.ca_pem(),
            Hosts { dfs: endpoints.lake_dfs, blob: endpoints.lake_blob },
        );
        builder(Credential::of([token])).with_http_client(http)
    }
}

pub(crate) fn builder(credential: Arc<Credential>) -> LakeClientBuilder {
    LakeClient::builder("lakedemo".parse().unwrap(), credential)
        .with_sleep(|_| Box::pin(std::future::ready(())))
}

pub(crate) fn path(text: &str) -> LakePath {
    text.parse().unwrap()
}

/// Bytes that compress badly and differ at every place.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The names in a local directory, sorted.
pub(crate) fn names_in(directory: &std::path::Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Gives its tokens one after the other, and the last one for ever.
pub(crate) struct Credential {
    tokens: Vec<String>,
    asked: AtomicUsize,
}

impl Credential {
    pub(crate) fn of(tokens: impl IntoIterator<Item = String>) -> Arc<Self> {
        Arc::new(Self { tokens: tokens.into_iter().collect(), asked: AtomicUsize::new(0) })
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://storage.azure.com/.default"]);
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.tokens.len() - 1);
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(self.tokens[turn].clone(), expires_on))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential")
    }
}

/// An address of this machine where nobody listens.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Leads the account's two hosts to the emulators' ports.
struct Hosts {
    dfs: SocketAddr,
    blob: SocketAddr,
}

impl Resolve for Hosts {
    fn resolve(&self, name: Name) -> Resolving {
        let address = if name.as_str().ends_with(".dfs.core.windows.net") {
            self.dfs
        } else if name.as_str().ends_with(".blob.core.windows.net") {
            self.blob
        } else {
            panic!("a test asked for the host {}", name.as_str());
        };
        Box::pin(async move { Ok(Box::new(std::iter::once(address)) as Addrs) })
    }
}

fn http_client(ca_pem: &str, hosts: Hosts) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes()).unwrap();
    reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_only([ca])
        .dns_resolver(hosts)
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .build()
        .unwrap()
}

/// An error and all that it was caused by, as a person sees it.
pub(crate) fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str("\n  caused by: ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
