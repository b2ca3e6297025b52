//! Setting secrets, and changing what is known about them.

use std::{collections::BTreeMap, fmt};

use azure_core::{http::RequestContent, time::OffsetDateTime};
use azure_security_keyvault_secrets::models::{
    self, SecretAttributes, SecretClientUpdateSecretPropertiesOptions, SetSecretParameters,
    UpdateSecretPropertiesParameters,
};
use secrecy::{ExposeSecret, SecretString};

use super::VaultClient;
use crate::{
    access::Proof,
    error::{Error, Result},
    name::{SecretName, SecretVersion},
    operation::Operation,
    secret::SecretProperties,
};

/// A new version of a secret: its value, and what is to be known about it.
///
/// The vault takes values of up to 25 KiB and up to 15 tags.
#[derive(Debug, Clone)]
pub struct SetSecret {
    value: SecretString,
    properties: SecretUpdate,
}

/// What is to change about a version of a secret. Whatever is not set stays as it is.
///
/// The service has no way to take an expiry or a not-before away: set another version for that.
#[derive(Clone, Default)]
pub struct SecretUpdate {
    content_type: Option<String>,
    enabled: Option<bool>,
    expires: Option<OffsetDateTime>,
    not_before: Option<OffsetDateTime>,
    tags: Option<BTreeMap<String, String>>,
}

impl VaultClient {
    /// Adds a version to a secret, and the secret if there is none.
    ///
    /// Waits up to a minute while a secret of that name is being purged or recovered. Returns what
    /// the vault knows of the new version.
    ///
    /// # Errors
    /// - `Deleted`: there is a deleted secret of that name: recover or purge it.
    /// - `InvalidInput`: the value is too long, or another limit of the vault is passed.
    /// - `PermissionDenied`: the caller lacks `Key Vault Secrets Officer` or the permission `Set`.
    /// - `Conflict`: the secret is the private key of a certificate; or the name is not free yet.
    /// - `Connect`, `Timeout`, `Unavailable`: the answer was lost, so that the version may be there.
    /// - All others of [`VaultClient::secret`].
    ///
    /// # Cancel safety
    /// Not safe: the version may be there or not. Setting it again adds one more.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret>
    pub async fn set_secret(
        &self,
        name: &SecretName,
        secret: SetSecret,
    ) -> Result<SecretProperties> {
        let task = self.task(Operation::SetSecret, name, None);
        let SecretUpdate { content_type, tags, .. } = secret.properties.clone();
        let content: RequestContent<SetSecretParameters> = SetSecretParameters {
            content_type,
            secret_attributes: secret.properties.attributes(),
            tags: tags.map(|tags| tags.into_iter().collect()),
            value: Some(secret.value.expose_secret().to_owned()),
        }
        .try_into()
        .map_err(|source| self.failed(&task, source))?;
        let set = || self.official().set_secret(name.as_str(), content.clone(), None);
        let model: models::Secret =
            self.out_of_limbo(|| self.call(&task, Proof::Once, set)).await?;
        SecretProperties::from_secret(&task, model)
    }

    /// Changes what is known about a version of a secret; `None` stands for the latest.
    ///
    /// # Errors
    /// As [`VaultClient::set_secret`], and `NotFound`.
    ///
    /// # Cancel safety
    /// Safe to repeat: the same update twice leaves the same properties.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/update-secret/update-secret>
    pub async fn update_secret(
        &self,
        name: &SecretName,
        version: Option<&SecretVersion>,
        update: SecretUpdate,
    ) -> Result<SecretProperties> {
        let task = self.task(Operation::UpdateSecret, name, version);
        if update.is_empty() {
            return Err(Error::invalid_input("the update changes nothing"));
        }
        let content: RequestContent<UpdateSecretPropertiesParameters> =
            UpdateSecretPropertiesParameters {
                secret_attributes: update.attributes(),
                content_type: update.content_type,
                tags: update.tags.map(|tags| tags.into_iter().collect()),
            }
            .try_into()
            .map_err(|source| self.failed(&task, source))?;
        let model: models::Secret = self
            .call(&task, Proof::Once, || {
                let options = SecretClientUpdateSecretPropertiesOptions {
                    secret_version: version.map(|version| version.as_str().to_owned()),
                    ..SecretClientUpdateSecretPropertiesOptions::default()
                };
                let content = content.clone();
                self.official().update_secret_properties(name.as_str(), content, Some(options))
            })
            .await?;
        SecretProperties::from_secret(&task, model)
    }
}

impl SetSecret {
    /// A version with this value, enabled and without end.
    pub fn new(value: impl Into<SecretString>) -> Self {
        Self { value: value.into(), properties: SecretUpdate::default() }
    }

    /// Says what is to be known about it.
    #[must_use]
    pub fn with_properties(mut self, properties: SecretUpdate) -> Self {
        self.properties = properties;
        self
    }
}

impl SecretUpdate {
    /// Changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the value is, in your own words: `text/plain`, say. Up to 255 characters.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Whether the value can be read.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// Until when the value is meant to be used; fractions of a second are cut off. The vault hands
    /// it out later as well.
    #[must_use]
    pub fn with_expires(mut self, expires: OffsetDateTime) -> Self {
        self.expires = Some(expires);
        self
    }

    /// From when on the value is meant to be used; fractions of a second are cut off.
    #[must_use]
    pub fn with_not_before(mut self, not_before: OffsetDateTime) -> Self {
        self.not_before = Some(not_before);
        self
    }

    /// All tags, in place of those it has.
    #[must_use]
    pub fn with_tags(mut self, tags: impl IntoIterator<Item = (String, String)>) -> Self {
        self.tags = Some(tags.into_iter().collect());
        self
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        let Self { content_type, enabled, expires, not_before, tags } = self;
        content_type.is_none()
            && enabled.is_none()
            && expires.is_none()
            && not_before.is_none()
            && tags.is_none()
    }

    fn attributes(&self) -> Option<SecretAttributes> {
        let attributes = SecretAttributes {
            enabled: self.enabled,
            expires: self.expires,
            not_before: self.not_before,
            ..SecretAttributes::default()
        };
        let is_set = self.enabled.is_some() || self.expires.is_some() || self.not_before.is_some();
        is_set.then_some(attributes)
    }
}

impl fmt::Debug for SecretUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tags are no place for secrets, and people put them there.
        let tags = self.tags.as_ref().map(|tags| tags.keys().collect::<Vec<_>>());
        f.debug_struct("SecretUpdate")
            .field("content_type", &self.content_type)
            .field("enabled", &self.enabled)
            .field("expires", &self.expires)
            .field("not_before", &self.not_before)
            .field("tags", &tags)
            .finish()
    }
}
