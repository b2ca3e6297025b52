//! The vaults and what they hold, in memory.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use super::failure::Failure;
use crate::config::VaultConfig;

/// All vaults, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Store {
    vaults: Vec<Vault>,
}

/// One vault. Secret names compare without case, and keep the spelling of their first use.
#[derive(Debug)]
pub(super) struct Vault {
    name: String,
    secrets: RwLock<BTreeMap<String, Vec<SecretVersion>>>,
}

/// One version of one secret.
#[derive(Debug, Clone)]
pub(super) struct SecretVersion {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) value: SecretString,
    pub(super) content_type: Option<String>,
    pub(super) tags: Option<BTreeMap<String, String>>,
    pub(super) enabled: bool,
    /// Seconds since 1970, as all times here.
    pub(super) not_before: Option<i64>,
    pub(super) expires: Option<i64>,
    pub(super) created: i64,
}

/// The body of Set Secret.
///
/// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetSecret {
    value: Option<SecretString>,
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    attributes: SetAttributes,
}

#[derive(Default, Deserialize)]
struct SetAttributes {
    enabled: Option<bool>,
    nbf: Option<i64>,
    exp: Option<i64>,
}

impl Store {
    pub(super) fn new(configs: &[VaultConfig], now: OffsetDateTime) -> Self {
        let vaults = configs.iter().map(|config| {
            let secrets = config.secrets.iter().map(|(name, value)| {
                let first = SetSecret {
                    value: None,
                    content_type: None,
                    tags: None,
                    attributes: SetAttributes::default(),
                };
                let version = SecretVersion::new(name, value.clone(), first, now);
                (name.to_ascii_lowercase(), vec![version])
            });
            Vault { name: config.name.clone(), secrets: RwLock::new(secrets.collect()) }
        });
        Self { vaults: vaults.collect() }
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
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One version of a secret, by default its latest.
    pub(super) fn get(&self, name: &str, version: Option<&str>) -> Result<SecretVersion, Failure> {
        check_name(name)?;
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let versions = secrets.get(&name.to_ascii_lowercase());
        let found = match version {
            None => versions.and_then(|versions| versions.last()),
            Some(version) => {
                versions.and_then(|versions| versions.iter().find(|known| known.version == version))
            }
        };
        let secret = found.ok_or_else(|| Failure::SecretNotFound {
            id: match version {
                None => name.to_owned(),
                Some(version) => [name, "/", version].concat(),
            },
        })?;
        // Unlike a disabled one, an expired secret is still handed out.
        if secret.enabled { Ok(secret.clone()) } else { Err(Failure::SecretDisabled) }
    }

    /// The latest version of every secret, by name.
    pub(super) fn latest(&self) -> Vec<SecretVersion> {
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        secrets.values().filter_map(|versions| versions.last()).cloned().collect()
    }

    /// Every version of one secret, by version id.
    pub(super) fn versions(&self, name: &str) -> Result<Vec<SecretVersion>, Failure> {
        check_name(name)?;
        let secrets = self.secrets.read().unwrap_or_else(PoisonError::into_inner);
        let mut versions = secrets
            .get(&name.to_ascii_lowercase())
            .cloned()
            .ok_or_else(|| Failure::SecretNotFound { id: name.to_owned() })?;
        versions.sort_by(|one, other| one.version.cmp(&other.version));
        Ok(versions)
    }

    /// Adds a version, and the secret if there was none.
    pub(super) fn set(
        &self,
        name: &str,
        body: &[u8],
        now: OffsetDateTime,
    ) -> Result<SecretVersion, Failure> {
        check_name(name)?;
        // What the JSON reader complains about may quote the value: its position has to do.
        let mut body: SetSecret = serde_json::from_slice(body).map_err(|error| {
            Failure::BadParameter(format!(
                "The request body is invalid at line {}, column {}.",
                error.line(),
                error.column()
            ))
        })?;
        let value = body.value.take().ok_or_else(|| {
            Failure::BadParameter("Property 'value' is required and was not set.".to_owned())
        })?;
        if value.expose_secret().len() > MAX_VALUE_BYTES {
            return Err(Failure::BadParameter(format!(
                "Secret value is too long: {} bytes, {MAX_VALUE_BYTES} are allowed.",
                value.expose_secret().len()
            )));
        }
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        let versions = secrets.entry(name.to_ascii_lowercase()).or_default();
        let name = versions.first().map_or_else(|| name.to_owned(), |first| first.name.clone());
        let version = SecretVersion::new(&name, value, body, now);
        versions.push(version.clone());
        Ok(version)
    }
}

impl SecretVersion {
    fn new(name: &str, value: SecretString, body: SetSecret, now: OffsetDateTime) -> Self {
        Self {
            name: name.to_owned(),
            version: Uuid::new_v4().simple().to_string(),
            value,
            content_type: body.content_type,
            tags: body.tags,
            enabled: body.attributes.enabled.unwrap_or(true),
            not_before: body.attributes.nbf,
            expires: body.attributes.exp,
            created: now.unix_timestamp(),
        }
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=127).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Failure::BadParameter(format!(
        "The request URI contains an invalid name: {name}. A name has 1 to 127 letters, digits \
         and hyphens."
    )))
}

/// Spec: <https://learn.microsoft.com/azure/key-vault/secrets/about-secrets>, 25 KiB.
const MAX_VALUE_BYTES: usize = 25 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        let vault = |name: &str| VaultConfig { name: name.into(), secrets: BTreeMap::new() };
        Store::new(&[vault("kv-one"), vault("kv-two")], OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_host_name_chooses_the_vault_and_any_other_host_the_first() {
        let store = store();
        for (host, name) in [
            ("kv-two.vault.azure.net", "kv-two"),
            ("KV-Two.Vault.Azure.Net:443", "kv-two"),
            ("localhost:8443", "kv-one"),
            ("127.0.0.1:8443", "kv-one"),
        ] {
            assert_eq!(store.vault(host).unwrap().name(), name, "{host}");
        }
        assert!(matches!(
            store.vault("kv-three.vault.azure.net"),
            Err(Failure::NoSuchVault { .. })
        ));
    }

    #[test]
    fn the_latest_version_is_the_one_set_last_and_older_ones_stay() {
        let store = store();
        let vault = store.vault("localhost").unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let first = vault.set("Name", br#"{"value":"1"}"#, now).unwrap();
        let second = vault.set("name", br#"{"value":"2"}"#, now).unwrap();
        assert_eq!(second.name, "Name");
        assert_eq!(vault.get("NAME", None).unwrap().version, second.version);
        let old = vault.get("name", Some(&first.version)).unwrap();
        assert_eq!(old.value.expose_secret(), "1");
    }

    #[test]
    fn a_disabled_secret_is_refused_and_an_expired_one_is_not() {
        let store = store();
        let vault = store.vault("localhost").unwrap();
        let now = OffsetDateTime::now_utc();
        vault.set("off", br#"{"value":"1","attributes":{"enabled":false}}"#, now).unwrap();
        vault.set("old", br#"{"value":"1","attributes":{"exp":1}}"#, now).unwrap();
        assert!(matches!(vault.get("off", None), Err(Failure::SecretDisabled)));
        vault.get("old", None).unwrap();
    }

    #[test]
    fn a_bad_body_is_refused_without_quoting_it() {
        let store = store();
        let vault = store.vault("localhost").unwrap();
        let now = OffsetDateTime::UNIX_EPOCH;
        let failure = vault.set("name", br#"{"value": hunter2}"#, now).unwrap_err();
        assert!(!failure.to_string().contains("hunter2"), "{failure}");
        assert!(matches!(vault.set("name", b"{}", now), Err(Failure::BadParameter(_))));
        assert!(matches!(vault.set("a_b", br#"{"value":""}"#, now), Err(Failure::BadParameter(_))));
    }
}
