//! Reading a path, which both endpoints do alike but for the names of some headers.

use std::sync::Arc;

use axum::http::StatusCode;

use super::{
    Lake, body,
    conditions::Conditions,
    digest::Digester,
    failure::{Code, Failure},
    range::{ByteRange, RequestedRange},
    reply::Reply,
    request::{Api, LakeRequest},
    stamp::Stamp,
    store::{Entry, Place},
};

/// Answers GET: the file, or a range of it.
pub(super) async fn get(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let requested = RequestedRange::of(request)?;
    let ranged_digest = ranged_digest(request)?;
    let now = lake.store.now();
    let opened = {
        let lake = Arc::clone(lake);
        body::blocking(move || {
            let now = lake.store.now();
            lake.store.open_file(&place, |entry| {
                conditions.check_read(entry.stamp)?;
                conditions.check_read_lease(entry, now)
            })
        })
    };
    let (entry, file) = opened.await?;
    let length = entry.length();
    let Some(file) = file else {
        return match request.api {
            // A directory is an empty blob to the blob endpoint.
            Api::Blob => Ok(describe(Reply::empty(StatusCode::OK), request, &entry, false, now)),
            Api::Dfs => Err(Failure::new(Code::ResourceTypeMismatch)),
        };
    };
    let range = match requested {
        Some(requested) => requested.within(length)?,
        None => ByteRange { offset: 0, length },
    };
    let is_partial = requested.is_some();
    let status = if is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let cut_after = lake.state.faults.take_lake_cut();
    let mut reply = match ranged_digest.filter(|_| is_partial) {
        None => Reply::streamed(status, range.length, body::send(file, range, cut_after)),
        Some(digester) => digested(status, file, range, digester).await?,
    };
    if is_partial {
        reply = reply.with("content-range", &range.content_range(length));
    }
    Ok(describe(reply, request, &entry, is_partial, now))
}

/// Answers HEAD: everything about a path but its bytes.
pub(super) fn head(lake: &Lake, request: &LakeRequest, place: &Place) -> Result<Reply, Failure> {
    let entry = lake.store.entry(place)?;
    let conditions = Conditions::of(request)?;
    let now = lake.store.now();
    conditions.check_read(entry.stamp)?;
    conditions.check_read_lease(&entry, now)?;
    let reply = Reply::empty(StatusCode::OK).with("content-length", &entry.length().to_string());
    Ok(describe(reply, request, &entry, false, now))
}

/// The headers of an answer to a write: the new entity tag, and that data is encrypted.
pub(super) fn written(status: StatusCode, entry: &Entry) -> Reply {
    Reply::empty(status)
        .with("etag", &entry.stamp.etag())
        .with("last-modified", &entry.stamp.http_date())
        .with("x-ms-request-server-encrypted", "true")
}

/// Reads the range into memory, for its checksum stands in the headers.
async fn digested(
    status: StatusCode,
    file: std::fs::File,
    range: ByteRange,
    digester: Digester,
) -> Result<Reply, Failure> {
    if range.length > MAX_DIGESTED_RANGE {
        return Err(Failure::new(Code::OutOfRangeInput));
    }
    let (bytes, digest) = body::blocking(move || {
        let read = || {
            let bytes = body::read_range(file, range)?;
            let digest = body::digest_of(digester, &bytes)?;
            Ok::<_, std::io::Error>((bytes, digest))
        };
        read().map_err(|error| Failure::io("read a range", &error))
    })
    .await?;
    let (name, value) = digest.header();
    Ok(Reply::streamed(status, range.length, bytes.into()).with(name, &value))
}

fn ranged_digest(request: &LakeRequest) -> Result<Option<Digester>, Failure> {
    let wants = |name| {
        Ok::<_, Failure>(
            request.header(name)?.is_some_and(|text| text.eq_ignore_ascii_case("true")),
        )
    };
    if wants("x-ms-range-get-content-md5")? {
        return Digester::md5().map(Some);
    }
    if wants("x-ms-range-get-content-crc64")? {
        return Ok(Some(Digester::crc64()));
    }
    Ok(None)
}

/// Adds what a read or HEAD says about an entry.
fn describe(
    mut reply: Reply,
    request: &LakeRequest,
    entry: &Entry,
    is_partial: bool,
    now: Stamp,
) -> Reply {
    let kind = if entry.is_directory() { "directory" } else { "file" };
    reply = reply
        .with("accept-ranges", "bytes")
        .with("etag", &entry.stamp.etag())
        .with("last-modified", &entry.stamp.http_date())
        .with("x-ms-creation-time", &entry.created.http_date())
        .with("x-ms-group", &entry.access.group)
        .with("x-ms-owner", &entry.access.owner)
        .with("x-ms-permissions", &entry.access.permissions())
        .with("x-ms-resource-type", kind)
        .with("x-ms-server-encrypted", "true");
    reply = entry.lease.describe(reply, now);
    if let Some(expires) = entry.expires {
        reply = reply.with("x-ms-expiry-time", &expires.http_date());
    }
    if let Some(id) = &entry.transaction_id {
        reply = reply.with("x-ms-client-transaction-id", id);
    }
    if let Some(copy) = entry.file().and_then(|file| file.copy.as_ref()) {
        let length = entry.length();
        reply = reply
            .with("x-ms-copy-completion-time", &copy.completed.http_date())
            .with("x-ms-copy-id", &copy.id)
            .with("x-ms-copy-progress", &format!("{length}/{length}"))
            .with("x-ms-copy-source", &copy.source)
            .with("x-ms-copy-status", "success");
    }
    reply = match entry.file() {
        Some(file) => {
            // A checksum of the part, if there is one, stands under the same name already.
            file.headers.write_to(reply, request.api, is_partial)
        }
        None => reply.with("content-type", "application/octet-stream"),
    };
    // Under an address one port serves both endpoints, and a plain GET or HEAD does not say which
    // of them its sender had in mind.
    if (request.api == Api::Dfs || request.path_style)
        && let Some(properties) = entry.properties.to_dfs()
    {
        reply = reply.with("x-ms-properties", &properties);
    }
    if request.api == Api::Blob || request.path_style {
        reply = entry.properties.write_metadata_to(reply).with("x-ms-blob-type", "BlockBlob");
        if entry.tags.len() > 0 {
            reply = reply.with("x-ms-tag-count", &entry.tags.len().to_string());
        }
        if entry.is_directory() {
            reply = reply.with("x-ms-meta-hdi_isfolder", "true");
        }
    }
    reply
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-blob#request-headers>
const MAX_DIGESTED_RANGE: u64 = 4 * 1024 * 1024;
