//! Names that are right once they exist, so that none of them can change a URL that it is put in.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result};

/// The name of a secret: 1 to 127 ASCII letters, digits and hyphens. Key Vault compares names
/// without case.
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates>
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName(String);

/// The id of one version of a secret: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretVersion(String);

/// The name of a vault, which is the first label of its host name: 3 to 24 ASCII letters, digits
/// and hyphens, beginning with a letter, ending with a letter or digit, no two hyphens in a row.
/// Kept in lower case.
///
/// Spec: <https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftkeyvault>
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VaultName(String);

impl SecretName {
    /// Checks a name.
    ///
    /// # Errors
    /// - `InvalidInput`: it is empty, too long, or has other characters.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=127).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(name));
        }
        Err(Error::invalid_input(format!(
            "\"{}\" is no name of a secret: 1 to 127 letters, digits and hyphens",
            name.escape_debug()
        )))
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one spelling that names which are the same to the vault have in common.
    pub(crate) fn to_lower_case(&self) -> Self {
        Self(self.0.to_ascii_lowercase())
    }
}

impl SecretVersion {
    /// Checks a version.
    ///
    /// # Errors
    /// - `InvalidInput`: it does not have 32 hexadecimal digits.
    pub fn new(version: impl Into<String>) -> Result<Self> {
        let version = version.into();
        if version.len() == 32 && version.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(version));
        }
        Err(Error::invalid_input(format!(
            "\"{}\" is no version of a secret: 32 hexadecimal digits",
            version.escape_debug()
        )))
    }

    /// The version as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same version: digits compare without case.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl VaultName {
    /// Checks a name.
    ///
    /// # Errors
    /// - `InvalidInput`: its length or its characters are not those of a vault's name.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        let bytes = name.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let right = (3..=24).contains(&bytes.len())
            && bytes.iter().all(allowed)
            && bytes.first().is_some_and(u8::is_ascii_alphabetic)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
            && !name.contains("--");
        if right {
            return Ok(Self(name.to_ascii_lowercase()));
        }
        Err(Error::invalid_input(format!(
            "\"{}\" is no name of a vault: 3 to 24 letters, digits and single hyphens, the first a \
             letter",
            name.escape_debug()
        )))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text {
    ($($name:ident),+) => {
        $(
            impl fmt::Display for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(&self.0)
                }
            }

            impl FromStr for $name {
                type Err = Error;

                fn from_str(text: &str) -> Result<Self> {
                    Self::new(text)
                }
            }
        )+
    };
}

text!(SecretName, SecretVersion, VaultName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_names_have_letters_digits_and_hyphens() {
        let long = "a".repeat(127);
        for name in ["a", "db-password", "0", "A-1", &long] {
            assert_eq!(SecretName::new(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(128);
        for name in ["", "a_b", "a/b", "a?b", "ä", "..", &too_long] {
            assert!(SecretName::new(name).is_err(), "{name}");
        }
    }

    #[test]
    fn versions_have_32_hexadecimal_digits() {
        SecretVersion::new("0123456789abcdef0123456789ABCDEF").unwrap();
        for version in [
            "",
            "latest",
            "0123456789abcdef0123456789abcde",
            "../..",
            "g123456789abcdef0123456789abcdef",
        ] {
            assert!(SecretVersion::new(version).is_err(), "{version}");
        }
    }

    #[test]
    fn vault_names_are_labels_of_hosts() {
        for (name, kept) in [("kv-demo", "kv-demo"), ("KvDemo1", "kvdemo1"), ("abc", "abc")] {
            assert_eq!(VaultName::new(name).unwrap().as_str(), kept);
        }
        let too_long = "a".repeat(25);
        for name in ["", "ab", "1kv", "kv-", "-kv", "kv--demo", "kv.evil", "kv@evil", &too_long] {
            assert!(VaultName::new(name).is_err(), "{name}");
        }
    }
}
