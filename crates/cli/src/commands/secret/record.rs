//! A secret as it is printed.

use std::collections::BTreeMap;

use azconnect_keyvault::{SecretProperties, Validity};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use serde::Serialize;

use crate::{
    failure::Failure,
    printer::{Column, Printer},
};

/// A secret without its value. Times are RFC 3339.
#[derive(Serialize)]
pub(super) struct PropertiesRecord {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) id: String,
    /// Whether the value can be read and is meant to be used now: `enabled`, `disabled`, `expired` or
    /// `not yet valid`.
    pub(super) state: &'static str,
    pub(super) enabled: bool,
    pub(super) content_type: Option<String>,
    pub(super) created: Option<String>,
    pub(super) updated: Option<String>,
    pub(super) not_before: Option<String>,
    pub(super) expires: Option<String>,
    pub(super) managed: bool,
    pub(super) tags: BTreeMap<String, String>,
}

impl PropertiesRecord {
    /// Prints the secret that a command has changed.
    pub(super) fn print(&self, printer: Printer) -> Result<(), Failure> {
        printer.record(self, &COLUMNS)
    }
}

impl From<SecretProperties> for PropertiesRecord {
    fn from(properties: SecretProperties) -> Self {
        let time = |time: Option<OffsetDateTime>| time.map(|time| to_rfc3339(&time));
        let state = match properties.validity(OffsetDateTime::now_utc()) {
            _ if !properties.enabled => "disabled",
            Validity::Expired(_) => "expired",
            Validity::NotYetValid(_) => "not yet valid",
            Validity::Valid => "enabled",
        };
        Self {
            name: properties.name.to_string(),
            version: properties.version.map(|version| version.to_string()),
            id: properties.id,
            state,
            enabled: properties.enabled,
            content_type: properties.content_type,
            created: time(properties.created),
            updated: time(properties.updated),
            not_before: time(properties.not_before),
            expires: time(properties.expires),
            managed: properties.managed,
            tags: properties.tags,
        }
    }
}

const COLUMNS: [Column<PropertiesRecord>; 7] = [
    Column::text("NAME", |one| one.name.clone()),
    Column::text("VERSION", |one| one.version.clone().unwrap_or_default()),
    Column::text("STATE", |one| one.state.to_owned()),
    Column::text("UPDATED", |one| one.updated.clone().unwrap_or_default()),
    Column::text("NOT BEFORE", |one| one.not_before.clone().unwrap_or_default()),
    Column::text("EXPIRES", |one| one.expires.clone().unwrap_or_default()),
    Column::text("CONTENT TYPE", |one| one.content_type.clone().unwrap_or_default()),
];
