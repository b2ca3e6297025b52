//! Set Blob Expiry, Get and Set Blob Tags, Undelete: the same at both endpoints.

use std::sync::Arc;

use axum::{body::Body, http::StatusCode};

use super::{
    Lake,
    body::{blocking, digest_of, receive_document},
    conditions::Conditions,
    digest::ExpectedDigests,
    expiry::Expiry,
    failure::{Code, Failure},
    name::PathName,
    read,
    reply::Reply,
    request::LakeRequest,
    store::Place,
    tags::Tags,
};

/// Set Blob Expiry.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry>
pub(super) async fn set_expiry(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let expiry = Expiry::required(request)?;
    let conditions = Conditions::of(request)?;
    let lake = Arc::clone(lake);
    blocking(move || lake.store.set_expiry(&place, &conditions, expiry))
        .await
        .map(|entry| read::written(StatusCode::OK, &entry))
}

/// Get Blob Tags.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-blob-tags>
pub(super) fn get_tags(
    lake: &Lake,
    request: &LakeRequest,
    place: &Place,
) -> Result<Reply, Failure> {
    let entry = lake.store.entry(place)?;
    Conditions::of(request)?.check_read_lease(&entry, lake.store.now())?;
    if entry.is_directory() {
        return Err(Failure::new(Code::ResourceTypeMismatch));
    }
    Ok(Reply::xml(StatusCode::OK, entry.tags.document()))
}

/// Set Blob Tags: replaces all of them.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-tags>
pub(super) async fn set_tags(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    if request.content_length()? > MAX_TAGS_BYTES as u64 {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let expected = ExpectedDigests::of(request)?;
    let conditions = Conditions::of(request)?;
    let document = receive_document(body.take().unwrap_or_default(), MAX_TAGS_BYTES).await?;
    let digest = digest_of(expected.digester()?, &document)
        .map_err(|error| Failure::io("finish a checksum", &error))?;
    expected.check(&digest)?;
    lake.store.set_tags(&place, &conditions, Tags::parse(&document)?)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Undelete a path of an account with a hierarchical namespace.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/undelete-blob>
pub(super) async fn undelete(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let source = request.header(UNDELETE_SOURCE)?;
    let source = source.ok_or_else(|| Failure::missing_header(UNDELETE_SOURCE))?;
    let id =
        deletion_id(source, &place.path).ok_or_else(|| Failure::header(UNDELETE_SOURCE, source))?;
    let lake = Arc::clone(lake);
    let entry = blocking(move || lake.store.undelete(&place, id)).await?;
    let kind = if entry.is_directory() { "directory" } else { "file" };
    Ok(read::written(StatusCode::OK, &entry).with("x-ms-resource-type", kind))
}

/// Reads `{percent-encoded path}?deletionid={id}`, whose path must be the one of the request.
fn deletion_id(source: &str, path: &PathName) -> Option<u64> {
    let (named, query) = source.split_once('?')?;
    let named = PathName::parse_encoded(named).ok()?;
    let (name, id) = query.split_once('=')?;
    if named != *path || !name.eq_ignore_ascii_case("deletionid") {
        return None;
    }
    id.parse().ok()
}

const UNDELETE_SOURCE: &str = "x-ms-undelete-source";
/// Ten tags with the longest names and values, with room to spare.
const MAX_TAGS_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_undelete_source_names_the_path_and_which_of_its_deletions() {
        let path = PathName::parse("a b/c").unwrap();
        for (source, id) in [
            ("a%20b/c?deletionid=17", Some(17)),
            ("/a%20b/c?DeletionId=17", Some(17)),
            ("a%20b/c", None),
            ("a%20b/d?deletionid=17", None),
            ("a%20b/c?deletionid=-1", None),
            ("a%20b/c?deletionid=", None),
            ("a%20b/../c?deletionid=1", None),
            ("a%20b/c?sig=17", None),
            ("", None),
        ] {
            assert_eq!(deletion_id(source, &path), id, "{source}");
        }
    }
}
