//! The vaults and what they hold, in memory.

use std::{
    collections::{BTreeMap, btree_map::Entry as Slot},
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use secrecy::SecretString;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    backup::BackupKey,
    body::{Properties, SetSecret},
    certificate::{self, Managed},
    failure::Failure,
    name::SecretName,
    stage::{DEFAULT_RETENTION_DAYS, DeletionPolicy, MIN_RETENTION_DAYS, Phase, Stage},
};
use crate::{
    config::VaultConfig,
    error::{Error, ErrorKind, Result as SetupResult},
};

/// All vaults, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Store {
    vaults: Vec<Vault>,
    /// Of all vaults: they are of one subscription and one geography, so that what one backs up
    /// another can restore.
    pub(super) backup_key: BackupKey,
}

/// One vault.
#[derive(Debug)]
pub(super) struct Vault {
    name: String,
    pub(super) policy: DeletionPolicy,
    entries: RwLock<Entries>,
}

/// Whatever has a name, by its key.
pub(super) type Entries = BTreeMap<String, Entry>;

/// A name with what stands behind it, which keeps the spelling of its first use.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: SecretName,
    /// In the order in which they were set; none once the secret was purged.
    pub(super) versions: Vec<SecretVersion>,
    pub(super) stage: Stage,
}

/// One version of one secret.
#[derive(Debug, Clone)]
pub(super) struct SecretVersion {
    pub(super) name: SecretName,
    pub(super) version: String,
    pub(super) value: SecretString,
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) enabled: bool,
    /// Seconds since 1970, as all times here.
    pub(super) not_before: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) created: i64,
    pub(super) updated: i64,
    /// There if a certificate stands behind the secret.
    pub(super) managed: Option<Managed>,
}

impl Store {
    pub(super) fn new(configs: &[VaultConfig], now: OffsetDateTime) -> SetupResult<Self> {
        let vaults = configs.iter().map(|config| Vault::new(config, now));
        Ok(Self { vaults: vaults.collect::<SetupResult<_>>()?, backup_key: BackupKey::generate()? })
    }

    /// The vault that a host name stands for; one that is no vault's is the first vault's, so that
    /// clients that cannot map host names come by `https://localhost:PORT`.
    pub(super) fn vault(&self, host: &str) -> Result<&Vault, Failure> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let found = match name.to_ascii_lowercase().strip_suffix(".vault.azure.net") {
            Some(label) => self.vaults.iter().find(|vault| vault.name.eq_ignore_ascii_case(label)),
            None => self.vaults.first(),
        };
        found.ok_or_else(|| Failure::NoSuchVault { host: host.to_owned() })
    }
}

impl Vault {
    fn new(config: &VaultConfig, now: OffsetDateTime) -> SetupResult<Self> {
        let wrong = |what: String| {
            Error::new(ErrorKind::InvalidInput, format!("the vault \"{}\" {what}", config.name))
        };
        let days = config.retention_days;
        if !(MIN_RETENTION_DAYS..=DEFAULT_RETENTION_DAYS).contains(&days) {
            return Err(wrong(format!(
                "cannot keep deleted secrets for {days} days: \
                 {MIN_RETENTION_DAYS} to {DEFAULT_RETENTION_DAYS} are allowed"
            )));
        }
        let secrets = config.secrets.iter().map(|(name, value)| {
            let first = SetSecret { value: value.clone(), properties: Properties::default() };
            (name, Ok(first), None)
        });
        let certificates = config.certificates.iter().map(|certificate| {
            let (secret, managed) = match certificate::load(certificate) {
                Ok((secret, managed)) => (Ok(secret), Some(managed)),
                Err(error) => (Err(error), None),
            };
            (&certificate.name, secret, managed)
        });
        let mut entries = Entries::new();
        for (name, secret, managed) in secrets.chain(certificates) {
            let parsed = SecretName::parse(name)
                .map_err(|_| wrong(format!("has a secret of the invalid name \"{name}\"")))?;
            let Slot::Vacant(slot) = entries.entry(parsed.key()) else {
                return Err(wrong(format!("has two secrets of the name \"{name}\"")));
            };
            let mut version = SecretVersion::new(&parsed, secret?, now);
            version.managed = managed;
            slot.insert(Entry::live(parsed, vec![version], now));
        }
        let policy = DeletionPolicy {
            retention_days: days,
            purge_protection: config.purge_protection,
            limbo: Duration::milliseconds(config.soft_delete_limbo_ms.into()),
        };
        Ok(Self { name: config.name.clone(), policy, entries: RwLock::new(entries) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One version of a secret, by default its latest.
    pub(super) fn get(
        &self,
        name: &SecretName,
        version: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        let entries = self.read();
        let secret = live(&entries, name, now)
            .and_then(|entry| entry.version(version))
            .ok_or_else(|| not_found(name, version))?;
        // Unlike a disabled one, an expired secret is still handed out.
        if secret.enabled { Ok(secret.clone()) } else { Err(Failure::SecretDisabled) }
    }

    /// The latest version of every secret, by name.
    pub(super) fn latest(&self, now: OffsetDateTime) -> Vec<SecretVersion> {
        let entries = self.read();
        let live = entries.values().filter(|entry| entry.stage.phase(now) == Phase::Live);
        live.filter_map(|entry| entry.versions.last()).cloned().collect()
    }

    /// Every version of one secret, by version id; none if there is no such secret, for that is how
    /// the service lists.
    pub(super) fn versions(&self, name: &SecretName, now: OffsetDateTime) -> Vec<SecretVersion> {
        let entries = self.read();
        let mut versions =
            live(&entries, name, now).map(|entry| entry.versions.clone()).unwrap_or_default();
        versions.sort_by(|one, other| one.version.cmp(&other.version));
        versions
    }

    /// Adds a version, and the secret if there was none.
    pub(super) fn set(
        &self,
        name: &SecretName,
        secret: SetSecret,
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        let mut entries = self.write();
        refuse_conflict(&entries, name, now)?;
        match live_mut(&mut entries, name, now) {
            Some(entry) => {
                entry.refuse_managed("set")?;
                let version = SecretVersion::new(&entry.name, secret, now);
                entry.versions.push(version.clone());
                Ok(version)
            }
            None => {
                let version = SecretVersion::new(name, secret, now);
                entries.insert(name.key(), Entry::live(name.clone(), vec![version.clone()], now));
                Ok(version)
            }
        }
    }

    /// Changes what is not the value of one version, by default the latest.
    pub(super) fn update(
        &self,
        name: &SecretName,
        version: Option<&str>,
        change: Properties,
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        let mut entries = self.write();
        refuse_recovering(&entries, name, now)?;
        let missing = || not_found(name, version);
        let entry = live_mut(&mut entries, name, now).ok_or_else(missing)?;
        entry.refuse_managed("update")?;
        let secret = entry.version_mut(version).ok_or_else(missing)?;
        let attributes = change.attributes();
        secret.enabled = attributes.enabled.unwrap_or(secret.enabled);
        secret.not_before = attributes.nbf.or(secret.not_before);
        secret.expires = attributes.exp.or(secret.expires);
        secret.content_type = change.content_type.or(secret.content_type.take());
        secret.tags = change.tags.or(secret.tags.take());
        secret.updated = now.unix_timestamp();
        Ok(secret.clone())
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(super) fn live(
        name: SecretName,
        versions: Vec<SecretVersion>,
        now: OffsetDateTime,
    ) -> Self {
        Self { name, versions, stage: Stage::Live { from: now } }
    }

    fn version(&self, version: Option<&str>) -> Option<&SecretVersion> {
        match version {
            None => self.versions.last(),
            Some(version) => self.versions.iter().find(|known| known.is(version)),
        }
    }

    fn version_mut(&mut self, version: Option<&str>) -> Option<&mut SecretVersion> {
        match version {
            None => self.versions.last_mut(),
            Some(version) => self.versions.iter_mut().find(|known| known.is(version)),
        }
    }

    /// A secret that a certificate stands behind changes with that certificate only.
    pub(super) fn refuse_managed(&self, operation: &'static str) -> Result<(), Failure> {
        if self.versions.iter().any(|version| version.managed.is_some()) {
            return Err(Failure::ManagedByKeyVault { operation });
        }
        Ok(())
    }
}

impl SecretVersion {
    fn new(name: &SecretName, secret: SetSecret, now: OffsetDateTime) -> Self {
        let SetSecret { value, properties } = secret;
        let attributes = properties.attributes();
        Self {
            name: name.clone(),
            version: Uuid::new_v4().simple().to_string(),
            value,
            content_type: properties.content_type,
            tags: properties.tags,
            enabled: attributes.enabled.unwrap_or(true),
            not_before: attributes.nbf,
            expires: attributes.exp,
            created: now.unix_timestamp(),
            updated: now.unix_timestamp(),
            managed: None,
        }
    }

    fn is(&self, version: &str) -> bool {
        self.version.eq_ignore_ascii_case(version)
    }
}

/// The secret of that name, if it can be used now.
pub(super) fn live<'a>(
    entries: &'a Entries,
    name: &SecretName,
    now: OffsetDateTime,
) -> Option<&'a Entry> {
    entries.get(&name.key()).filter(|entry| entry.stage.phase(now) == Phase::Live)
}

/// As [`live`], to be changed.
pub(super) fn live_mut<'a>(
    entries: &'a mut Entries,
    name: &SecretName,
    now: OffsetDateTime,
) -> Option<&'a mut Entry> {
    entries.get_mut(&name.key()).filter(|entry| entry.stage.phase(now) == Phase::Live)
}

/// What the name is now.
pub(super) fn phase(entries: &Entries, name: &SecretName, now: OffsetDateTime) -> Phase {
    entries.get(&name.key()).map_or(Phase::Free, |entry| entry.stage.phase(now))
}

/// A name that is neither in use nor free cannot be written to.
pub(super) fn refuse_conflict(
    entries: &Entries,
    name: &SecretName,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    match phase(entries, name, now) {
        Phase::Live | Phase::Free => Ok(()),
        Phase::BeingDeleted | Phase::BeingPurged => {
            Err(Failure::BeingDeleted { recreated: Some(name.to_string()) })
        }
        Phase::BeingRecovered => Err(Failure::BeingRecovered { name: name.to_string() }),
        Phase::Deleted(_) => Err(Failure::DeletedButRecoverable { name: name.to_string() }),
    }
}

/// A secret on its way back is not there to be read, and must not be changed.
pub(super) fn refuse_recovering(
    entries: &Entries,
    name: &SecretName,
    now: OffsetDateTime,
) -> Result<(), Failure> {
    match phase(entries, name, now) {
        Phase::BeingRecovered => Err(Failure::BeingRecovered { name: name.to_string() }),
        _ => Ok(()),
    }
}

pub(super) fn not_found(name: &SecretName, version: Option<&str>) -> Failure {
    Failure::SecretNotFound {
        id: match version {
            None => name.to_string(),
            Some(version) => [name.as_str(), "/", version].concat(),
        },
    }
}

#[cfg(test)]
mod tests;
