//! Deletes that take more than one request: recursive ones in pages, and those of accounts without
//! a hierarchical namespace.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/delete>

use std::sync::Arc;

use axum::http::StatusCode;

use crate::lake::{
    Lake,
    body::blocking,
    conditions::Conditions,
    continuation,
    failure::Failure,
    namespace,
    reply::Reply,
    request::LakeRequest,
    store::{Namespace, PageQuery, Place},
};

/// Does one page of the work and tells where the next begins; `None` if the whole delete is to be
/// done at once, or this is the page that does it.
///
/// With a hierarchical namespace the pages look through the paths, as the service checks access to
/// each of them, and the directory goes at once with the last page. Without, each page deletes.
pub(super) async fn in_pages(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: &Place,
    recursive: bool,
) -> Result<Option<Reply>, Failure> {
    let limit = namespace::account(lake, &request.account)
        .map_or(usize::MAX, |account| account.delete_page_paths.get());
    let position = continuation::decode("continuation", request.query.get("continuation"))?;
    if lake.store.namespace(&place.account)? == Namespace::Flat {
        let conditions = Conditions::of(request)?;
        let (lake, place) = (Arc::clone(lake), place.clone());
        let key = place.path.as_str().to_owned();
        let delete = move || lake.store.delete_flat(&place, &conditions, recursive, limit);
        let reply = Reply::empty(StatusCode::OK);
        return Ok(Some(if blocking(delete).await? {
            reply.with("x-ms-continuation", &continuation::encode(&key))
        } else {
            reply
        }));
    }
    let paginated = request.query.flag("paginated")?.unwrap_or(false);
    if !paginated {
        return Ok(None);
    }
    if !recursive {
        return Err(Failure::query("paginated", "true"));
    }
    if request.header("x-ms-version")?.is_none_or(|version| version < OLDEST_PAGINATED_VERSION) {
        return Err(Failure::query("paginated", "true"));
    }
    let next = lake.store.with_filesystem(&place.account, &place.filesystem, |filesystem| {
        let entry = filesystem.existing(&place.path)?;
        Conditions::of(request)?.check_write(Some(entry.stamp))?;
        if !entry.is_directory() {
            return Ok(None);
        }
        let query =
            PageQuery { after: position, limit, ..PageQuery::of_directory(&place.path, true) };
        Ok(filesystem.page(&query).next_after)
    })?;
    Ok(next.map(|after| {
        Reply::empty(StatusCode::OK).with("x-ms-continuation", &continuation::encode(&after))
    }))
}

/// Dates in this form sort as text.
const OLDEST_PAGINATED_VERSION: &str = "2023-08-03";
