//! Reading secrets, and listing them without their values.

use azure_security_keyvault_secrets::models::{self, SecretClientGetSecretOptions};
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use super::{Task, VaultClient};
use crate::{
    access::Proof,
    error::{Error, Result},
    name::{SecretName, SecretVersion},
    operation::Operation,
    secret::{Secret, SecretProperties},
};

impl VaultClient {
    /// Reads the latest version of a secret.
    ///
    /// An expired secret is returned like any other, as the vault does: look at
    /// [`SecretProperties::validity`].
    ///
    /// # Errors
    /// - `NotFound`: the vault has no such secret; it may be a deleted one, see
    ///   [`VaultClient::explain`].
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets User`, the permission `Get` of an
    ///   access policy, or the firewall refused: [`Error::service_code`]
    ///   says which.
    /// - `Disabled`: its latest version is disabled.
    /// - `Unauthenticated`: there is no token for the vault, it refused the token, or it asks for
    ///   tokens of another service.
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
    /// Disabled and expired secrets are listed as such. Pages of 25 are asked for as the stream is
    /// read; it ends after the first error.
    ///
    /// # Errors
    /// As [`VaultClient::secret`], apart from `NotFound` and `Disabled`. The role it takes is
    /// `Key Vault Reader`, or any that reads secrets.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secrets/get-secrets>
    pub fn secrets(&self) -> BoxStream<'static, Result<SecretProperties>> {
        let task = self.task_of_vault(Operation::ListSecrets, "of");
        self.list(
            task,
            |client| client.official().list_secret_properties(None),
            SecretProperties::from_model,
        )
    }

    /// Lists the versions of a secret, one item per version in the vault's order, without values.
    ///
    /// # Errors
    /// As [`VaultClient::secret`], apart from `Disabled`.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret-versions/get-secret-versions>
    pub fn versions(&self, name: &SecretName) -> BoxStream<'static, Result<SecretProperties>> {
        let task = self.task(Operation::ListVersions, name, None);
        let name = name.clone();
        self.list(
            task,
            move |client| client.official().list_secret_properties_versions(name.as_str(), None),
            SecretProperties::from_model,
        )
    }

    async fn get(&self, name: &SecretName, version: Option<&SecretVersion>) -> Result<Secret> {
        let task = self.task(Operation::GetSecret, name, version);
        let model: models::Secret = self
            .call(&task, Proof::Repeated, || {
                let options = SecretClientGetSecretOptions {
                    secret_version: version.map(|version| version.as_str().to_owned()),
                    ..SecretClientGetSecretOptions::default()
                };
                self.official().get_secret(name.as_str(), Some(options))
            })
            .await?;
        let secret = Secret::from_model(&task, model)?;
        // A proxy that mixes answers up must not hand one secret to those who asked for another.
        let found = &secret.properties;
        let is_it = found.name.to_lower_case() == name.to_lower_case()
            && version
                .is_none_or(|version| found.version.as_ref().is_some_and(|it| it.is(version)));
        if is_it {
            return Ok(secret);
        }
        let why = "the answer is about another secret";
        Err(Error::invalid_response(task.operation, &task.resource, why))
    }

    /// The items of all pages, turned into ours.
    pub(super) fn list<S, M, T>(
        &self,
        task: Task,
        pager: impl Fn(&Self) -> azure_core::Result<S> + Send + Sync + 'static,
        convert: fn(&Task, M) -> Result<T>,
    ) -> BoxStream<'static, Result<T>>
    where
        S: Stream<Item = azure_core::Result<M>> + Send + Unpin + 'static,
        M: Send + 'static,
        T: Send + 'static,
    {
        let client = self.clone();
        let first = async move {
            // While a role is waited for, the first page shows whether it has come.
            let (head, rest) = client
                .granted(&task, Proof::Repeated, || async {
                    let mut pager =
                        pager(&client).map_err(|source| client.failed(&task, source))?;
                    let head = pager.try_next().await;
                    let head = head.map_err(|source| client.failed(&task, source))?;
                    Ok((head, pager))
                })
                .await?;
            let items = stream::iter(head.map(Ok)).chain(rest);
            Ok(items.map(move |item| match item {
                Ok(model) => convert(&task, model),
                Err(source) => Err(client.failed(&task, source)),
            }))
        };
        until_error(stream::once(first).try_flatten()).boxed()
    }
}

/// Ends a stream behind its first error. The official pager would ask again for the page that
/// failed.
fn until_error<T>(items: impl Stream<Item = Result<T>>) -> impl Stream<Item = Result<T>> {
    items.scan(false, |failed, item| {
        let item = (!*failed).then_some(item);
        *failed |= matches!(item, Some(Err(_)));
        std::future::ready(item)
    })
}
