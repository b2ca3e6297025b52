//! Backing secrets up and restoring them.

use std::fmt;

use azure_core::http::RequestContent;
use azure_security_keyvault_secrets::models::{self, RestoreSecretParameters};
use secrecy::{ExposeSecret, SecretSlice};

use super::VaultClient;
use crate::{
    access::Proof,
    error::{Error, Result},
    name::SecretName,
    operation::Operation,
    secret::SecretProperties,
};

/// A secret with all of its versions, encrypted by the vault so that only vaults of the same
/// subscription and geography can read it.
#[derive(Clone)]
pub struct SecretBackup(SecretSlice<u8>);

impl VaultClient {
    /// Gives a secret with all of its versions, as an encrypted blob.
    ///
    /// # Errors
    /// As [`VaultClient::secret`]; the role it takes is `Key Vault Secrets Officer`, the permission
    /// `Backup`.
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/backup-secret/backup-secret>
    pub async fn back_up_secret(&self, name: &SecretName) -> Result<SecretBackup> {
        let task = self.task(Operation::BackUpSecret, name, None);
        let back_up = || self.official().backup_secret(name.as_str(), None);
        let model: models::BackupSecretResult = self.call(&task, Proof::Once, back_up).await?;
        let blob = model.value.ok_or_else(|| {
            Error::invalid_response(task.operation, &task.resource, "the answer has no backup")
        })?;
        Ok(SecretBackup::new(blob))
    }

    /// Makes a secret of a backup, under the name that it had.
    ///
    /// # Errors
    /// - `Conflict`, `Deleted`: there is a secret of that name, or a deleted one.
    /// - `InvalidInput`: it is no backup, or one of another subscription or geography.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets Officer` or the permission
    ///   `Restore`.
    /// - All others of [`VaultClient::secret`]. After `Connect` it may be restored or not.
    ///
    /// # Cancel safety
    /// Once the request is out, the secret may be there; then a second try is a `Conflict`.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/restore-secret/restore-secret>
    pub async fn restore_secret(&self, backup: &SecretBackup) -> Result<SecretProperties> {
        let task = self.task_of_vault(Operation::RestoreSecret, "to");
        let content: RequestContent<RestoreSecretParameters> =
            RestoreSecretParameters { secret_backup: Some(backup.0.expose_secret().to_vec()) }
                .try_into()
                .map_err(|source| self.failed(&task, source))?;
        let restore = || self.official().restore_secret(content.clone(), None);
        let model: models::Secret =
            self.out_of_limbo(|| self.call(&task, Proof::Once, restore)).await?;
        SecretProperties::from_secret(&task, model)
    }
}

impl SecretBackup {
    /// Takes the bytes that [`SecretBackup::as_bytes`] gave, maybe long ago.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretSlice::from(bytes))
    }

    /// The bytes to keep. They are what `az keyvault secret backup` writes to its file.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SecretBackup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBackup({} bytes)", self.as_bytes().len())
    }
}
