//! Delete, recover and purge, and the secrets that are deleted.
//!
//! Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups>

use time::OffsetDateTime;

use super::{
    failure::Failure,
    name::SecretName,
    stage::{Deletion, Phase},
    store::{Entries, Entry, SecretVersion, Vault, live_mut, not_found, phase, refuse_recovering},
};

/// A secret that was deleted: its latest version, and when.
#[derive(Debug)]
pub(super) struct DeletedSecret {
    pub(super) secret: SecretVersion,
    pub(super) deletion: Deletion,
}

impl Vault {
    /// Deletes a secret with all its versions.
    pub(super) fn delete(
        &self,
        name: &SecretName,
        now: OffsetDateTime,
    ) -> Result<DeletedSecret, Failure> {
        let mut entries = self.write();
        refuse_recovering(&entries, name, now)?;
        let missing = || not_found(name, None);
        let entry = live_mut(&mut entries, name, now).ok_or_else(missing)?;
        entry.refuse_managed("delete")?;
        let secret = entry.versions.last().cloned().ok_or_else(missing)?;
        let (deletion, stage) = self.policy.delete(now);
        entry.stage = stage;
        Ok(DeletedSecret { secret, deletion })
    }

    /// One deleted secret.
    pub(super) fn deleted(
        &self,
        name: &SecretName,
        now: OffsetDateTime,
    ) -> Result<DeletedSecret, Failure> {
        let entries = self.read();
        entries
            .get(&name.key())
            .and_then(|entry| deleted(entry, now))
            .ok_or_else(|| deleted_not_found(name))
    }

    /// Every deleted secret, by name.
    pub(super) fn all_deleted(&self, now: OffsetDateTime) -> Vec<DeletedSecret> {
        self.read().values().filter_map(|entry| deleted(entry, now)).collect()
    }

    /// Takes a deleted secret back into use, with all its versions.
    pub(super) fn recover(
        &self,
        name: &SecretName,
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        let mut entries = self.write();
        let entry = deleted_mut(&mut entries, name, now)?;
        let secret = entry.versions.last().cloned().ok_or_else(|| deleted_not_found(name))?;
        entry.stage = self.policy.recover(now);
        Ok(secret)
    }

    /// Ends a deleted secret for good.
    pub(super) fn purge(&self, name: &SecretName, now: OffsetDateTime) -> Result<(), Failure> {
        let mut entries = self.write();
        let entry = deleted_mut(&mut entries, name, now)?;
        if self.policy.purge_protection {
            return Err(Failure::PurgeProtected { vault: self.name().to_owned() });
        }
        entry.versions.clear();
        entry.stage = self.policy.purge(now);
        // Here rather than in each request, so that names that nobody uses again do not pile up.
        entries.retain(|_, entry| entry.stage.phase(now) != Phase::Free);
        Ok(())
    }
}

fn deleted(entry: &Entry, now: OffsetDateTime) -> Option<DeletedSecret> {
    let Phase::Deleted(deletion) = entry.stage.phase(now) else { return None };
    let secret = entry.versions.last()?.clone();
    Some(DeletedSecret { secret, deletion })
}

/// A deleted secret that can be recovered or purged now.
fn deleted_mut<'a>(
    entries: &'a mut Entries,
    name: &SecretName,
    now: OffsetDateTime,
) -> Result<&'a mut Entry, Failure> {
    match phase(entries, name, now) {
        Phase::Deleted(_) => entries.get_mut(&name.key()).ok_or_else(|| deleted_not_found(name)),
        Phase::BeingDeleted => Err(Failure::BeingDeleted { recreated: None }),
        Phase::BeingRecovered => Err(Failure::BeingRecovered { name: name.to_string() }),
        Phase::BeingPurged | Phase::Free | Phase::Live => Err(deleted_not_found(name)),
    }
}

fn deleted_not_found(name: &SecretName) -> Failure {
    Failure::DeletedSecretNotFound { name: name.to_string() }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::{
        config::VaultConfig,
        key_vault::{body::SetSecret, store::Store},
    };

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;
    const LIMBO: Duration = Duration::milliseconds(300);

    fn store(change: impl FnOnce(&mut VaultConfig)) -> Store {
        let mut config = VaultConfig { name: "kv".into(), ..VaultConfig::default() };
        config.secrets.insert("Name".into(), "value".into());
        config.soft_delete_limbo_ms = 300;
        change(&mut config);
        Store::new(&[config], NOW).unwrap()
    }

    fn set(vault: &Vault, name: &SecretName, now: OffsetDateTime) -> Result<(), Failure> {
        vault.set(name, SetSecret::parse(br#"{"value":"new"}"#).unwrap(), now).map(drop)
    }

    #[test]
    fn a_deleted_secret_is_in_limbo_then_recoverable_then_gone_by_itself() {
        let store = store(|config| config.retention_days = 7);
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        let secret = vault.delete(&name, NOW).unwrap();
        assert_eq!(secret.deletion.scheduled_purge, NOW + Duration::days(7));

        // In limbo it is nowhere.
        assert!(matches!(vault.get(&name, None, NOW), Err(Failure::SecretNotFound { .. })));
        assert!(matches!(vault.delete(&name, NOW), Err(Failure::SecretNotFound { .. })));
        assert!(matches!(vault.deleted(&name, NOW), Err(Failure::DeletedSecretNotFound { .. })));
        assert!(matches!(
            set(vault, &name, NOW),
            Err(Failure::BeingDeleted { recreated: Some(_) })
        ));
        for failure in
            [vault.purge(&name, NOW).unwrap_err(), vault.recover(&name, NOW).unwrap_err()]
        {
            assert!(matches!(failure, Failure::BeingDeleted { recreated: None }), "{failure}");
        }
        assert!(vault.latest(NOW).is_empty() && vault.all_deleted(NOW).is_empty());

        // Then it is among the deleted.
        let later = NOW + LIMBO;
        assert_eq!(vault.deleted(&name, later).unwrap().secret.name.as_str(), "Name");
        assert_eq!(vault.all_deleted(later).len(), 1);
        assert!(matches!(set(vault, &name, later), Err(Failure::DeletedButRecoverable { .. })));
        assert!(matches!(vault.get(&name, None, later), Err(Failure::SecretNotFound { .. })));

        // And in the end the name is free.
        let end = NOW + Duration::days(7);
        assert!(matches!(vault.recover(&name, end), Err(Failure::DeletedSecretNotFound { .. })));
        set(vault, &name, end).unwrap();
        assert_eq!(vault.versions(&name, end).len(), 1);
    }

    #[test]
    fn a_recovered_secret_is_in_limbo_and_then_as_before() {
        let store = store(|_| {});
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        set(vault, &name, NOW).unwrap();
        let version = vault.delete(&name, NOW).unwrap().secret.version;
        let recovered = NOW + LIMBO;
        assert_eq!(vault.recover(&name, recovered).unwrap().version, version);

        assert!(matches!(vault.get(&name, None, recovered), Err(Failure::SecretNotFound { .. })));
        assert!(matches!(
            vault.deleted(&name, recovered),
            Err(Failure::DeletedSecretNotFound { .. })
        ));
        for failure in [
            set(vault, &name, recovered).unwrap_err(),
            vault.delete(&name, recovered).unwrap_err(),
            vault.update(&name, None, Default::default(), recovered).unwrap_err(),
            vault.recover(&name, recovered).unwrap_err(),
            vault.purge(&name, recovered).unwrap_err(),
        ] {
            assert!(matches!(failure, Failure::BeingRecovered { .. }), "{failure}");
        }

        let back = recovered + LIMBO;
        assert_eq!(vault.get(&name, None, back).unwrap().version, version);
        assert_eq!(vault.versions(&name, back).len(), 2);
        set(vault, &name, back).unwrap();
    }

    #[test]
    fn a_purged_secret_is_in_limbo_and_then_its_name_is_free() {
        let store = store(|_| {});
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        vault.delete(&name, NOW).unwrap();
        let purged = NOW + LIMBO;
        vault.purge(&name, purged).unwrap();
        assert!(matches!(set(vault, &name, purged), Err(Failure::BeingDeleted { .. })));
        for failure in [
            vault.purge(&name, purged).unwrap_err(),
            vault.recover(&name, purged).unwrap_err(),
            vault.deleted(&name, purged).unwrap_err(),
        ] {
            assert!(matches!(failure, Failure::DeletedSecretNotFound { .. }), "{failure}");
        }
        let free = purged + LIMBO;
        set(vault, &name, free).unwrap();
        assert_eq!(vault.latest(free)[0].name, name);
    }

    #[test]
    fn purge_protection_keeps_a_deleted_secret() {
        let store = store(|config| config.purge_protection = true);
        let vault = store.vault("localhost").unwrap();
        let name = SecretName::parse("name").unwrap();
        vault.delete(&name, NOW).unwrap();
        let later = NOW + LIMBO;
        assert!(matches!(vault.purge(&name, later), Err(Failure::PurgeProtected { .. })));
        vault.recover(&name, later).unwrap();
    }
}
