//! The credential of the machine, container or app that the program runs on.

mod failure;
mod source;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::{Context, Transport},
};
use url::Url;

pub use self::source::{DEFAULT_IMDS_ENDPOINT, ManagedIdentitySource};
use crate::{
    cache::TokenCache,
    clock::Clock,
    env::Env,
    error::{Failure, Result},
    http::{self, Proxy},
    identity::Identity,
    options::{CommonOptions, common_setters},
    retry::{Attempt, Patience, RetryOptions, retry},
    token::FetchedToken,
};

/// Gets tokens for a managed identity, from the instance metadata service (IMDS) of a virtual machine or Batch
/// node, or from the identity endpoint of App Service, Functions and Container Apps.
///
/// Tokens are cached by scope. A token with less than five minutes left, or half of a long life behind it, is
/// renewed, and used further if that fails while it is valid. Concurrent callers share one request.
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
    source: ManagedIdentitySource,
    identity: Identity,
    transport: Transport,
    retry: RetryOptions,
    clock: Arc<dyn Clock>,
    cache: TokenCache,
}

impl ManagedIdentityCredential {
    /// Starts to build a credential; without further settings, for the identity that IMDS has if it has one.
    pub fn builder() -> ManagedIdentityCredentialBuilder {
        ManagedIdentityCredentialBuilder::default()
    }

    /// The source in use, be it given or found in the environment.
    pub fn source(&self) -> &ManagedIdentitySource {
        &self.source
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
        self.cache.get(scope, &*self.clock, |patience| self.fetch(scope, patience, context)).await
    }

    async fn fetch(
        &self,
        scope: &str,
        patience: Patience,
        context: &Context<'_>,
    ) -> Result<FetchedToken> {
        retry(&self.retry, patience, &*self.clock, async |time| {
            self.exchange(scope, context, time).await
        })
        .await
    }

    async fn exchange(
        &self,
        scope: &str,
        context: &Context<'_>,
        time: Duration,
    ) -> Result<FetchedToken, Attempt> {
        let tell = |failure| failure::tell(failure, &self.source, scope);
        // These endpoints are older than scopes: they want the resource alone.
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let request = self.source.request(resource, &self.identity);
        let requested_at = self.clock.now();
        let answer = http::send(&self.transport, context, request, time)
            .await
            .map_err(|attempt| attempt.map(tell))?;
        if answer.status != 200 {
            let now = self.clock.now();
            return Err(failure::classify(&answer, &self.source, &self.identity, scope, now));
        }
        FetchedToken::parse(&answer.body, requested_at)
            .map_err(|failure| Attempt::Final(tell(failure)))
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
            .field("source", &self.source)
            .field("identity", &self.identity)
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

    /// Finds the source by the variables of this environment: `IDENTITY_ENDPOINT` and `IDENTITY_HEADER` mean
    /// App Service, `AZURE_POD_IDENTITY_AUTHORITY_HOST` is another address of IMDS. Default: an empty one.
    #[must_use]
    pub fn with_env(mut self, env: &Env) -> Self {
        self.env = env.clone();
        self
    }

    common_setters!(
        "Default: [`RetryOptions::managed_identity`](crate::RetryOptions::managed_identity).",
        "Default: a client that uses no proxy, which would prove another machine's identity, and connects within a second."
    );

    /// Checks all settings and builds the credential; sends nothing.
    ///
    /// # Errors
    /// - `InvalidInput`: a URL has no host or cannot be read, or only one variable of a pair is set.
    /// - `Unsupported`: the environment is one of Azure Arc, Service Fabric, Cloud Shell or Azure Machine
    ///   Learning.
    pub fn build(self) -> Result<Arc<ManagedIdentityCredential>> {
        let source = match self.source {
            Some(source) => source,
            None => ManagedIdentitySource::find(&self.env, self.imds_endpoint)?,
        };
        if !source.endpoint().has_host() {
            return Err(Failure::invalid_input(format!(
                "`{}` is not the URL of an identity endpoint",
                source.endpoint()
            ))
            .into());
        }
        let transport = match &self.common.transport {
            Some(transport) => transport.clone(),
            None => http::default_transport(CONNECT_TIMEOUT, Proxy::Never)?,
        };
        Ok(Arc::new(ManagedIdentityCredential {
            source,
            identity: self.identity,
            transport,
            retry: self.common.retry.unwrap_or_else(RetryOptions::managed_identity),
            clock: self.common.clock(),
            cache: TokenCache::default(),
        }))
    }
}

/// The endpoint is on this machine or does not exist; the operating system would try for two minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
