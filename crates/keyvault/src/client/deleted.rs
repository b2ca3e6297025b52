//! Deleting secrets, and what can be done to deleted ones.
//!
//! The vault answers a deletion or a recovery before it is done with it. For some seconds the secret
//! then is neither here nor there, which callers are spared: operations wait for the end of that.

use std::{future::Future, time::Duration};

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models;
use futures::stream::BoxStream;

use super::{Task, VaultClient};
use crate::{
    access::Proof,
    error::{Error, ErrorKind, Result},
    name::SecretName,
    operation::Operation,
    secret::SecretProperties,
};

/// What is known about a deleted secret. Times are in UTC with whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedSecret {
    /// What was known about it before; in a list, its version is `None`.
    pub properties: SecretProperties,
    /// When it was deleted.
    pub deleted: Option<OffsetDateTime>,
    /// When the vault will purge it by itself.
    pub scheduled_purge: Option<OffsetDateTime>,
}

impl VaultClient {
    /// Deletes a secret with all of its versions. It can be recovered until it is purged, which the
    /// vault does by itself after 7 to 90 days.
    ///
    /// Returns once the deletion is done: some seconds later than the vault answers. If the caller
    /// may not look at deleted secrets, it returns at once; a client that waits for roles looks for
    /// a minute.
    ///
    /// # Errors
    /// - `NotFound`: there is no such secret.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets Officer` or the permission `Delete`.
    /// - `Conflict`: the secret is the private key of a certificate, which is to be deleted instead.
    /// - `Timeout`: a minute later the vault is still at it.
    /// - All others of [`VaultClient::secret`]. After `Connect` it may be deleted or not.
    ///
    /// # Cancel safety
    /// Once the request is out, the secret may be deleted; nothing is lost, as it can be recovered.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/delete-secret/delete-secret>
    pub async fn delete_secret(&self, name: &SecretName) -> Result<DeletedSecret> {
        let task = self.task(Operation::DeleteSecret, name, None);
        let delete = || self.official().delete_secret(name.as_str(), None);
        let model: models::DeletedSecret =
            self.out_of_limbo(|| self.call(&task, Proof::Once, delete)).await?;
        let deleted = DeletedSecret::from_secret(&task, model)?;
        self.until_there(&task, || self.look_at_deleted(name)).await?;
        Ok(deleted)
    }

    /// Looks at a deleted secret.
    ///
    /// # Errors
    /// - `NotFound`: there is no deleted secret of that name.
    /// - `PermissionDenied`: the caller lacks `Key Vault Reader` or the permission `Get`.
    /// - All others of [`VaultClient::secret`].
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-deleted-secret/get-deleted-secret>
    pub async fn deleted_secret(&self, name: &SecretName) -> Result<DeletedSecret> {
        let task = self.task(Operation::GetDeletedSecret, name, None);
        let get = || self.official().get_deleted_secret(name.as_str(), None);
        let model: models::DeletedSecret = self.call(&task, Proof::Once, get).await?;
        DeletedSecret::from_secret(&task, model)
    }

    /// Lists the deleted secrets of the vault, in the vault's order. Pages are asked for as the
    /// stream is read; it ends after the first error.
    ///
    /// # Errors
    /// As [`VaultClient::deleted_secret`], apart from `NotFound`.
    ///
    /// # Cancel safety
    /// Dropping the stream stops asking.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/get-deleted-secrets/get-deleted-secrets>
    pub fn deleted_secrets(&self) -> BoxStream<'static, Result<DeletedSecret>> {
        let task = self.task_of_vault(Operation::ListDeletedSecrets, "of");
        self.list(
            task,
            |client| client.official().list_deleted_secret_properties(None),
            DeletedSecret::from_model,
        )
    }

    /// Makes a deleted secret what it was, with all of its versions.
    ///
    /// Returns once it can be read again: some seconds later than the vault answers.
    ///
    /// # Errors
    /// - `NotFound`: there is no deleted secret of that name.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets Officer` or the permission
    ///   `Recover`.
    /// - `Timeout`: a minute later the vault is still at it.
    /// - All others of [`VaultClient::secret`]. After `Connect` it may be recovered or not.
    ///
    /// # Cancel safety
    /// Once the request is out, the secret may be recovered.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/recover-deleted-secret/recover-deleted-secret>
    pub async fn recover_secret(&self, name: &SecretName) -> Result<SecretProperties> {
        let task = self.task(Operation::RecoverSecret, name, None);
        let recover = || self.official().recover_deleted_secret(name.as_str(), None);
        let model: models::Secret =
            self.out_of_limbo(|| self.call(&task, Proof::Once, recover)).await?;
        let properties = SecretProperties::from_secret(&task, model)?;
        self.until_there(&task, || self.look_at_recovered(name)).await?;
        Ok(properties)
    }

    /// Removes a deleted secret for good. Its name may take some seconds to be free again, which
    /// [`VaultClient::set_secret`] waits for.
    ///
    /// # Errors
    /// - `NotFound`: there is no deleted secret of that name.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets Officer` or the permission `Purge`,
    ///   or the vault is protected against purging.
    /// - All others of [`VaultClient::secret`]. After `Connect` it may be purged or not.
    ///
    /// # Cancel safety
    /// Once the request is out, the secret may be gone.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/purge-deleted-secret/purge-deleted-secret>
    pub async fn purge_secret(&self, name: &SecretName) -> Result<()> {
        let task = self.task(Operation::PurgeSecret, name, None);
        let purge = || async {
            let answer = self.official().purge_deleted_secret(name.as_str(), None).await;
            answer.map(drop).map_err(|source| self.failed(&task, source))
        };
        self.out_of_limbo(|| self.granted(&task, Proof::Once, purge)).await
    }

    /// Acts again while the vault says that it is still deleting or recovering the secret.
    pub(super) async fn out_of_limbo<T, F, Fut>(&self, act: F) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let began = self.clock().elapsed();
        loop {
            match act().await {
                Err(error) if error.is_limbo() && self.waits_on(began) => {
                    self.clock().sleep(LIMBO_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn look_at_deleted(&self, name: &SecretName) -> Result<()> {
        let task = self.task(Operation::GetDeletedSecret, name, None);
        let get = self.official().get_deleted_secret(name.as_str(), None);
        let model: models::DeletedSecret = self.answer(&task, get).await?;
        DeletedSecret::from_secret(&task, model).map(drop)
    }

    async fn look_at_recovered(&self, name: &SecretName) -> Result<()> {
        let task = self.task(Operation::GetSecret, name, None);
        let get = self.official().get_secret(name.as_str(), None);
        let model: models::Secret = self.answer(&task, get).await?;
        SecretProperties::from_secret(&task, model).map(drop)
    }

    /// Looks until the vault shows what `task` has asked for. Whoever may not look does not wait.
    /// But where roles are waited for, one that is missing may just not have come everywhere: it is
    /// given as long as the vault is.
    async fn until_there<F, Fut>(&self, task: &Task, look: F) -> Result<()>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<()>>,
    {
        let began = self.clock().elapsed();
        loop {
            match look().await {
                Ok(()) => return Ok(()),
                Err(error) => match error.kind() {
                    ErrorKind::PermissionDenied
                        if error.is_missing_role()
                            && self.inner.access.is_some()
                            && self.waits_on(began) =>
                    {
                        self.clock().sleep(LIMBO_PAUSE).await;
                    }
                    ErrorKind::PermissionDenied | ErrorKind::Disabled => return Ok(()),
                    ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Deleted
                        if self.waits_on(began) =>
                    {
                        self.clock().sleep(LIMBO_PAUSE).await;
                    }
                    ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Deleted => {
                        let message = format!(
                            "the vault took the request to {} {}, and is not done with it after \
                             {} s",
                            task.operation.name(),
                            task.resource,
                            LONGEST_LIMBO.as_secs()
                        );
                        return Err(Error::timed_out(message, error));
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    fn waits_on(&self, began: Duration) -> bool {
        self.clock().elapsed().saturating_sub(began) < LONGEST_LIMBO
    }
}

impl DeletedSecret {
    fn from_secret(task: &Task, mut model: models::DeletedSecret) -> Result<Self> {
        let (deleted, scheduled_purge) = (model.deleted_date, model.scheduled_purge_date);
        // A recovery id names the secret as well; the value, if there is one, is not for us.
        drop(model.value.take().map(zeroize::Zeroizing::new));
        let properties = SecretProperties::from_deleted(task, model)?;
        Ok(Self { properties, deleted, scheduled_purge })
    }

    fn from_model(task: &Task, model: models::DeletedSecretProperties) -> Result<Self> {
        let (deleted, scheduled_purge) = (model.deleted_date, model.scheduled_purge_date);
        let properties = SecretProperties::from_deleted_properties(task, model)?;
        Ok(Self { properties, deleted, scheduled_purge })
    }
}

const LIMBO_PAUSE: Duration = Duration::from_secs(1);

const LONGEST_LIMBO: Duration = Duration::from_secs(60);
