//! Append and flush.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};

use super::paths::no_body;
use crate::lake::{
    Lake,
    body::{blocking, receive},
    conditions::Conditions,
    digest::ExpectedDigests,
    failure::{Code, Failure},
    lease::{LeaseDuringWrite, lease_id},
    properties::ContentHeaders,
    read,
    reply::Reply,
    request::LakeRequest,
    store::{Place, WriteLease},
};

/// Append: takes data, which readers see after a flush.
pub(super) async fn append(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let position = request.query.position("position")?;
    let flushes = request.query.flag("flush")?.unwrap_or(false);
    request.query.flag("close")?;
    let length = request.content_length()?;
    if length > MAX_APPEND_BYTES {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = ExpectedDigests::of(request)?;
    let during = LeaseDuringWrite::of(request, flushes)?;
    // An append has no other conditions.
    let conditions = Conditions::default()
        .or_leased(lease_id(request, "x-ms-lease-id")?)
        .or_leased(during.acquired_id());
    let lease = WriteLease::begin(lake, &place, &conditions, during)?;
    let (append, file) = {
        let (lake, place) = (Arc::clone(lake), place.clone());
        blocking(move || lake.store.begin_append(&place, position, length)).await?
    };
    let digest = receive(body.take().unwrap_or_default(), length, &expected, file).await?;
    let lake = Arc::clone(lake);
    let flushed = blocking(move || {
        append.keep()?;
        if !flushes {
            return Ok(None);
        }
        let headers = ContentHeaders::default();
        lake.store.flush(&place, position + length, false, &conditions, headers).map(Some)
    })
    .await?;
    lease.keep();
    let reply = match &flushed {
        Some(entry) => read::written(StatusCode::ACCEPTED, entry),
        None => Reply::empty(StatusCode::ACCEPTED).with("x-ms-request-server-encrypted", "true"),
    };
    let (name, value) = digest.header();
    Ok(reply.with(name, &value))
}

/// Flush: publishes what was appended.
pub(super) async fn flush(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let position = request.query.position("position")?;
    let retain = request.query.flag("retainuncommitteddata")?.unwrap_or(false);
    request.query.flag("close")?;
    let during = LeaseDuringWrite::of(request, true)?;
    let conditions = Conditions::of(request)?.or_leased(during.acquired_id());
    let headers = ContentHeaders::of_dfs(&request.headers);
    let lease = WriteLease::begin(lake, &place, &conditions, during)?;
    let lake = Arc::clone(lake);
    let entry =
        blocking(move || lake.store.flush(&place, position, retain, &conditions, headers)).await?;
    lease.keep();
    Ok(read::written(StatusCode::OK, &entry))
}

/// For versions since 2019-12-12.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets>
const MAX_APPEND_BYTES: u64 = 4000 * 1024 * 1024;
