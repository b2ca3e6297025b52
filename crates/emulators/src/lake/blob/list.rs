//! List Blobs.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>

use axum::http::StatusCode;

use super::containers::service_endpoint;
use crate::lake::{
    Lake, continuation,
    failure::Failure,
    name::PathName,
    reply::Reply,
    request::LakeRequest,
    stamp::Stamp,
    store::{Entry, PageQuery},
    xml::XmlWriter,
};

pub(super) fn blobs(lake: &Lake, request: &LakeRequest, container: &str) -> Result<Reply, Failure> {
    let query = &request.query;
    let prefix = query.get("prefix").unwrap_or_default();
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    if delimiter.is_some_and(|delimiter| delimiter != "/") {
        // With a hierarchical namespace nothing else delimits.
        return Err(Failure::query("delimiter", delimiter.unwrap_or_default()));
    }
    let include = query.get("include").unwrap_or_default();
    if let Some(other) = include.split(',').find(|word| !matches!(*word, "" | "metadata")) {
        return Err(Failure::not_implemented(&["include=", other].concat()));
    }
    let page_query = PageQuery {
        key_prefix: prefix.replace('/', "\0"),
        recursive: delimiter.is_none(),
        after: continuation::decode("marker", query.get("marker"))?,
        limit: query.page_size("maxresults")?,
    };
    let page = lake.store.with_filesystem(&request.account, container, |filesystem| {
        Ok(filesystem.page(&page_query))
    })?;

    let mut document = XmlWriter::new();
    let endpoint = service_endpoint(request);
    let attributes = [("ServiceEndpoint", endpoint.as_str()), ("ContainerName", container)];
    document.open_with("EnumerationResults", &attributes);
    for (parameter, element) in [
        ("prefix", "Prefix"),
        ("marker", "Marker"),
        ("maxresults", "MaxResults"),
        ("delimiter", "Delimiter"),
    ] {
        if let Some(value) = query.get(parameter) {
            document.leaf(element, value);
        }
    }
    let now = lake.store.now();
    document.open("Blobs");
    for (path, entry) in &page.entries {
        if delimiter.is_some() && entry.is_directory() {
            document.open("BlobPrefix");
            document.leaf("Name", &[path.as_str(), "/"].concat());
            document.close("BlobPrefix");
        } else {
            blob(&mut document, path, entry, include.contains("metadata"), now);
        }
    }
    document.close("Blobs");
    let next = page.next_after.map(|after| continuation::encode(&after)).unwrap_or_default();
    document.leaf("NextMarker", &next);
    document.close("EnumerationResults");
    Ok(Reply::xml(StatusCode::OK, document))
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

fn blob(document: &mut XmlWriter, path: &PathName, entry: &Entry, with_metadata: bool, now: Stamp) {
    document.open("Blob");
    document.leaf("Name", path.as_str());
    document.open("Properties");
    document.leaf("Creation-Time", &entry.created.http_date());
    document.leaf("Last-Modified", &entry.stamp.http_date());
    document.leaf("Etag", &entry.stamp.bare_etag());
    document.leaf("Content-Length", &entry.length().to_string());
    if let Some(file) = entry.file() {
        for (name, value) in file.headers.listed() {
            document.leaf(name, value);
        }
    }
    document.leaf("BlobType", "BlockBlob");
    lease(document, entry, now);
    if let Some(expires) = entry.expires {
        document.leaf("Expiry-Time", &expires.http_date());
    }
    if entry.tags.len() > 0 {
        document.leaf("TagCount", &entry.tags.len().to_string());
    }
    document.leaf("ServerEncrypted", "true");
    document.leaf("ResourceType", if entry.is_directory() { "directory" } else { "file" });
    document.close("Properties");
    if with_metadata {
        metadata(document, entry);
    }
    document.close("Blob");
}
