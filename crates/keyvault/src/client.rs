//! The client of one vault.

use std::sync::Arc;

use azure_core::{
    credentials::TokenCredential,
    http::{ClientOptions, RetryOptions, Transport, Url},
};
use azure_security_keyvault_secrets::{
    SecretClient, SecretClientOptions, models::SecretClientGetSecretOptions,
};
use futures::{StreamExt, stream::BoxStream};

use crate::{
    error::{Error, Operation, Result},
    name::{SecretName, SecretVersion},
    secret::{Secret, SecretProperties},
};

/// Reads the secrets of one vault.
///
/// Cheap to clone; clones share connections and what was learnt from the vault's challenge. The
/// first request of a client goes out without a token and is sent again with one, so keep one
/// client per vault.
///
/// Retries are those of the official client: three more attempts for 408, 429 and 5xx answers and
/// broken connections, honouring `Retry-After`.
#[derive(Clone)]
pub struct VaultClient {
    client: Arc<SecretClient>,
    vault_url: Url,
}

/// Collects the options of a [`VaultClient`].
#[derive(Debug)]
pub struct VaultClientBuilder {
    vault_url: Url,
    credential: Arc<dyn TokenCredential>,
    transport: Option<Transport>,
    retry: RetryOptions,
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
        }
    }

    /// The vault's URL.
    pub fn vault_url(&self) -> &Url {
        &self.vault_url
    }

    /// Reads the latest version of a secret.
    ///
    /// An expired secret is returned like any other: look at [`SecretProperties::expires`].
    ///
    /// # Errors
    /// - `NotFound`: the vault has no such secret.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets User`, or the firewall refused.
    /// - `Disabled`: its latest version is disabled.
    /// - `Unauthenticated`: there is no token for the vault, or it refused the token.
    /// - `Throttled`, `Timeout`, `Unavailable`, `Connect`: also after the client's retries.
    /// - `InvalidResponse`: the answer is not that of a vault.
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>
    pub async fn secret(&self, name: &SecretName) -> Result<Secret> {
        self.get(name, None).await
    }

    /// Reads one version of a secret.
    ///
    /// # Errors
    /// As [`VaultClient::secret`]; `NotFound` if the secret has no such version.
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    pub async fn secret_version(
        &self,
        name: &SecretName,
        version: &SecretVersion,
    ) -> Result<Secret> {
        self.get(name, Some(version)).await
    }

    /// Lists the secrets of the vault, one item per secret in the vault's order, without values.
    ///
    /// Pages of 25 are asked for as the stream is read; it ends after the first error.
    ///
    /// # Errors
    /// As [`VaultClient::secret`], apart from `NotFound` and `Disabled`.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets/get-secrets>
    pub fn secrets(&self) -> BoxStream<'static, Result<SecretProperties>> {
        let resource = ["of ", self.vault_url.as_str()].concat();
        self.properties(Operation::ListSecrets, resource, self.client.list_secret_properties(None))
    }

    /// Lists the versions of a secret, one item per version in the vault's order, without values.
    ///
    /// # Errors
    /// As [`VaultClient::secret`], apart from `Disabled`.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    pub fn versions(&self, name: &SecretName) -> BoxStream<'static, Result<SecretProperties>> {
        let resource = self.resource(name, None);
        let pager = self.client.list_secret_properties_versions(name.as_str(), None);
        self.properties(Operation::ListVersions, resource, pager)
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let operation = Operation::GetSecret;
        let resource = self.resource(name, version);
        let failed = |source| Error::from_core(operation, &resource, self.host(), source);
        let options = SecretClientGetSecretOptions {
            secret_version: version.map(|version| version.as_str().to_owned()),
            ..SecretClientGetSecretOptions::default()
        };
        let response =
            self.client.get_secret(name.as_str(), Some(options)).await.map_err(failed)?;
        let model = response.into_model().map_err(failed)?;
        Secret::from_model(operation, &resource, model)
    }

    fn properties<P>(
        &self,
        operation: Operation,
        resource: String,
        pager: azure_core::Result<P>,
    ) -> BoxStream<'static, Result<SecretProperties>>
    where
        P: futures::Stream<
                Item = azure_core::Result<
                    azure_security_keyvault_secrets::models::SecretProperties,
                >,
            > + Send
            + 'static,
    {
        let host = self.host().to_owned();
        let pager = match pager {
            Ok(pager) => pager,
            Err(source) => {
                let error = Error::from_core(operation, &resource, &host, source);
                return futures::stream::once(async { Err(error) }).boxed();
            }
        };
        pager
            .map(move |item| match item {
                Ok(model) => SecretProperties::from_model(operation, &resource, model),
                Err(source) => Err(Error::from_core(operation, &resource, &host, source)),
            })
            .scan(false, |failed, item| {
                // The official pager would ask again for the page that failed.
                let item = (!*failed).then_some(item);
                *failed |= matches!(item, Some(Err(_)));
                std::future::ready(item)
            })
            .boxed()
    }

    fn resource(&self, name: &SecretName, version: Option<&SecretVersion>) -> String {
        let version = version.map(|version| ["/", version.as_str()].concat()).unwrap_or_default();
        ["\"", name.as_str(), &version, "\" of ", self.vault_url.as_str()].concat()
    }

    fn host(&self) -> &str {
        self.vault_url.host_str().unwrap_or_default()
    }
}

impl std::fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultClient")
            .field("vault_url", &self.vault_url.as_str())
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

    /// Changes when and how often a request is sent again. Default: azure_core's exponential
    /// retry.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryOptions) -> Self {
        self.retry = retry;
        self
    }

    /// Makes the client. Nothing is sent yet.
    ///
    /// # Errors
    /// - `InvalidInput`: the URL is not https, or has more than scheme, host and port.
    pub fn build(self) -> Result<VaultClient> {
        let mut vault_url = self.vault_url;
        let bare = vault_url.username().is_empty()
            && vault_url.password().is_none()
            && vault_url.query().is_none()
            && vault_url.fragment().is_none()
            && vault_url.path() == "/";
        if vault_url.scheme() != "https" || !bare || vault_url.host_str().is_none() {
            // It may hold a password, and whatever is behind the host can too.
            let host = vault_url.host_str().unwrap_or_default().to_owned();
            return Err(Error::invalid_input(format!(
                "the URL of a vault is `https://<host>`, the one given for \"{host}\" is not"
            ))
            .with_hint("give `https://<vault>.vault.azure.net`"));
        }
        vault_url.set_path("");
        let options = SecretClientOptions {
            client_options: ClientOptions {
                retry: self.retry,
                transport: self.transport,
                ..ClientOptions::default()
            },
            // The client refuses a challenge for another domain's tokens; nothing here turns
            // that off.
            verify_challenge_resource: Some(true),
            ..SecretClientOptions::default()
        };
        let client = SecretClient::new(vault_url.as_str(), self.credential, Some(options))
            .map_err(|source| {
                Error::invalid_input("the client of the vault cannot be made").caused_by(source)
            })?;
        Ok(VaultClient { client: Arc::new(client), vault_url })
    }
}
