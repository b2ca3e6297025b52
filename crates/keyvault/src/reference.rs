//! The ways to write down which secret is meant.

use std::{fmt, str::FromStr};

use azure_core::http::Url;

use crate::{
    error::{Error, Result},
    name::{SecretName, SecretVersion, VaultName},
};

/// One secret of one vault, and perhaps one version of it.
///
/// Reads three spellings:
/// - `akv://vault/secret[/version]`
/// - the secret's id, `https://vault.vault.azure.net/secrets/secret[/version]`
/// - App Service's `@Microsoft.KeyVault(SecretUri=…)` and
///   `@Microsoft.KeyVault(VaultName=…;SecretName=…[;SecretVersion=…])`
///
/// ```
/// use azconnect_keyvault::SecretReference;
///
/// let reference: SecretReference = "akv://kv-demo/db-password".parse()?;
/// assert_eq!(reference.name().as_str(), "db-password");
/// assert_eq!(reference.version(), None);
/// # Ok::<(), azconnect_keyvault::Error>(())
/// ```
///
/// Spec: <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references>
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SecretReference {
    vault: Vault,
    name: SecretName,
    version: Option<SecretVersion>,
}

/// The vault of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vault {
    /// By name: which host that is depends on the cloud.
    Name(VaultName),
    /// By URL, without path and query.
    Url(Url),
}

impl SecretReference {
    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The secret.
    pub fn name(&self) -> &SecretName {
        &self.name
    }

    /// The version; `None` stands for the latest.
    pub fn version(&self) -> Option<&SecretVersion> {
        self.version.as_ref()
    }
}

impl FromStr for SecretReference {
    type Err = Error;

    /// # Errors
    /// - `InvalidInput`: the text has none of the three spellings, or a name in it is wrong.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(path) = text.strip_prefix("akv://") {
            return akv(path);
        }
        if text.starts_with("https://") {
            return secret_id(text);
        }
        let app_service =
            text.strip_prefix("@Microsoft.KeyVault(").and_then(|rest| rest.strip_suffix(')'));
        match app_service {
            Some(settings) => app_service_reference(settings),
            None => Err(unknown_spelling()),
        }
    }
}

impl fmt::Display for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => fmt::Display::fmt(name, f),
            Self::Url(url) => fmt::Display::fmt(url, f),
        }
    }
}

fn akv(path: &str) -> Result<SecretReference> {
    let segments: Vec<&str> = path.split('/').collect();
    let (vault, name, version) = match segments.as_slice() {
        [vault, name] => (vault, name, None),
        [vault, name, version] => (vault, name, Some(version)),
        _ => return Err(unknown_spelling()),
    };
    Ok(SecretReference {
        vault: Vault::Name(vault.parse()?),
        name: name.parse()?,
        version: version.map(|version| version.parse()).transpose()?,
    })
}

fn secret_id(text: &str) -> Result<SecretReference> {
    let mut url = Url::parse(text)
        .map_err(|source| Error::invalid_input("the id of a secret is no URL").caused_by(source))?;
    let path = url.path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let (name, version) = match segments.as_slice() {
        ["secrets", name] => (name, None),
        ["secrets", name, version] => (name, Some(version)),
        _ => return Err(unknown_spelling()),
    };
    let extra = url.scheme() != "https"
        || !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if extra {
        return Err(unknown_spelling());
    }
    url.set_path("");
    Ok(SecretReference {
        vault: Vault::Url(url),
        name: name.parse()?,
        version: version.map(|version| version.parse()).transpose()?,
    })
}

fn app_service_reference(settings: &str) -> Result<SecretReference> {
    let (mut vault, mut name, mut version) = (None, None, None);
    for setting in settings.split(';') {
        let (key, value) = setting.split_once('=').ok_or_else(unknown_spelling)?;
        match key.trim() {
            "SecretUri" if settings.split(';').count() == 1 => return secret_id(value.trim()),
            "VaultName" => vault = Some(value.trim()),
            "SecretName" => name = Some(value.trim()),
            "SecretVersion" => version = Some(value.trim()),
            _ => return Err(unknown_spelling()),
        }
    }
    let (Some(vault), Some(name)) = (vault, name) else { return Err(unknown_spelling()) };
    Ok(SecretReference {
        vault: Vault::Name(vault.parse()?),
        name: name.parse()?,
        version: version.filter(|version| !version.is_empty()).map(str::parse).transpose()?,
    })
}

fn unknown_spelling() -> Error {
    // The text itself stays out: somebody may have pasted a secret's value here.
    Error::invalid_input("this is no reference to a secret").with_hint(
        "write `akv://vault/secret`, `akv://vault/secret/version`, or the secret's https id",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    #[track_caller]
    fn check(text: &str, vault: &str, name: &str, version: Option<&str>) {
        let reference: SecretReference = text.parse().unwrap();
        assert_eq!(reference.vault().to_string(), vault, "{text}");
        assert_eq!(reference.name().as_str(), name, "{text}");
        assert_eq!(reference.version().map(SecretVersion::as_str), version, "{text}");
    }

    #[test]
    fn all_spellings_are_read() {
        let v = VERSION;
        check("akv://kv-demo/db", "kv-demo", "db", None);
        check(&format!("akv://kv-demo/db/{v}"), "kv-demo", "db", Some(v));
        let url = "https://kv-demo.vault.azure.net/";
        check("https://kv-demo.vault.azure.net/secrets/db", url, "db", None);
        check("https://kv-demo.vault.azure.net/secrets/db/", url, "db", None);
        check(&format!("{url}secrets/db/{v}"), url, "db", Some(v));
        check(&format!("@Microsoft.KeyVault(SecretUri={url}secrets/db/)"), url, "db", None);
        check("@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db)", "kv-demo", "db", None);
        check(
            &format!("@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db;SecretVersion={v})"),
            "kv-demo",
            "db",
            Some(v),
        );
    }

    #[test]
    fn anything_else_is_refused_without_quoting_it() {
        for text in [
            "",
            "hunter2",
            "akv://",
            "akv://kv-demo",
            "akv://kv-demo/",
            "akv://kv-demo/db/latest",
            "akv://kv-demo/db/0123456789abcdef0123456789abcdef/more",
            "akv://kv.evil.example/db",
            "http://kv-demo.vault.azure.net/secrets/db",
            "https://kv-demo.vault.azure.net/keys/db",
            "https://user:hunter2@kv-demo.vault.azure.net/secrets/db",
            "https://kv-demo.vault.azure.net/secrets/db?sig=hunter2",
            "@Microsoft.KeyVault(SecretUri=http://kv-demo.vault.azure.net/secrets/db)",
            "@Microsoft.KeyVault(VaultName=kv-demo)",
            "@Microsoft.KeyVault(SecretUri=https://kv-demo.vault.azure.net/secrets/db;X=1)",
        ] {
            let error = text.parse::<SecretReference>().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput, "{text}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
