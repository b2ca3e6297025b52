//! Backup and restore: a secret with all its versions as one blob that only these emulators, and
//! only while they run, can read.
//!
//! Spec: <https://learn.microsoft.com/azure/key-vault/general/backup>

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    failure::Failure,
    name::SecretName,
    stage::Phase,
    store::{Entry, SecretVersion, Vault, live, not_found, phase, refuse_conflict},
};
use crate::error::{Error, ErrorKind, Result as SetupResult};

/// What blobs are sealed with; of one process.
pub(super) struct BackupKey(RandomizedNonceKey);

#[derive(Deserialize, Serialize)]
struct Backup<V> {
    name: String,
    versions: Vec<BackupVersion<V>>,
}

#[derive(Deserialize, Serialize)]
struct BackupVersion<V> {
    version: String,
    value: V,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    enabled: bool,
    not_before: Option<i64>,
    expires: Option<i64>,
    created: i64,
    updated: i64,
}

impl Vault {
    /// All versions of a secret as a blob.
    pub(super) fn backup(
        &self,
        name: &SecretName,
        key: &BackupKey,
        now: OffsetDateTime,
    ) -> Result<Vec<u8>, Failure> {
        let entries = self.read();
        let entry = live(&entries, name, now).ok_or_else(|| not_found(name, None))?;
        entry.refuse_managed("backup")?;
        if entry.versions.len() > MAX_VERSIONS {
            return Err(Failure::BadParameter(format!(
                "A secret with more than {MAX_VERSIONS} versions cannot be backed up."
            )));
        }
        let versions = entry.versions.iter().map(|version| BackupVersion {
            version: version.version.clone(),
            value: version.value.expose_secret(),
            content_type: version.content_type.clone(),
            tags: version.tags.clone(),
            enabled: version.enabled,
            not_before: version.not_before,
            expires: version.expires,
            created: version.created,
            updated: version.updated,
        });
        key.seal(&Backup { name: entry.name.to_string(), versions: versions.collect() })
    }

    /// Puts a secret back from a blob; its latest version.
    pub(super) fn restore(
        &self,
        blob: &[u8],
        key: &BackupKey,
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        let backup = key.open(blob)?;
        let name = SecretName::parse(&backup.name)?;
        let versions: Vec<_> = backup
            .versions
            .into_iter()
            .map(|version| SecretVersion {
                name: name.clone(),
                version: version.version,
                value: version.value,
                content_type: version.content_type,
                tags: version.tags,
                enabled: version.enabled,
                not_before: version.not_before,
                expires: version.expires,
                created: version.created,
                updated: version.updated,
                managed: None,
            })
            .collect();
        let latest = versions.last().cloned().ok_or(Failure::BackupUnreadable)?;
        let mut entries = self.write();
        refuse_conflict(&entries, &name, now)?;
        if phase(&entries, &name, now) == Phase::Live {
            return Err(Failure::AlreadyExists { name: name.to_string() });
        }
        entries.insert(name.key(), Entry::live(name, versions, now));
        Ok(latest)
    }
}

impl BackupKey {
    pub(super) fn generate() -> SetupResult<Self> {
        let failed = |source| {
            Error::new(ErrorKind::Certificate, "cannot make the key of Key Vault's backups")
                .caused_by(source)
        };
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(failed)?;
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).map(Self).map_err(failed)
    }

    /// A blob begins as the service's do: with the length of a mark, and the mark.
    fn seal(&self, backup: &Backup<&str>) -> Result<Vec<u8>, Failure> {
        let mut sealed = serde_json::to_vec(backup).map_err(|_| Failure::Internal)?;
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(MARK), &mut sealed)
            .map_err(|_| Failure::Internal)?;
        Ok([&[MARK_BYTES], MARK, nonce.as_ref(), &sealed].concat())
    }

    fn open(&self, blob: &[u8]) -> Result<Backup<SecretString>, Failure> {
        let sealed = blob
            .strip_prefix(&[MARK_BYTES])
            .and_then(|rest| rest.strip_prefix(MARK))
            .ok_or(Failure::BackupVersion)?;
        let (nonce, sealed) =
            sealed.split_at_checked(NONCE_LEN).ok_or(Failure::BackupUnreadable)?;
        let nonce =
            Nonce::try_assume_unique_for_key(nonce).map_err(|_| Failure::BackupUnreadable)?;
        let mut sealed = sealed.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(MARK), &mut sealed)
            .map_err(|_| Failure::BackupUnreadable)?;
        serde_json::from_slice(opened).map_err(|_| Failure::BackupUnreadable)
    }
}

impl fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackupKey")
    }
}

const MARK: &[u8] = b"AzureKeyVaultSecretBackupV1.microsoft.com";

const MARK_BYTES: u8 = 41;

/// Spec: <https://learn.microsoft.com/azure/key-vault/general/backup#limitations>
const MAX_VERSIONS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::VaultConfig,
        key_vault::{body::SetSecret, store::Store},
    };

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn store() -> Store {
        let vault = |name: &str| VaultConfig { name: name.into(), ..VaultConfig::default() };
        Store::new(&[vault("kv-one"), vault("kv-two")], NOW).unwrap()
    }

    fn set(vault: &Vault, name: &SecretName, json: &str) -> SecretVersion {
        vault.set(name, SetSecret::parse(json.as_bytes()).unwrap(), NOW).unwrap()
    }

    #[test]
    fn a_backup_brings_all_versions_to_another_vault_and_shows_no_value() {
        let store = store();
        let one = store.vault("kv-one.vault.azure.net").unwrap();
        let two = store.vault("kv-two.vault.azure.net").unwrap();
        let name = SecretName::parse("Name").unwrap();
        let first =
            set(one, &name, r#"{"value":"hunter2","tags":{"k":"v"},"attributes":{"exp":9}}"#);
        let second = set(one, &name, r#"{"value":"hunter3","contentType":"text"}"#);
        let blob = one.backup(&name, &store.backup_key, NOW).unwrap();
        assert!(!blob.windows(6).any(|window| window == b"hunter"));

        let restored = two.restore(&blob, &store.backup_key, NOW).unwrap();
        assert_eq!(restored.version, second.version);
        for version in [first, second] {
            let there = two.get(&name, Some(&version.version), NOW).unwrap();
            assert_eq!(format!("{there:?}"), format!("{version:?}"));
            assert_eq!(there.value.expose_secret(), version.value.expose_secret());
        }
        let again = two.restore(&blob, &store.backup_key, NOW).unwrap_err();
        assert!(matches!(again, Failure::AlreadyExists { .. }), "{again}");
    }

    #[test]
    fn a_blob_that_was_touched_cut_or_is_of_another_process_is_refused() {
        let store = store();
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        set(vault, &name, r#"{"value":"1"}"#);
        let blob = vault.backup(&name, &store.backup_key, NOW).unwrap();
        vault.delete(&name, NOW).unwrap();
        vault.purge(&name, NOW).unwrap();

        for place in 0..blob.len() {
            let mut touched = blob.clone();
            touched[place] ^= 1;
            let failure = vault.restore(&touched, &store.backup_key, NOW).unwrap_err();
            let expected = if place <= MARK.len() {
                matches!(failure, Failure::BackupVersion)
            } else {
                matches!(failure, Failure::BackupUnreadable)
            };
            assert!(expected, "byte {place}: {failure}");
            assert!(vault.restore(&blob[..place], &store.backup_key, NOW).is_err());
        }
        let foreign = BackupKey::generate().unwrap();
        assert!(matches!(vault.restore(&blob, &foreign, NOW), Err(Failure::BackupUnreadable)));
        vault.restore(&blob, &store.backup_key, NOW).unwrap();
    }

    #[test]
    fn a_secret_with_more_than_500_versions_is_not_backed_up() {
        let store = store();
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        for _ in 0..MAX_VERSIONS {
            set(vault, &name, r#"{"value":"1"}"#);
        }
        vault.backup(&name, &store.backup_key, NOW).unwrap();
        set(vault, &name, r#"{"value":"1"}"#);
        let failure = vault.backup(&name, &store.backup_key, NOW).unwrap_err();
        assert!(matches!(failure, Failure::BadParameter(_)), "{failure}");
    }

    #[test]
    fn the_mark_is_as_long_as_its_first_byte_says() {
        assert_eq!(usize::from(MARK_BYTES), MARK.len());
    }
}
