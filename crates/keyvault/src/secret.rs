//! Secrets as the vault returns them: a value that does not show itself, and what is known about
//! it.

use std::{collections::BTreeMap, fmt};

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::{ResourceExt, models};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Operation, Result},
    name::{SecretName, SecretVersion},
};

/// The value of a secret: not shown by `Debug`, no `Display`, wiped when dropped.
///
/// What the HTTP stack kept of the answer while it was read is beyond this type's reach.
#[derive(Clone)]
pub struct SecretValue(SecretString);

/// A secret: its value and its properties.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Secret {
    /// The value.
    pub value: SecretValue,
    /// Everything else.
    pub properties: SecretProperties,
}

/// What is known about a secret, or about one version of it, beside its value. Times are in UTC
/// with whole seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretProperties {
    /// The name, spelled as when it was first set.
    pub name: SecretName,
    /// The version; `None` in a list of secrets, which is not one of versions.
    pub version: Option<SecretVersion>,
    /// The whole id, an https URL.
    pub id: String,
    /// What the value is, in the words of whoever set it: `application/x-pkcs12` is base64 of a
    /// PFX, say.
    pub content_type: Option<String>,
    /// Whether the value can be read.
    pub enabled: bool,
    /// When this version was set.
    pub created: Option<OffsetDateTime>,
    /// When these properties changed last.
    pub updated: Option<OffsetDateTime>,
    /// From when on the value is meant to be used. The vault hands it out earlier as well.
    pub not_before: Option<OffsetDateTime>,
    /// Until when the value is meant to be used. The vault hands it out later as well.
    pub expires: Option<OffsetDateTime>,
    /// Whether it is the private key of a certificate that the vault manages.
    pub managed: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl SecretValue {
    pub(crate) fn new(value: String) -> Self {
        // A `String` can be longer inside than it is: turned into the boxed `str` as it is, it
        // could leave a copy of the value behind.
        let value = Zeroizing::new(value);
        Self(SecretString::from(value.as_str()))
    }

    /// The value, to be shown to whoever it is for.
    pub fn expose_secret(&self) -> &str {
        self.0.expose_secret()
    }

    /// The value as the type that other crates take.
    pub fn into_secret_string(self) -> SecretString {
        self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue([REDACTED])")
    }
}

impl From<SecretValue> for SecretString {
    fn from(value: SecretValue) -> Self {
        value.0
    }
}

impl Secret {
    /// Takes over what the official client read.
    pub(crate) fn from_model(
        operation: Operation,
        resource: &str,
        mut model: models::Secret,
    ) -> Result<Self> {
        let value = model.value.take().map(SecretValue::new).ok_or_else(|| {
            Error::invalid_response(operation, resource, "the answer has no value")
        })?;
        let id = Id::of(operation, resource, &model)?;
        let properties = SecretProperties::new(
            id,
            model.content_type,
            model.attributes,
            model.managed,
            model.tags.unwrap_or_default().into_iter().collect(),
        );
        Ok(Self { value, properties })
    }
}

impl SecretProperties {
    /// Takes over what the official client read.
    pub(crate) fn from_model(
        operation: Operation,
        resource: &str,
        model: models::SecretProperties,
    ) -> Result<Self> {
        let id = Id::of(operation, resource, &model)?;
        Ok(Self::new(
            id,
            model.content_type,
            model.attributes,
            model.managed,
            model.tags.unwrap_or_default().into_iter().collect(),
        ))
    }

    fn new(
        id: Id,
        content_type: Option<String>,
        attributes: Option<models::SecretAttributes>,
        managed: Option<bool>,
        tags: BTreeMap<String, String>,
    ) -> Self {
        let attributes = attributes.unwrap_or_default();
        Self {
            name: id.name,
            version: id.version,
            id: id.text,
            content_type,
            enabled: attributes.enabled.unwrap_or(true),
            created: attributes.created,
            updated: attributes.updated,
            not_before: attributes.not_before,
            expires: attributes.expires,
            managed: managed.unwrap_or(false),
            tags,
        }
    }
}

struct Id {
    text: String,
    name: SecretName,
    version: Option<SecretVersion>,
}

impl Id {
    fn of(operation: Operation, resource: &str, model: &impl ResourceExt) -> Result<Self> {
        let unreadable = || {
            Error::invalid_response(operation, resource, "the answer has an id that is no secret's")
        };
        let id = model.resource_id().map_err(|source| unreadable().caused_by(source))?;
        let name = SecretName::new(id.name).map_err(|source| unreadable().caused_by(source))?;
        let version = id.version.map(SecretVersion::new).transpose();
        let version = version.map_err(|source| unreadable().caused_by(source))?;
        Ok(Self { text: id.source_id, name, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_does_not_show_itself() {
        let value = SecretValue::new("hunter2".to_owned());
        assert_eq!(format!("{value:?}"), "SecretValue([REDACTED])");
        assert_eq!(value.expose_secret(), "hunter2");
    }
}
