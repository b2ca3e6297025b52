//! Azure's built-in roles that the emulators know, and which of them contains which.

use std::fmt;

use serde::Deserialize;

/// A built-in role of Azure, spelled in configuration as Azure spells it.
///
/// Spec: <https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// Does everything with secrets, as with all else in a vault.
    #[serde(rename = "Key Vault Administrator")]
    KeyVaultAdministrator,
    /// Lists secrets and reads what is not their value.
    #[serde(rename = "Key Vault Reader")]
    KeyVaultReader,
    /// Does everything with secrets.
    #[serde(rename = "Key Vault Secrets Officer")]
    KeyVaultSecretsOfficer,
    /// Reads the values of secrets and lists them.
    #[serde(rename = "Key Vault Secrets User")]
    KeyVaultSecretsUser,
    /// Reads, writes and deletes paths.
    #[serde(rename = "Storage Blob Data Contributor")]
    StorageBlobDataContributor,
    /// Does everything with paths, whatever their ACLs say, and gives them owners and ACLs.
    #[serde(rename = "Storage Blob Data Owner")]
    StorageBlobDataOwner,
    /// Reads and lists paths.
    #[serde(rename = "Storage Blob Data Reader")]
    StorageBlobDataReader,
}

impl Role {
    /// Whether whoever has `self` may do all that `wanted` allows.
    pub(crate) fn includes(self, wanted: Role) -> bool {
        self.rank().0 == wanted.rank().0 && self.rank().1 >= wanted.rank().1
    }

    /// The service, and how much the role allows there: each includes those below it.
    fn rank(self) -> (&'static str, u8) {
        match self {
            // Apart from secrets, a reader sees more than a user of secrets does; there is nothing
            // apart from secrets here.
            Role::KeyVaultReader => ("Key Vault", 0),
            Role::KeyVaultSecretsUser => ("Key Vault", 1),
            Role::KeyVaultSecretsOfficer => ("Key Vault", 2),
            Role::KeyVaultAdministrator => ("Key Vault", 3),
            Role::StorageBlobDataReader => ("Storage", 0),
            Role::StorageBlobDataContributor => ("Storage", 1),
            Role::StorageBlobDataOwner => ("Storage", 2),
        }
    }

    /// The name as Azure spells it.
    pub fn name(self) -> &'static str {
        match self {
            Role::KeyVaultAdministrator => "Key Vault Administrator",
            Role::KeyVaultReader => "Key Vault Reader",
            Role::KeyVaultSecretsOfficer => "Key Vault Secrets Officer",
            Role::KeyVaultSecretsUser => "Key Vault Secrets User",
            Role::StorageBlobDataContributor => "Storage Blob Data Contributor",
            Role::StorageBlobDataOwner => "Storage Blob Data Owner",
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
        KeyVaultAdministrator, KeyVaultReader, KeyVaultSecretsOfficer, KeyVaultSecretsUser,
        StorageBlobDataContributor, StorageBlobDataOwner, StorageBlobDataReader,
    };

    #[test]
    fn a_writing_role_includes_its_reading_role_and_nothing_of_another_service() {
        for (above, below) in [
            (KeyVaultAdministrator, KeyVaultSecretsOfficer),
            (KeyVaultSecretsOfficer, KeyVaultSecretsUser),
            (KeyVaultSecretsUser, KeyVaultReader),
            (KeyVaultAdministrator, KeyVaultReader),
        ] {
            assert!(above.includes(below) && below.includes(below));
            assert!(!below.includes(above));
        }
        assert!(StorageBlobDataOwner.includes(StorageBlobDataContributor));
        assert!(!StorageBlobDataContributor.includes(StorageBlobDataOwner));
        assert!(StorageBlobDataContributor.includes(StorageBlobDataReader));
        assert!(!StorageBlobDataReader.includes(StorageBlobDataContributor));
        assert!(!StorageBlobDataContributor.includes(KeyVaultReader));
        assert!(!KeyVaultAdministrator.includes(StorageBlobDataReader));
    }

    #[test]
    fn a_role_is_read_by_the_name_it_prints() {
        for role in [
            KeyVaultAdministrator,
            KeyVaultReader,
            KeyVaultSecretsOfficer,
            KeyVaultSecretsUser,
            StorageBlobDataContributor,
            StorageBlobDataOwner,
            StorageBlobDataReader,
        ] {
            let text = serde_json::to_string(role.name()).unwrap();
            assert_eq!(serde_json::from_str::<super::Role>(&text).unwrap(), role);
        }
    }
}
