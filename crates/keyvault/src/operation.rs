//! What a client can be doing, and what it takes to be allowed to.

/// An operation of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    BackUpSecret,
    DeleteSecret,
    GetDeletedSecret,
    GetSecret,
    ListDeletedSecrets,
    ListSecrets,
    ListVersions,
    PurgeSecret,
    RecoverSecret,
    RestoreSecret,
    SetSecret,
    UpdateSecret,
}

impl Operation {
    /// The verb of error messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BackUpSecret => "back up secret",
            Self::DeleteSecret => "delete secret",
            Self::GetDeletedSecret => "get deleted secret",
            Self::GetSecret => "get secret",
            Self::ListDeletedSecrets => "list deleted secrets",
            Self::ListSecrets => "list secrets",
            Self::ListVersions => "list versions of secret",
            Self::PurgeSecret => "purge deleted secret",
            Self::RecoverSecret => "recover deleted secret",
            Self::RestoreSecret => "restore a secret",
            Self::SetSecret => "set secret",
            Self::UpdateSecret => "update secret",
        }
    }

    /// The built-in role with the least rights that allows it.
    ///
    /// Spec: <https://learn.microsoft.com/azure/key-vault/general/rbac-guide>
    pub(super) fn role(self) -> &'static str {
        match self {
            Self::GetSecret => "Key Vault Secrets User",
            Self::GetDeletedSecret
            | Self::ListDeletedSecrets
            | Self::ListSecrets
            | Self::ListVersions => "Key Vault Reader",
            _ => "Key Vault Secrets Officer",
        }
    }

    /// The permission on secrets that a vault with access policies wants.
    ///
    /// Spec: <https://learn.microsoft.com/azure/key-vault/general/assign-access-policy>
    pub(super) fn permission(self) -> &'static str {
        match self {
            Self::BackUpSecret => "Backup",
            Self::DeleteSecret => "Delete",
            Self::GetDeletedSecret | Self::GetSecret => "Get",
            Self::ListDeletedSecrets | Self::ListSecrets | Self::ListVersions => "List",
            Self::PurgeSecret => "Purge",
            Self::RecoverSecret => "Recover",
            Self::RestoreSecret => "Restore",
            Self::SetSecret | Self::UpdateSecret => "Set",
        }
    }
}
