//! The JSON of secrets and lists of them.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde::Serialize;

use super::{paging::Page, store::SecretVersion};

/// Scheme and host that ids begin with: the ones that the client used.
#[derive(Debug)]
pub(super) struct Base(String);

/// What a list is of, which decides about its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListOf {
    /// Ids without a version.
    Secrets,
    /// Ids with it.
    Versions,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Secret<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    id: String,
    attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a BTreeMap<String, String>>,
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
    recoverable_days: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    value: Vec<Secret<'a>>,
    next_link: Option<String>,
}

impl Base {
    pub(super) fn new(host: &str) -> Self {
        Self(["https://", host].concat())
    }

    fn id(&self, secret: &SecretVersion, list: ListOf) -> String {
        let id = [self.0.as_str(), "/secrets/", &secret.name].concat();
        match list {
            ListOf::Secrets => id,
            ListOf::Versions => [&id, "/", &secret.version].concat(),
        }
    }
}

/// A secret with its value.
pub(super) fn bundle(base: &Base, secret: &SecretVersion) -> Response {
    let mut bundle = properties(base, secret, ListOf::Versions);
    bundle.value = Some(secret.value.expose_secret());
    Json(bundle).into_response()
}

/// A page of secrets without their values. `path`: that of the request.
pub(super) fn list(base: &Base, path: &str, page: Page, list: ListOf) -> Response {
    let value = page.secrets.iter().map(|secret| properties(base, secret, list)).collect();
    let next_link = page.next_query.map(|query| [&base.0, path, "?", &query].concat());
    Json(List { value, next_link }).into_response()
}

fn properties<'a>(base: &Base, secret: &'a SecretVersion, list: ListOf) -> Secret<'a> {
    Secret {
        value: None,
        id: base.id(secret, list),
        attributes: Attributes {
            enabled: secret.enabled,
            nbf: secret.not_before,
            exp: secret.expires,
            created: secret.created,
            updated: secret.created,
            recovery_level: "Recoverable+Purgeable",
            recoverable_days: 90,
        },
        content_type: secret.content_type.as_deref(),
        tags: secret.tags.as_ref(),
    }
}
