//! Operations on whole blobs.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};

use crate::lake::{
    Lake,
    acl::NewAccess,
    body::{blocking, receive},
    conditions::Conditions,
    digest::ExpectedDigests,
    failure::{Code, Failure},
    properties::{ContentHeaders, Properties},
    read,
    reply::Reply,
    request::LakeRequest,
    store::{Place, Publication},
    tags::Tags,
};

/// Put Blob: a whole file in one request.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob>
pub(super) async fn put(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    match request.header("x-ms-blob-type")? {
        Some("BlockBlob") => {}
        Some("AppendBlob" | "PageBlob") => {
            return Err(Failure::not_implemented("append blobs and page blobs"));
        }
        Some(other) => return Err(Failure::header("x-ms-blob-type", other)),
        None => return Err(Failure::missing_header("x-ms-blob-type")),
    }
    let length = request.content_length()?;
    if length > MAX_PUT_BYTES {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = ExpectedDigests::of(request)?;
    let conditions = Conditions::of(request)?;
    let mut publication = Publication {
        headers: ContentHeaders::of_blob(&request.headers, true),
        properties: Properties::of_blob(&request.headers)?,
        tags: Tags::of(request)?,
        access: NewAccess::by(request.caller.owner_name()),
        ..Publication::default()
    };
    // Looked at now already, so that a client that waits for `100 Continue` need not send a body
    // that will be refused; what counts is the look at the time of publication.
    check_target(lake, &place, &conditions)?;
    let (staged, file) = {
        let lake = Arc::clone(lake);
        blocking(move || lake.store.stage()).await?
    };
    let digest = receive(body.take().unwrap_or_default(), length, &expected, file).await?;
    if let Some(md5) = digest.md5()
        && publication.headers.content_md5().is_none()
    {
        publication.headers.set_content_md5(&md5);
    }
    let lake = Arc::clone(lake);
    let entry =
        blocking(move || lake.store.publish(&place, &conditions, staged, length, publication))
            .await?;
    let (name, value) = digest.header();
    Ok(read::written(StatusCode::CREATED, &entry).with(name, &value))
}

/// Delete Blob; a directory only if it is empty.
pub(super) async fn delete(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let lake = Arc::clone(lake);
    let deletion_id = blocking(move || lake.store.delete(&place, &conditions, false)).await?;
    let reply = Reply::empty(StatusCode::ACCEPTED);
    Ok(match deletion_id {
        Some(id) => reply
            .with("x-ms-delete-type-permanent", "false")
            .with("x-ms-deletion-id", &id.to_string()),
        None => reply.with("x-ms-delete-type-permanent", "true"),
    })
}

/// Set Blob Metadata: replaces all of it.
pub(super) async fn set_metadata(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let properties = Properties::of_blob(&request.headers)?;
    let lake = Arc::clone(lake);
    blocking(move || lake.store.modify(&place, &conditions, |entry| entry.properties = properties))
        .await
        .map(|entry| read::written(StatusCode::OK, &entry))
}

/// Set Blob Properties: replaces all content headers, the absent ones by nothing.
pub(super) async fn set_properties(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let headers = ContentHeaders::of_blob(&request.headers, false);
    let lake = Arc::clone(lake);
    blocking(move || {
        lake.store.modify(&place, &conditions, |entry| {
            if let Some(file) = entry.file_mut() {
                file.headers = headers;
            }
        })
    })
    .await
    .map(|entry| read::written(StatusCode::OK, &entry))
}

fn check_target(lake: &Lake, place: &Place, conditions: &Conditions) -> Result<(), Failure> {
    lake.store.with_filesystem(&place.account, &place.filesystem, |filesystem| {
        let existing = filesystem.get(&place.path);
        conditions.check_write(existing.map(|entry| entry.stamp))?;
        conditions.check_lease(existing, lake.store.now())
    })
}

/// For versions since 2019-12-12.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets>
const MAX_PUT_BYTES: u64 = 5000 * 1024 * 1024;
