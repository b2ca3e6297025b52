//! Azure's built-in roles that the emulators know, and which of them contains which.

use std::fmt;

use serde::Deserialize;

/// A built-in role of Azure, spelled in configuration as Azure spells it.
///
/// Spec: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// Reads, writes and deletes secrets.
    #[serde(rename = "Key Vault Secrets Officer")]
    KeyVaultSecretsOfficer,
    /// Reads the values of secrets and lists them.
    #[serde(rename = "Key Vault Secrets User")]
    KeyVaultSecretsUser,
    /// Reads, writes and deletes paths.
    #[serde(rename = "Storage Blob Data Contributor")]
    StorageBlobDataContributor,
    /// Reads and lists paths.
    #[serde(rename = "Storage Blob Data Reader")]
    StorageBlobDataReader,
}

impl Role {
    /// Whether whoever has `self` may do all that `wanted` allows.
    pub(crate) fn includes(self, wanted: Role) -> bool {
        self == wanted
            || matches!(
                (self, wanted),
                (Role::KeyVaultSecretsOfficer, Role::KeyVaultSecretsUser)
                    | (Role::StorageBlobDataContributor, Role::StorageBlobDataReader)
            )
    }

    /// The name as Azure spells it.
    pub fn name(self) -> &'static str {
        match self {
            Role::KeyVaultSecretsOfficer => "Key Vault Secrets Officer",
            Role::KeyVaultSecretsUser => "Key Vault Secrets User",
            Role::StorageBlobDataContributor => "Storage Blob Data Contributor",
            Role::StorageBlobDataReader => "Storage Blob Data Reader",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Role::{
        KeyVaultSecretsOfficer, KeyVaultSecretsUser, StorageBlobDataContributor,
        StorageBlobDataReader,
    };

    #[test]
    fn a_writing_role_includes_its_reading_role_and_nothing_of_another_service() {
        assert!(KeyVaultSecretsOfficer.includes(KeyVaultSecretsUser));
        assert!(StorageBlobDataContributor.includes(StorageBlobDataReader));
        assert!(!KeyVaultSecretsUser.includes(KeyVaultSecretsOfficer));
        assert!(!StorageBlobDataReader.includes(StorageBlobDataContributor));
        assert!(!StorageBlobDataContributor.includes(KeyVaultSecretsUser));
    }

    #[test]
    fn a_role_is_read_by_the_name_it_prints() {
        for role in [
            KeyVaultSecretsOfficer,
            KeyVaultSecretsUser,
            StorageBlobDataContributor,
            StorageBlobDataReader,
        ] {
            let text = serde_json::to_string(role.name()).unwrap();
            assert_eq!(serde_json::from_str::<super::Role>(&text).unwrap(), role);
        }
    }
}
