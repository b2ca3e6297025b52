//! The emulators in this process, and clients that reach them under Azure's own host names.

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context, Result};
use azconnect_auth::{Identity, ManagedIdentityCredential};
use azconnect_emulators::{Config, Emulators};
use azconnect_keyvault::VaultClient;
use azconnect_lake::LakeClient;
use azconnect_synapse::{Login, ServerAddress, SynapseClient};
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::Transport,
    time::OffsetDateTime,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use secrecy::{ExposeSecret, SecretString};

/// The vault of the emulators' default configuration.
pub const VAULT: &str = "kv-demo";
/// The Synapse workspace of the emulators' default configuration.
pub const WORKSPACE: &str = "syn-demo";

const ACCOUNT: &str = "lakedemo";
const DATABASE: &str = "demo";

/// Running emulators with everything that a client needs to reach them.
#[derive(Debug)]
pub struct Harness {
    emulators: Emulators,
    http: reqwest::Client,
}

impl Harness {
    /// Starts the emulators.
    ///
    /// # Errors
    /// If a port, a folder or a key cannot be had.
    pub async fn start(config: Config) -> Result<Self> {
        let emulators = Emulators::start(config).await.context("cannot start the emulators")?;
        let http = reqwest::Client::builder()
            .tls_backend_rustls()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tls_certs_only(reqwest::Certificate::from_pem_bundle(emulators.ca_pem().as_bytes())?)
            .dns_resolver(Arc::new(Hosts::of(&emulators)))
            .build()
            .context("cannot make an HTTP client")?;
        Ok(Self { emulators, http })
    }

    /// The emulators.
    pub fn emulators(&self) -> &Emulators {
        &self.emulators
    }

    /// The HTTP client that maps Azure's host names to the emulators.
    pub fn http_client(&self) -> reqwest::Client {
        self.http.clone()
    }

    /// The same for the crates of azure_core.
    pub fn transport(&self) -> Transport {
        Transport::new(Arc::new(self.http.clone()))
    }

    /// A managed identity; `None` names none.
    ///
    /// # Errors
    /// If an option is refused.
    pub fn managed_identity(&self, identity: Option<Identity>) -> Result<Arc<dyn TokenCredential>> {
        let mut builder = ManagedIdentityCredential::builder()
            .with_imds_endpoint(self.emulators.endpoints().imds_url().parse()?)
            .with_transport(self.transport());
        if let Some(identity) = identity {
            builder = builder.with_identity(identity);
        }
        Ok(builder.build()?)
    }

    /// A credential that always hands out one token of the emulators.
    ///
    /// `lifetime`: from now on; a negative one makes a token that has expired.
    ///
    /// # Errors
    /// If there is no such principal.
    pub fn fixed_token(
        &self,
        principal: &str,
        audience: &str,
        lifetime: time::Duration,
    ) -> Result<Arc<FixedToken>> {
        Ok(Arc::new(FixedToken(self.emulators.issue_token(principal, audience, lifetime)?)))
    }

    /// A client of the vault [`VAULT`].
    ///
    /// # Errors
    /// If an option is refused.
    pub fn vault(&self, credential: Arc<dyn TokenCredential>) -> Result<VaultClient> {
        let url = ["https://", VAULT, ".vault.azure.net"].concat().parse()?;
        Ok(VaultClient::builder(url, credential).with_transport(self.transport()).build()?)
    }

    /// A client of the account `lakedemo`.
    ///
    /// # Errors
    /// If an option is refused.
    pub fn lake(&self, credential: Arc<dyn TokenCredential>) -> Result<LakeClient> {
        let builder = LakeClient::builder(ACCOUNT.parse()?, credential);
        Ok(builder.with_http_client(self.http_client()).build()?)
    }

    /// A client of the database `demo` in the workspace [`WORKSPACE`].
    ///
    /// # Errors
    /// If an option is refused, or the emulators were built without Synapse.
    pub fn synapse(&self, credential: Arc<dyn TokenCredential>) -> Result<SynapseClient> {
        let address = self.emulators.endpoints().synapse.context("there is no Synapse emulator")?;
        let server: ServerAddress = [WORKSPACE, ".sql.azuresynapse.net"].concat().parse()?;
        let client = SynapseClient::builder(server, DATABASE, Login::AccessToken(credential))
            .with_connect_address(address)
            .with_ca_pem(self.emulators.ca_pem());
        Ok(client.build()?)
    }
}

/// One token for every scope, whatever it is worth.
#[derive(Debug)]
pub struct FixedToken(SecretString);

impl FixedToken {
    /// The token.
    pub fn token(&self) -> &SecretString {
        &self.0
    }
}

#[async_trait::async_trait]
impl TokenCredential for FixedToken {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.expose_secret().to_owned(), expires_on))
    }
}

/// Maps the hosts of Azure to the emulators, and asks nobody else.
#[derive(Debug)]
struct Hosts {
    addresses: Vec<(&'static str, SocketAddr)>,
}

impl Hosts {
    fn of(emulators: &Emulators) -> Self {
        let endpoints = emulators.endpoints();
        let addresses = vec![
            (".vault.azure.net", endpoints.key_vault),
            (".dfs.core.windows.net", endpoints.lake_dfs),
            (".blob.core.windows.net", endpoints.lake_blob),
            ("localhost", endpoints.entra),
        ];
        Self { addresses }
    }
}

impl Resolve for Hosts {
    fn resolve(&self, name: Name) -> Resolving {
        let known = self.addresses.iter().find(|(suffix, _)| name.as_str().ends_with(suffix));
        let found = known.map(|(_, address)| *address).ok_or_else(|| {
            let host = name.as_str();
            std::io::Error::other(format!("`{host}` is no host of the emulators"))
        });
        Box::pin(async move { Ok(Box::new(std::iter::once(found?)) as Addrs) })
    }
}
