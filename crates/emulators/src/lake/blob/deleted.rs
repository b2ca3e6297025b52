//! The listing of deleted paths: List Blobs with `showonly=deleted`.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::containers::service_endpoint;
use crate::lake::{
    Lake, continuation, failure::Failure, name::PathName, reply::Reply, request::LakeRequest,
    xml::XmlWriter,
};

pub(super) fn paths(lake: &Lake, request: &LakeRequest, container: &str) -> Result<Reply, Failure> {
    let query = &request.query;
    let prefix = query.get("prefix").unwrap_or_default();
    let delimiter = query.get("delimiter").filter(|delimiter| !delimiter.is_empty());
    if let Some(other) = delimiter.filter(|delimiter| *delimiter != "/") {
        return Err(Failure::query("delimiter", other));
    }
    let limit = query.page_size("maxresults")?;
    let marker = query.get("marker");
    let after = match continuation::decode("marker", marker)? {
        None => None,
        Some(text) => Some(
            text.rsplit_once('\u{1}')
                .and_then(|(key, id)| Some((key.to_owned(), id.parse().ok()?)))
                .ok_or_else(|| Failure::query("marker", marker.unwrap_or_default()))?,
        ),
    };
    let now = lake.store.now();
    let key_prefix = prefix.replace('/', "\0");

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
    document.open("Blobs");
    let next = lake.store.with_filesystem(&request.account, container, |filesystem| {
        let (mut count, mut last) = (0, None);
        let mut prefixes = BTreeSet::new();
        for (key, id, path) in filesystem.deleted.page(&key_prefix, after, now) {
            let below = delimiter.and_then(|_| key[key_prefix.len()..].split_once('\0'));
            if count == limit {
                return Ok(last);
            }
            last = Some(format!("{key}\u{1}{id}"));
            if let Some((directory, _)) = below {
                // Said once, whatever is below it.
                if prefixes.insert(directory.to_owned()) {
                    document.open("BlobPrefix");
                    document.leaf("Name", &[prefix, directory, "/"].concat());
                    document.close("BlobPrefix");
                    count += 1;
                }
                continue;
            }
            let Some(entry) = path.entry() else { continue };
            document.open("Blob");
            document.leaf("Name", PathName::from_sort_key(key).as_str());
            document.leaf("Deleted", "true");
            document.leaf("DeletionId", &id.to_string());
            document.open("Properties");
            document.leaf("Creation-Time", &entry.created.http_date());
            document.leaf("Last-Modified", &entry.stamp.http_date());
            document.leaf("Etag", &entry.stamp.bare_etag());
            document.leaf("Content-Length", &entry.length().to_string());
            document.leaf("BlobType", "BlockBlob");
            let kind = if entry.is_directory() { "directory" } else { "file" };
            document.leaf("ResourceType", kind);
            document.leaf("DeletedTime", &path.deleted.http_date());
            let days = path.ends.since(now).as_secs() / SECONDS_A_DAY;
            document.leaf("RemainingRetentionDays", &days.to_string());
            document.close("Properties");
            document.close("Blob");
            count += 1;
        }
        Ok(None)
    })?;
    document.close("Blobs");
    let next = next.map(|next| continuation::encode(&next)).unwrap_or_default();
    document.leaf("NextMarker", &next);
    document.close("EnumerationResults");
    Ok(Reply::xml(StatusCode::OK, document))
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;
