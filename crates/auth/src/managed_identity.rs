//! The credential of the machine, container or app that the program runs on.

mod arc_key;
mod endpoint;
mod failure;
mod pace;
mod source;
mod thumbprint;
mod wire;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use url::Url;

use self::{endpoint::Endpoint, pace::Pace};
pub use self::{
    source::{DEFAULT_ARC_KEYS_FOLDER, DEFAULT_IMDS_ENDPOINT, ManagedIdentitySource},
    thumbprint::Thumbprint,
};
use crate::{
    cache::{TokenCache, Wanted},
    env::Env,
    error::{Failure, Result},
    http::{self, Proxy},
    identity::Identity,
    options::{CommonOptions, common_setters},
    retry::RetryOptions,
};

/// Gets tokens for a managed identity from whatever serves it here: the instance metadata service (IMDS) of a virtual
/// machine, scale set, Batch or AKS node, or the endpoint of App Service, Functions, Container Apps, Azure Arc, Service
/// Fabric, Azure Machine Learning or Cloud Shell.
///
/// Tokens are cached by scope. A token with less than five minutes left, or half of a long life behind it, is
/// renewed in the background, and used further if that fails while it is valid. Concurrent callers share one request.
///
/// ```no_run
/// use azconnect_auth::{Env, ManagedIdentityCredential};
/// use azconnect_auth::azure_core::credentials::TokenCredential;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let credential = ManagedIdentityCredential::builder()
///     .with_env(&Env::from_process())
///     .with_identity("11111111-2222-3333-4444-555555555555".parse()?)
///     .build()?;
/// let token = credential.get_token(&["https://storage.azure.com/.default"], None).await?;
/// println!("a token until {}", token.expires_on);
/// # Ok(())
/// # }
/// ```
///
/// Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
pub struct ManagedIdentityCredential {
    cache: TokenCache<Endpoint>,
}

impl ManagedIdentityCredential {
    /// Starts to build a credential; without further settings, for the identity that IMDS has if it has one.
    pub fn builder() -> ManagedIdentityCredentialBuilder {
        ManagedIdentityCredentialBuilder::default()
    }

    /// The source in use, be it given or found in the environment.
    pub fn source(&self) -> &ManagedIdentitySource {
        &self.cache.source().source
    }

    async fn get(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        let scope = match scopes {
            [scope] if !scope.trim().is_empty() => *scope,
            _ => {
                return Err(Failure::invalid_input(format!(
                    "a managed identity gets a token for one scope at a time, not for {}",
                    scopes.len()
                ))
                .into());
            }
        };
        let options = options.unwrap_or_default();
        let context = &options.method_options.context;
        let wanted = Wanted::new(scope, context);
        if let Some(tenant) = &wanted.tenant_id {
            return Err(Failure::invalid_input(format!(
                "a managed identity is of one tenant and cannot get a token in `{tenant}`"
            ))
            .hint("an application that is known in both tenants can; let it trust this identity")
            .into());
        }
        self.cache.get(wanted, context).await
    }
}

#[async_trait]
impl TokenCredential for ManagedIdentityCredential {
    /// Gets a token for one scope.
    ///
    /// # Errors
    /// [`crate::Error`] inside of [`azure_core::Error`].
    ///
    /// # Cancel safety
    /// Safe: another caller that waits for the same token makes the request in its place.
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(self.get(scopes, options).await?)
    }
}

impl fmt::Debug for ManagedIdentityCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ManagedIdentityCredential")
            .field("source", self.source())
            .field("identity", &self.cache.source().identity)
            .finish_non_exhaustive()
    }
}

/// Options of a [`ManagedIdentityCredential`].
#[derive(Debug, Default)]
pub struct ManagedIdentityCredentialBuilder {
    identity: Identity,
    source: Option<ManagedIdentitySource>,
    imds_endpoint: Option<Url>,
    env: Env,
    common: CommonOptions,
}

impl ManagedIdentityCredentialBuilder {
    /// Names the identity. Default: [`Identity::SystemAssigned`].
    ///
    /// A Batch pool has user-assigned identities only, and a policy may add one any day: name one there.
    #[must_use]
    pub fn with_identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Uses this source, whatever the environment says. Default: what the environment says, else IMDS.
    #[must_use]
    pub fn with_source(mut self, source: ManagedIdentitySource) -> Self {
        self.source = Some(source);
        self
    }

    /// The base URL of IMDS, for when IMDS is the source; takes precedence over the environment.
    /// Default: [`DEFAULT_IMDS_ENDPOINT`].
    #[must_use]
    pub fn with_imds_endpoint(mut self, endpoint: Url) -> Self {
        self.imds_endpoint = Some(endpoint);
        self
    }

    /// Finds the source by the variables of this environment, the first that is there:
    ///
    /// | variables | source |
    /// | --- | --- |
    /// | `IDENTITY_ENDPOINT`, `IDENTITY_HEADER`, `IDENTITY_SERVER_THUMBPRINT` | Service Fabric |
    /// | `IDENTITY_ENDPOINT`, `IDENTITY_HEADER` | App Service, Functions, Container Apps |
    /// | `IDENTITY_ENDPOINT`, `IMDS_ENDPOINT` | Azure Arc |
    /// | `MSI_ENDPOINT`, `MSI_SECRET` | Azure Machine Learning |
    /// | `MSI_ENDPOINT` | Cloud Shell |
    /// | `AZURE_POD_IDENTITY_AUTHORITY_HOST` | IMDS at another address |
    ///
    /// Default: an empty environment, which means IMDS.
    #[must_use]
    pub fn with_env(mut self, env: &Env) -> Self {
        self.env = env.clone();
        self
    }

    common_setters!(
        "Default: [`RetryOptions::managed_identity`](crate::RetryOptions::managed_identity).",
        "Default: a client that uses no proxy, which would prove another machine's identity, and connects within a second. Service Fabric is asked by a client of its own in any case, which knows the certificate by its thumbprint."
    );

    /// Checks all settings and builds the credential; sends nothing.
    ///
    /// # Errors
    /// - `InvalidInput`: a URL has no host or cannot be read, only one variable of a pair is set, or the source cannot
    ///   be asked for the identity that is named.
    /// - `Unsupported`: the source is Service Fabric and the feature `rustls` is off.
    pub fn build(self) -> Result<Arc<ManagedIdentityCredential>> {
        let source = match self.source {
            Some(source) => source,
            None => ManagedIdentitySource::find(&self.env, self.imds_endpoint)?,
        };
        source.check(&self.identity)?;
        let transport = match (&source, &self.common.transport) {
            (ManagedIdentitySource::ServiceFabric { thumbprint, .. }, _) => {
                thumbprint::transport(*thumbprint, CONNECT_TIMEOUT)?
            }
            (_, Some(transport)) => transport.clone(),
            (source, None) if source.endpoint().scheme() == "http" => {
                http::plain_transport(CONNECT_TIMEOUT)?
            }
            (_, None) => http::default_transport(CONNECT_TIMEOUT, Proxy::Never)?,
        };
        let endpoint = Endpoint {
            source,
            identity: self.identity,
            transport,
            retry: self.common.retry.unwrap_or_else(RetryOptions::managed_identity),
            clock: self.common.clock(),
            pace: Pace::default(),
        };
        let cache = TokenCache::new(endpoint, self.common.shared);
        Ok(Arc::new(ManagedIdentityCredential { cache }))
    }
}

/// The endpoint is on this machine or does not exist; the operating system would try for two minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);
