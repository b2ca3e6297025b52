//! Copies that the service makes: Copy Blob, Copy Blob From URL, Put Blob From URL and Put Block
//! From URL. All of them are done when their request is answered.
//!
//! The source is a file of an account of this emulator; other hosts answer nobody here.

mod source;

use std::{io::Write, sync::Arc};

use axum::http::StatusCode;

use self::source::Source;
use super::blocks::check_id;
use crate::lake::{
    Lake,
    body::{blocking, read_range},
    conditions::Conditions,
    digest::{Digest, ExpectedDigests},
    failure::{Code, Failure},
    properties::{ContentHeaders, Properties},
    range::ByteRange,
    read,
    reply::Reply,
    request::LakeRequest,
    store::{CopyRecord, Entry, PendingBlock, Place, Publication, StagedFile},
};

/// Copy Blob, and Copy Blob From URL if `x-ms-requires-sync` is there.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/copy-blob> and
/// <https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url>
pub(super) async fn copy(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let is_sync = match request.header("x-ms-requires-sync")? {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) => return Err(Failure::header("x-ms-requires-sync", text)),
    };
    let conditions = Conditions::of(request)?;
    let properties = Properties::of_blob(&request.headers)?;
    let source = Source::open(lake, request, is_sync).await?;
    if is_sync && source.entry.length() > MAX_SYNC_COPY_BYTES {
        return Err(Failure::new(Code::OutOfRangeInput));
    }
    let expected = source::expected_digest(request)?;
    let copied = copy_bytes(lake, &source, source.whole(), expected).await?;
    let record = CopyRecord {
        id: uuid::Uuid::new_v4().to_string(),
        source: source.url.clone(),
        completed: lake.store.now(),
    };
    let publication = Publication {
        headers: source.headers(),
        properties: if properties.is_empty() {
            source.entry.properties.clone()
        } else {
            properties
        },
        copy: Some(Box::new(record.clone())),
        ..Publication::default()
    };
    let entry = publish(lake, place, conditions, copied.staged, copied.length, publication).await?;
    let reply = Reply::empty(StatusCode::ACCEPTED)
        .with("etag", &entry.stamp.etag())
        .with("last-modified", &entry.stamp.http_date())
        .with("x-ms-copy-id", &record.id)
        .with("x-ms-copy-status", "success");
    Ok(if is_sync { digested(reply, &copied.digest) } else { reply })
}

/// Abort Copy Blob: there is never one under way.
pub(super) fn abort(request: &LakeRequest) -> Result<Reply, Failure> {
    request.query.required("copyid")?;
    match request.header("x-ms-copy-action")? {
        Some("abort") => Err(Failure::new(Code::NoPendingCopyOperation)),
        Some(other) => Err(Failure::header("x-ms-copy-action", other)),
        None => Err(Failure::missing_header("x-ms-copy-action")),
    }
}

/// Put Blob From URL.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url>
pub(super) async fn put_blob(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let conditions = Conditions::of(request)?;
    let mut properties = Properties::of_blob(&request.headers)?;
    let takes_properties = match request.header("x-ms-copy-source-blob-properties")? {
        None => true,
        Some(text) => text.eq_ignore_ascii_case("true"),
    };
    let source = Source::open(lake, request, true).await?;
    if source.entry.length() > MAX_PUT_BYTES {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = source::expected_digest(request)?;
    let copied = copy_bytes(lake, &source, source.whole(), expected).await?;
    let mut headers = if takes_properties { source.headers() } else { ContentHeaders::default() };
    headers.update(ContentHeaders::of_blob(&request.headers, false));
    if takes_properties && properties.is_empty() {
        properties = source.entry.properties.clone();
    }
    let publication = Publication { headers, properties, ..Publication::default() };
    let entry = publish(lake, place, conditions, copied.staged, copied.length, publication).await?;
    Ok(digested(read::written(StatusCode::CREATED, &entry), &copied.digest))
}

/// Put Block From URL.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-from-url>
pub(super) async fn put_block(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let id = request.query.required("blockid")?.to_owned();
    check_id(&id)?;
    let source = Source::open(lake, request, true).await?;
    let range = source.range(request)?;
    if range.length == 0 {
        return Err(Failure::new(Code::InvalidInput));
    }
    if range.length > MAX_BLOCK_BYTES {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = source::expected_digest(request)?;
    let Copied { staged, length, digest } = copy_bytes(lake, &source, range, expected).await?;
    lake.store.put_block(&place, PendingBlock { id, staged, length })?;
    let reply = Reply::empty(StatusCode::CREATED).with("x-ms-request-server-encrypted", "true");
    Ok(digested(reply, &digest))
}

struct Copied {
    staged: StagedFile,
    length: u64,
    digest: Digest,
}

/// Copies a range of the source into a file of its own and checks its checksum.
async fn copy_bytes(
    lake: &Arc<Lake>,
    source: &Source,
    range: ByteRange,
    expected: ExpectedDigests,
) -> Result<Copied, Failure> {
    let file = source
        .file
        .try_clone()
        .map_err(|error| Failure::io("open the source of a copy", &error))?;
    let lake = Arc::clone(lake);
    blocking(move || {
        let failed = |error: std::io::Error| Failure::io("copy a file", &error);
        let (staged, mut to) = lake.store.stage()?;
        let mut digester = expected.digester()?;
        let mut copied = 0;
        while copied < range.length {
            let piece = ByteRange {
                offset: range.offset + copied,
                length: PIECE_BYTES.min(range.length - copied),
            };
            let bytes = read_range(file.try_clone().map_err(failed)?, piece).map_err(failed)?;
            digester.update(&bytes).map_err(failed)?;
            to.write_all(&bytes).map_err(failed)?;
            copied += piece.length;
        }
        let digest = digester.finish().map_err(failed)?;
        expected.check(&digest)?;
        Ok(Copied { staged, length: copied, digest })
    })
    .await
}

async fn publish(
    lake: &Arc<Lake>,
    place: Place,
    conditions: Conditions,
    staged: StagedFile,
    length: u64,
    publication: Publication,
) -> Result<Entry, Failure> {
    let lake = Arc::clone(lake);
    blocking(move || lake.store.publish(&place, &conditions, staged, length, publication)).await
}

/// The CRC-64 of the bytes that were copied, or their MD5 if that is what was to be checked.
fn digested(reply: Reply, digest: &Digest) -> Reply {
    let (name, value) = digest.header();
    reply.with(name, &value)
}

fn no_body(request: &LakeRequest) -> Result<(), Failure> {
    match request.content_length()? {
        0 => Ok(()),
        _ => Err(Failure::new(Code::InvalidInput)
            .with_message("A request that names a source has no body.")),
    }
}

const PIECE_BYTES: u64 = 1024 * 1024;
// Spec: <https://learn.microsoft.com/rest/api/storageservices/copy-blob-from-url#remarks>
const MAX_SYNC_COPY_BYTES: u64 = 256 * 1024 * 1024;
// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url#remarks>
const MAX_PUT_BYTES: u64 = 5000 * 1024 * 1024;
// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-from-url#remarks>
const MAX_BLOCK_BYTES: u64 = 4000 * 1024 * 1024;
