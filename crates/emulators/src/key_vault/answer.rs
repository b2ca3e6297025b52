//! The JSON of secrets, of deleted ones, and of lists of them.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;

use super::{
    body,
    paging::Page,
    soft_delete::DeletedSecret,
    stage::{Deletion, DeletionPolicy},
    store::{SecretVersion, Vault},
};

/// Scheme and host that ids begin with, the ones that the client used, and what the vault says
/// about the end of its secrets.
#[derive(Debug)]
pub(super) struct Base {
    origin: String,
    policy: DeletionPolicy,
}

/// Whether the id of a secret ends with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum IdOf {
    Secret,
    Version,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    managed: Option<bool>,
    attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(flatten)]
    deletion: Option<DeletionJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeletionJson {
    recovery_id: String,
    deleted_date: i64,
    scheduled_purge_date: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    created: i64,
    updated: i64,
    recovery_level: &'static str,
    recoverable_days: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    value: Vec<Secret<'a>>,
    next_link: Option<String>,
}

impl Base {
    pub(super) fn new(host: &str, vault: &Vault) -> Self {
        Self { origin: ["https://", host].concat(), policy: vault.policy }
    }

    fn id(&self, secret: &SecretVersion, of: IdOf) -> String {
        let id = self.path(&["/secrets/", secret.name.as_str()]);
        match of {
            IdOf::Secret => id,
            IdOf::Version => [&id, "/", &secret.version].concat(),
        }
    }

    fn path(&self, parts: &[&str]) -> String {
        [self.origin.as_str(), &parts.concat()].concat()
    }

    fn next_link(&self, path: &str, query: Option<&str>) -> Option<String> {
        query.map(|query| self.path(&[path, "?", query]))
    }

    fn deletion(&self, secret: &SecretVersion, deletion: Deletion) -> DeletionJson {
        DeletionJson {
            recovery_id: self.path(&["/deletedsecrets/", secret.name.as_str()]),
            deleted_date: deletion.deleted.unix_timestamp(),
            scheduled_purge_date: deletion.scheduled_purge.unix_timestamp(),
        }
    }

    fn secret<'a>(&self, secret: &'a SecretVersion, of: IdOf) -> Secret<'a> {
        Secret {
            value: None,
            content_type: secret.content_type.as_deref(),
            id: self.id(secret, of),
            managed: secret.managed.as_ref().map(|_| true),
            attributes: Attributes {
                enabled: secret.enabled,
                nbf: secret.not_before,
                exp: secret.expires,
                created: secret.created,
                updated: secret.updated,
                recovery_level: self.policy.recovery_level(),
                recoverable_days: self.policy.retention_days,
            },
            tags: secret.tags.as_ref(),
            kid: None,
            deletion: None,
        }
    }

    /// A version with the id of its key, if a certificate stands behind it, and without its value.
    fn bundle<'a>(&self, secret: &'a SecretVersion) -> Secret<'a> {
        let kid = secret
            .managed
            .as_ref()
            .map(|_| self.path(&["/keys/", secret.name.as_str(), "/", &secret.version]));
        Secret { kid, ..self.secret(secret, IdOf::Version) }
    }
}

/// A secret with its value.
pub(super) fn with_value(base: &Base, secret: &SecretVersion) -> Response {
    let value = Some(secret.value.expose_secret());
    Json(Secret { value, ..base.bundle(secret) }).into_response()
}

/// A secret whose value is not given: after an update, a recovery or a restore.
pub(super) fn without_value(base: &Base, secret: &SecretVersion) -> Response {
    Json(base.bundle(secret)).into_response()
}

/// A deleted secret.
pub(super) fn deleted(base: &Base, deleted: &DeletedSecret) -> Response {
    let DeletedSecret { secret, deletion } = deleted;
    let deletion = Some(base.deletion(secret, *deletion));
    Json(Secret { deletion, ..base.bundle(secret) }).into_response()
}

/// A page of secrets. `path`: that of the request.
pub(super) fn secrets(base: &Base, path: &str, page: &Page<SecretVersion>) -> Response {
    list(base, path, page, |secret| base.secret(secret, IdOf::Secret))
}

/// A page of one secret's versions.
pub(super) fn versions(base: &Base, path: &str, page: &Page<SecretVersion>) -> Response {
    list(base, path, page, |secret| base.secret(secret, IdOf::Version))
}

/// A page of deleted secrets.
pub(super) fn all_deleted(base: &Base, path: &str, page: &Page<DeletedSecret>) -> Response {
    list(base, path, page, |DeletedSecret { secret, deletion }| {
        let deletion = Some(base.deletion(secret, *deletion));
        Secret { deletion, ..base.secret(secret, IdOf::Secret) }
    })
}

/// A backup.
pub(super) fn backup(blob: &[u8]) -> Response {
    Json(json!({"value": body::encode_blob(blob)})).into_response()
}

fn list<'a, T>(
    base: &Base,
    path: &str,
    page: &'a Page<T>,
    item: impl Fn(&'a T) -> Secret<'a>,
) -> Response {
    let next_link = base.next_link(path, page.next_query.as_deref());
    Json(List { value: page.items.iter().map(item).collect(), next_link }).into_response()
}
