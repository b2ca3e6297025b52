//! Secrets as the vault returns them: a value that does not show itself, and what is known about
//! it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::{ResourceExt, models};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    client::Task,
    error::{Error, Result},
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

/// Whether a value is meant to be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Since this time it is not.
    Expired(OffsetDateTime),
    /// From this time on it is.
    NotYetValid(OffsetDateTime),
    /// It is, or nobody has said when it is.
    Valid,
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

impl From<String> for SecretValue {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl From<SecretValue> for SecretString {
    fn from(value: SecretValue) -> Self {
        value.0
    }
}

impl Secret {
    /// A secret as a vault could give it.
    #[cfg(test)]
    pub(crate) fn of(name: &str, version: u128, value: &str) -> Self {
        use crate::operation::Operation;
        let mut model = models::Secret::default();
        model.id = Some(format!("https://kv.vault.azure.net/secrets/{name}/{version:032x}"));
        model.value = Some(value.to_owned());
        let task = Task { operation: Operation::GetSecret, resource: String::new() };
        Self::from_model(&task, model).unwrap()
    }

    /// Takes over what the official client read.
    pub(crate) fn from_model(task: &Task, mut model: models::Secret) -> Result<Self> {
        let value = model.value.take().map(SecretValue::new).ok_or_else(|| {
            Error::invalid_response(task.operation, &task.resource, "the answer has no value")
        })?;
        Ok(Self { value, properties: SecretProperties::from_secret(task, model)? })
    }
}

impl SecretProperties {
    /// Whether the value is meant to be used at this time. The vault itself does not care: it hands
    /// out an expired value like any other.
    pub fn validity(&self, now: OffsetDateTime) -> Validity {
        match (self.not_before, self.expires) {
            (_, Some(expires)) if expires <= now => Validity::Expired(expires),
            (Some(not_before), _) if now < not_before => Validity::NotYetValid(not_before),
            _ => Validity::Valid,
        }
    }

    /// Takes over what the official client read of a list.
    pub(crate) fn from_model(task: &Task, model: models::SecretProperties) -> Result<Self> {
        let id = Id::of(task, &model)?;
        Ok(Self::new(id, model.content_type, model.attributes, model.managed, model.tags))
    }

    /// Takes over all but the value.
    pub(crate) fn from_secret(task: &Task, model: models::Secret) -> Result<Self> {
        let id = Id::of(task, &model)?;
        drop(model.value.map(Zeroizing::new));
        Ok(Self::new(id, model.content_type, model.attributes, model.managed, model.tags))
    }

    /// Takes over what a deleted secret was, apart from its value.
    pub(crate) fn from_deleted(task: &Task, model: models::DeletedSecret) -> Result<Self> {
        let id = Id::of(task, &model)?;
        drop(model.value.map(Zeroizing::new));
        Ok(Self::new(id, model.content_type, model.attributes, model.managed, model.tags))
    }

    /// Takes over what an item of a list of deleted secrets was.
    pub(crate) fn from_deleted_properties(
        task: &Task,
        model: models::DeletedSecretProperties,
    ) -> Result<Self> {
        let id = Id::of(task, &model)?;
        Ok(Self::new(id, model.content_type, model.attributes, model.managed, model.tags))
    }

    fn new(
        id: Id,
        content_type: Option<String>,
        attributes: Option<models::SecretAttributes>,
        managed: Option<bool>,
        tags: Option<HashMap<String, String>>,
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
            tags: tags.unwrap_or_default().into_iter().collect(),
        }
    }
}

struct Id {
    text: String,
    name: SecretName,
    version: Option<SecretVersion>,
}

impl Id {
    fn of(task: &Task, model: &impl ResourceExt) -> Result<Self> {
        let unreadable = || {
            let why = "the answer has an id that is no secret's";
            Error::invalid_response(task.operation, &task.resource, why)
        };
        let id = model.resource_id().map_err(|_| unreadable())?;
        let name = SecretName::new(id.name).map_err(|_| unreadable())?;
        let version = id.version.map(SecretVersion::new).transpose().map_err(|_| unreadable())?;
        Ok(Self { text: id.source_id, name, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::Operation;

    #[test]
    fn a_value_does_not_show_itself() {
        let value = SecretValue::new("hunter2".to_owned());
        assert_eq!(format!("{value:?}"), "SecretValue([REDACTED])");
        assert_eq!(value.expose_secret(), "hunter2");
    }

    #[test]
    fn validity_follows_both_times() {
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap();
        let check = |not_before: Option<i64>, expires: Option<i64>, expected| {
            let mut model = models::SecretProperties::default();
            model.id = Some("https://kv.vault.azure.net/secrets/db".to_owned());
            model.attributes = Some(models::SecretAttributes {
                not_before: not_before.map(at),
                expires: expires.map(at),
                ..models::SecretAttributes::default()
            });
            let task = Task { operation: Operation::ListSecrets, resource: String::new() };
            let properties = SecretProperties::from_model(&task, model).unwrap();
            assert_eq!(properties.validity(at(100)), expected, "{not_before:?} {expires:?}");
        };
        check(None, None, Validity::Valid);
        check(Some(100), Some(101), Validity::Valid);
        check(None, Some(100), Validity::Expired(at(100)));
        check(Some(101), None, Validity::NotYetValid(at(101)));
        check(Some(150), Some(50), Validity::Expired(at(50)));
    }
}
