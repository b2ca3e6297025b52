//! List Blobs.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>

use axum::http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::containers::service_endpoint;
use crate::lake::{
    Lake,
    continuation::{self, Turn},
    failure::Failure,
    name::PathName,
    namespace,
    reply::Reply,
    request::LakeRequest,
    stamp::Stamp,
    store::{BlobQuery, Entry, ListedBlob, Namespace},
    xml::XmlWriter,
};

pub(super) fn blobs(lake: &Lake, request: &LakeRequest, container: &str) -> Result<Reply, Failure> {
    let query = &request.query;
    let kind = lake.store.namespace(&request.account)?;
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    if kind == Namespace::Hierarchical && delimiter.is_some_and(|delimiter| delimiter != "/") {
        // With a hierarchical namespace nothing else delimits.
        return Err(Failure::query("delimiter", delimiter.unwrap_or_default()));
    }
    if let Some(shown) = query.get("showonly") {
        return Err(Failure::not_implemented(&["showonly=", shown].concat()));
    }
    let include = Include::of(query.get("include").unwrap_or_default())?;
    let has_empty_pages =
        namespace::account(lake, &request.account).is_some_and(|account| account.empty_pages);
    let turn = Turn::of(continuation::decode("marker", query.get("marker"))?, has_empty_pages);
    let blob_query = BlobQuery {
        prefix: query.get("prefix").unwrap_or_default().to_owned(),
        delimiter: delimiter.map(str::to_owned),
        position: turn.after.clone(),
        from: query.get("startfrom").filter(|from| !from.is_empty()).map(str::to_owned),
        limit: query.page_size("maxresults")?,
        uncommitted: include.uncommitted_blobs,
    };
    let page = lake.store.with_filesystem(&request.account, container, |filesystem| {
        Ok(filesystem.blobs(&blob_query))
    })?;
    let (items, next) = if turn.is_empty {
        (Vec::new(), turn.full_page())
    } else {
        let next = page.next.map(|next| continuation::encode(&next)).unwrap_or_default();
        (page.items, next)
    };

    let mut document = XmlWriter::new();
    let endpoint = service_endpoint(request);
    let attributes = [("ServiceEndpoint", endpoint.as_str()), ("ContainerName", container)];
    document.open_with("EnumerationResults", &attributes);
    for (parameter, element) in [
        ("prefix", "Prefix"),
        ("marker", "Marker"),
        ("startfrom", "StartFrom"),
        ("maxresults", "MaxResults"),
        ("delimiter", "Delimiter"),
    ] {
        if let Some(value) = query.get(parameter) {
            document.leaf(element, value);
        }
    }
    let now = lake.store.now();
    document.open("Blobs");
    for item in &items {
        match item {
            ListedBlob::Blob(path, entry) => {
                blob(&mut document, path, entry, &include, kind, now);
            }
            ListedBlob::Prefix(prefix) => {
                document.open("BlobPrefix");
                name(&mut document, prefix);
                document.close("BlobPrefix");
            }
            ListedBlob::Uncommitted(path) => uncommitted(&mut document, path),
        }
    }
    document.close("Blobs");
    document.leaf("NextMarker", &next);
    document.close("EnumerationResults");
    Ok(Reply::xml(StatusCode::OK, document))
}

/// What a listing is to tell beside names and properties.
#[derive(Debug, Default)]
struct Include {
    copy: bool,
    metadata: bool,
    permissions: bool,
    tags: bool,
    uncommitted_blobs: bool,
}

impl Include {
    /// What can be told of nothing here (snapshots, versions, holds) needs nothing said about it.
    fn of(text: &str) -> Result<Self, Failure> {
        let mut include = Self::default();
        for word in text.split(',').map(str::trim) {
            match word.to_ascii_lowercase().as_str() {
                "copy" => include.copy = true,
                "metadata" => include.metadata = true,
                "permissions" => include.permissions = true,
                "uncommittedblobs" => include.uncommitted_blobs = true,
                ""
                | "deleted"
                | "deletedwithversions"
                | "immutabilitypolicy"
                | "legalhold"
                | "snapshots"
                | "versions" => {}
                "tags" => include.tags = true,
                _ => return Err(Failure::query("include", word)),
            }
        }
        Ok(include)
    }
}

/// Writes the properties of an entry as a `Metadata` element.
pub(super) fn metadata(document: &mut XmlWriter, entry: &Entry) {
    document.open("Metadata");
    if entry.is_directory() {
        document.leaf("hdi_isfolder", "true");
    }
    for (name, value) in entry.properties.iter() {
        document.leaf(name, &value);
    }
    document.close("Metadata");
}

/// Writes what there is to say of an entry's lease.
pub(super) fn lease(document: &mut XmlWriter, entry: &Entry, now: Stamp) {
    let (status, state, duration) = entry.lease.words(now);
    document.leaf("LeaseStatus", status);
    document.leaf("LeaseState", state);
    if let Some(duration) = duration {
        document.leaf("LeaseDuration", duration);
    }
}

fn blob(
    document: &mut XmlWriter,
    path: &PathName,
    entry: &Entry,
    include: &Include,
    kind: Namespace,
    now: Stamp,
) {
    document.open("Blob");
    name(document, path.as_str());
    document.open("Properties");
    document.leaf("Creation-Time", &entry.created.http_date());
    document.leaf("Last-Modified", &entry.stamp.http_date());
    document.leaf("Etag", &entry.stamp.bare_etag());
    if kind == Namespace::Hierarchical {
        if include.permissions {
            document.leaf("Owner", &entry.access.owner);
            document.leaf("Group", &entry.access.group);
            document.leaf("Permissions", &entry.access.permissions());
        }
        document.leaf("ResourceType", if entry.is_directory() { "directory" } else { "file" });
    }
    document.leaf("Content-Length", &entry.length().to_string());
    if let Some(file) = entry.file() {
        for (name, value) in file.headers.listed() {
            document.leaf(name, value);
        }
    }
    document.leaf("BlobType", "BlockBlob");
    if !entry.is_directory() {
        document.leaf("AccessTier", "Hot");
        document.leaf("AccessTierInferred", "true");
    }
    lease(document, entry, now);
    if let Some(expires) = entry.expires {
        document.leaf("Expiry-Time", &expires.http_date());
    }
    if entry.tags.len() > 0 {
        document.leaf("TagCount", &entry.tags.len().to_string());
    }
    document.leaf("ServerEncrypted", "true");
    if let Some(copy) = entry.file().and_then(|file| file.copy.as_ref())
        && include.copy
    {
        let length = entry.length();
        document.leaf("CopyId", &copy.id);
        document.leaf("CopySource", &copy.source);
        document.leaf("CopyStatus", "success");
        document.leaf("CopyProgress", &format!("{length}/{length}"));
        document.leaf("CopyCompletionTime", &copy.completed.http_date());
    }
    document.close("Properties");
    if include.metadata {
        metadata(document, entry);
    }
    if include.tags && entry.tags.len() > 0 {
        entry.tags.write_to(document);
    }
    document.close("Blob");
}

/// A blob of which there are only blocks: it has no entity tag, and no length yet.
fn uncommitted(document: &mut XmlWriter, path: &PathName) {
    document.open("Blob");
    name(document, path.as_str());
    document.open("Properties");
    document.leaf("Content-Length", "0");
    document.leaf("BlobType", "BlockBlob");
    document.close("Properties");
    document.close("Blob");
}

/// A name with characters that XML does not allow is escaped, and says so.
fn name(document: &mut XmlWriter, text: &str) {
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        document.open_with("Name", &[("Encoded", "true")]);
        document.text(&utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
        document.close("Name");
    } else {
        document.leaf("Name", text);
    }
}
