//! The client of one vault: what it is made of, and how its operations reach the service.
//!
//! The operations themselves are in `client/`, one file per family.

mod backup;
mod deleted;
mod explain;
mod read;
mod write;

use std::{fmt, future::Future, sync::Arc, time::Duration};

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, Response, RetryOptions as NoRetry, Transport, Url},
};
use azure_security_keyvault_secrets::{SecretClient, SecretClientOptions};
use serde::de::DeserializeOwned;

pub use self::{
    backup::SecretBackup,
    deleted::DeletedSecret,
    write::{SecretUpdate, SetSecret},
};
use crate::{
    access::{Access, AccessWait, Proof},
    clock::{Clock, SystemClock},
    error::{Error, Result},
    name::{SecretName, SecretVersion},
    operation::Operation,
    policy::{ChallengePolicy, RetryOptions, RetryPolicy},
};

/// Reads and changes the secrets of one vault.
///
/// Cheap to clone; clones share connections, the token, what was learnt from the vault's challenge
/// and the pause that a throttling vault asks for. So keep one client per vault.
///
/// Requests that failed for a passing reason are sent again, as [`RetryOptions`] says. What may have
/// been done already, as its answer was lost, is repeated only where twice is the same as once:
/// reads, updates and backups.
#[derive(Clone)]
pub struct VaultClient {
    inner: Arc<Inner>,
}

struct Inner {
    client: SecretClient,
    vault_url: Url,
    access: Option<Access>,
    clock: Arc<dyn Clock>,
}

/// Collects the options of a [`VaultClient`].
#[derive(Debug)]
pub struct VaultClientBuilder {
    vault_url: Url,
    credential: Arc<dyn TokenCredential>,
    transport: Option<Transport>,
    retry: RetryOptions,
    resource: Option<String>,
    start_jitter: Duration,
    access: Option<AccessWait>,
    clock: Arc<dyn Clock>,
}

/// What is done to what, as error messages tell it.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) operation: Operation,
    pub(crate) resource: String,
}

impl VaultClient {
    /// Starts to build a client.
    ///
    /// `vault_url`: `https://<vault>.vault.azure.net`, or the same in another cloud.
    /// `credential`: asked for tokens of the scope that the vault's challenge names, which must be
    /// the one of the vault's own domain.
    pub fn builder(vault_url: Url, credential: Arc<dyn TokenCredential>) -> VaultClientBuilder {
        VaultClientBuilder {
            vault_url,
            credential,
            transport: None,
            retry: RetryOptions::default(),
            resource: None,
            start_jitter: Duration::ZERO,
            access: None,
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// The vault's URL.
    pub fn vault_url(&self) -> &Url {
        &self.inner.vault_url
    }

    fn official(&self) -> &SecretClient {
        &self.inner.client
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.inner.clock
    }

    fn host(&self) -> &str {
        self.inner.vault_url.host_str().unwrap_or_default()
    }

    /// Something done to one secret.
    fn task(
        &self,
        operation: Operation,
        name: &SecretName,
        version: Option<&SecretVersion>,
    ) -> Task {
        let version = version.map(|version| ["/", version.as_str()].concat()).unwrap_or_default();
        let vault = self.inner.vault_url.as_str();
        let resource = ["\"", name.as_str(), &version, "\" of ", vault].concat();
        Task { operation, resource }
    }

    /// Something done to the vault as a whole. `preposition`: how the sentence goes on.
    fn task_of_vault(&self, operation: Operation, preposition: &str) -> Task {
        let resource = [preposition, " ", self.inner.vault_url.as_str()].concat();
        Task { operation, resource }
    }

    fn failed(&self, task: &Task, source: azure_core::Error) -> Error {
        Error::from_core(task.operation, &task.resource, self.host(), source)
    }

    /// Sends a request, again and again while a role is waited for.
    async fn call<T, F, Fut>(&self, task: &Task, proof: Proof, send: F) -> Result<T>
    where
        T: DeserializeOwned,
        F: Fn() -> Fut,
        Fut: Future<Output = azure_core::Result<Response<T>>>,
    {
        self.granted(task, proof, || self.answer(task, send())).await
    }

    /// Sends a request, whether the caller may or not.
    async fn answer<T: DeserializeOwned>(
        &self,
        task: &Task,
        send: impl Future<Output = azure_core::Result<Response<T>>>,
    ) -> Result<T> {
        let response = send.await.map_err(|source| self.failed(task, source))?;
        response.into_model().map_err(|source| self.failed(task, source))
    }

    /// Does something once the caller may, if waiting for that was asked for.
    async fn granted<T, F, Fut>(&self, task: &Task, proof: Proof, act: F) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        match &self.inner.access {
            None => act().await,
            Some(access) => access.wait(self.clock(), task, proof, act).await,
        }
    }
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultClient")
            .field("vault_url", &self.inner.vault_url.as_str())
            .finish_non_exhaustive()
    }
}

impl VaultClientBuilder {
    /// Sends requests through this transport: a `reqwest::Client` of your own, say, inside
    /// `Transport::new`. Default: the one of azure_core.
    #[must_use]
    pub fn with_transport(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Changes when and how often a request is sent again. Default: [`RetryOptions::default`].
    #[must_use]
    pub fn with_retry(mut self, retry: RetryOptions) -> Self {
        self.retry = retry;
        self
    }

    /// Says what tokens of this vault are for, `https://vault.azure.net` in the public cloud, so
    /// that no request is spent on asking. It must be the vault's own domain. Default: the vault is
    /// asked, once per client.
    #[must_use]
    pub fn with_resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Waits for a random time of up to this before the first request of the client, so that jobs
    /// which start together do not ask together. Default: zero.
    #[must_use]
    pub fn with_start_jitter(mut self, start_jitter: Duration) -> Self {
        self.start_jitter = start_jitter;
        self
    }

    /// Waits for a role that was given a moment ago. Default: a missing role fails at once.
    #[must_use]
    pub fn with_access_wait(mut self, access: AccessWait) -> Self {
        self.access = Some(access);
        self
    }

    /// Takes the time from this clock. Default: [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// - `InvalidInput`: the URL is not https, or has more than scheme, host and port; or the
    ///   resource is not the vault's own domain.
    pub fn build(self) -> Result<VaultClient> {
        let mut vault_url = self.vault_url;
        if !is_bare(&vault_url) {
            // It may hold a password, and whatever is behind the host can too.
            let host = vault_url.host_str().unwrap_or_default().to_owned();
            return Err(Error::invalid_input(format!(
                "the URL of a vault is `https://<host>`, the one given for \"{host}\" is not"
            ))
            .with_hint("give `https://<vault>.vault.azure.net`"));
        }
        vault_url.set_path("");
        let challenge = ChallengePolicy::new(vault_url.clone(), self.resource.as_deref()).map_err(
            |foreign| Error::invalid_input("the resource is not the vault's").caused_by(foreign),
        )?;
        let retry = RetryPolicy::new(self.retry, self.start_jitter, Arc::clone(&self.clock));
        let options = SecretClientOptions {
            client_options: ClientOptions {
                per_call_policies: vec![Arc::new(retry)],
                // Ours is the one layer that repeats.
                retry: NoRetry::none(),
                per_try_policies: vec![Arc::new(challenge)],
                transport: self.transport,
                ..ClientOptions::default()
            },
            // The official check of the challenge stays on behind ours.
            verify_challenge_resource: Some(true),
            ..SecretClientOptions::default()
        };
        let client = SecretClient::new(vault_url.as_str(), self.credential, Some(options))
            .map_err(|source| {
                Error::invalid_input("the client of the vault cannot be made").caused_by(source)
            })?;
        let access = self.access.map(Access::new);
        let inner = Inner { client, vault_url, access, clock: self.clock };
        Ok(VaultClient { inner: Arc::new(inner) })
    }
}

/// Whether a URL has scheme and host, maybe a port, and nothing else.
fn is_bare(url: &Url) -> bool {
    url.scheme() == "https"
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/"
}
