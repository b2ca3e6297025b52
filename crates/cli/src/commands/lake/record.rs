//! Files and directories as they are printed.

use azconnect_lake::{LakeUrl, PathEntry, PathProperties, PathType};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use serde::Serialize;

use crate::printer::{Column, bytes};

/// A file or directory. Times are RFC 3339.
#[derive(Serialize)]
pub(super) struct PathRecord {
    /// Below the directory that is listed; a directory ends with a slash.
    pub(super) name: String,
    pub(super) url: String,
    #[serde(rename = "type")]
    pub(super) path_type: &'static str,
    pub(super) size: u64,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
}

impl PathRecord {
    /// A line of the listing of `directory`.
    pub(super) fn of_entry(entry: &PathEntry, directory: &LakeUrl) -> Self {
        let below = entry.path.relative_to(directory.path()).unwrap_or(entry.path.path());
        Self {
            name: named(below, entry.path_type),
            url: directory.with_path(entry.path.clone()).to_string(),
            path_type: word(entry.path_type),
            size: entry.size,
            etag: entry.etag.as_ref().map(ToString::to_string),
            last_modified: time(entry.last_modified),
            content_type: None,
        }
    }

    /// What is at `url`.
    pub(super) fn of_properties(properties: &PathProperties, url: &LakeUrl) -> Self {
        Self {
            name: named(properties.path.name().unwrap_or_default(), properties.path_type),
            url: url.to_string(),
            path_type: word(properties.path_type),
            size: properties.size,
            etag: Some(properties.etag.to_string()),
            last_modified: time(properties.last_modified),
            content_type: properties.content_type.clone(),
        }
    }
}

/// Columns of a listing.
pub(super) const LISTED: [Column<PathRecord>; 3] = [
    Column::number("size", |record| match record.path_type {
        DIRECTORY => "-".to_owned(),
        _ => bytes(record.size),
    }),
    Column::text("modified", |record| record.last_modified.clone().unwrap_or_default()),
    Column::text("name", |record| record.name.clone()),
];

/// Lines of one file's properties.
pub(super) const PROPERTIES: [Column<PathRecord>; 6] = [
    Column::text("url", |record| record.url.clone()),
    Column::text("type", |record| record.path_type.to_owned()),
    Column::text("size", |record| bytes(record.size)),
    Column::text("etag", |record| record.etag.clone().unwrap_or_default()),
    Column::text("modified", |record| record.last_modified.clone().unwrap_or_default()),
    Column::text("content type", |record| record.content_type.clone().unwrap_or_default()),
];

fn named(name: &str, path_type: PathType) -> String {
    match path_type {
        PathType::Directory => [name, "/"].concat(),
        PathType::File => name.to_owned(),
    }
}

fn word(path_type: PathType) -> &'static str {
    match path_type {
        PathType::Directory => DIRECTORY,
        PathType::File => "file",
    }
}

fn time(time: Option<OffsetDateTime>) -> Option<String> {
    time.as_ref().map(to_rfc3339)
}

const DIRECTORY: &str = "directory";
