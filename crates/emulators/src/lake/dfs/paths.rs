//! Operations on the names of files and directories, and on what is said about them.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::lake::{
    Lake,
    acl::NewAccess,
    body::blocking,
    conditions::Conditions,
    expiry::Expiry,
    failure::{Code, Failure},
    lease::NewLease,
    name::{PathName, is_filesystem_name},
    properties::{ContentHeaders, Properties},
    read,
    reply::Reply,
    request::LakeRequest,
    store::{Place, Publication, Rename},
};

/// Create a file: an empty one, in place of any other.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create>
pub(super) async fn create_file(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let (conditions, mut publication) = creation(request)?;
    publication.expiry = Expiry::of(request)?;
    let lake = Arc::clone(lake);
    blocking(move || {
        let (staged, _) = lake.store.stage()?;
        lake.store.publish(&place, &conditions, staged, 0, publication)
    })
    .await
    .map(|entry| read::written(StatusCode::CREATED, &entry))
}

/// Create a directory.
pub(super) async fn create_directory(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let (conditions, publication) = creation(request)?;
    let lake = Arc::clone(lake);
    blocking(move || lake.store.create_directory(&place, &conditions, publication))
        .await
        .map(|entry| read::written(StatusCode::CREATED, &entry))
}

/// Rename a file or a directory, inside the account.
pub(super) async fn rename(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    if let Some(mode) = request.query.get("mode")
        && !matches!(mode, "legacy" | "posix")
    {
        return Err(Failure::query("mode", mode));
    }
    let source = request.header("x-ms-rename-source")?.unwrap_or_default();
    let rename = Rename {
        from: rename_source(&place.account, source)?,
        to: place,
        source_conditions: Conditions::of_source(request)?,
        conditions: Conditions::of(request)?,
        properties: Properties::of_dfs(request)?,
        transaction_id: transaction_id(request)?,
    };
    let lake = Arc::clone(lake);
    blocking(move || lake.store.rename(rename))
        .await
        .map(|entry| read::written(StatusCode::CREATED, &entry))
}

/// Delete a file or a directory.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/delete>
pub(super) async fn delete(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    let recursive = request.query.flag("recursive")?.unwrap_or(false);
    let conditions = Conditions::of(request)?;
    if let Some(reply) = super::delete::in_pages(lake, request, &place, recursive).await? {
        return Ok(reply);
    }
    let lake = Arc::clone(lake);
    let deletion_id = blocking(move || lake.store.delete(&place, &conditions, recursive)).await?;
    let reply = Reply::empty(StatusCode::OK);
    Ok(match deletion_id {
        Some(id) => reply.with("x-ms-deletion-id", &id.to_string()),
        None => reply,
    })
}

/// Get properties, status or access control.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/get-properties>
pub(super) fn properties(
    lake: &Lake,
    request: &LakeRequest,
    place: &Place,
) -> Result<Reply, Failure> {
    match request.query.get("action") {
        None | Some("getStatus") => read::head(lake, request, place),
        Some("getAccessControl") => {
            request.query.flag("upn")?;
            let acl = lake.store.entry(place)?.access.to_string();
            Ok(read::head(lake, request, place)?.with("x-ms-acl", &acl))
        }
        Some("checkAccess") => Err(Failure::not_implemented("checkAccess")),
        Some(other) => Err(Failure::query("action", other)),
    }
}

/// Set the user-defined properties, and the content headers that are given.
pub(super) async fn set_properties(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let conditions = Conditions::of(request)?;
    let properties = Properties::of_dfs(request)?;
    let headers = ContentHeaders::of_dfs(&request.headers);
    let lake = Arc::clone(lake);
    blocking(move || {
        lake.store.modify(&place, &conditions, |entry| {
            if let Some(properties) = properties {
                entry.properties = properties;
            }
            entry.update_headers(headers);
        })
    })
    .await
    .map(|entry| read::written(StatusCode::OK, &entry))
}

/// What both creates have in common.
fn creation(request: &LakeRequest) -> Result<(Conditions, Publication), Failure> {
    no_body(request)?;
    let publication = Publication {
        headers: ContentHeaders::of_dfs(&request.headers),
        properties: Properties::of_dfs(request)?.unwrap_or_default(),
        transaction_id: transaction_id(request)?,
        lease: NewLease::of_create(request)?,
        access: NewAccess::of_dfs(request, request.caller.owner_name())?,
        ..Publication::default()
    };
    Ok((Conditions::of(request)?, publication))
}

fn transaction_id(request: &LakeRequest) -> Result<Option<String>, Failure> {
    Ok(request.header("x-ms-client-transaction-id")?.map(str::to_owned))
}

pub(super) fn no_body(request: &LakeRequest) -> Result<(), Failure> {
    match request.content_length()? {
        0 => Ok(()),
        _ => Err(Failure::new(Code::ContentLengthMustBeZero)),
    }
}

/// Takes `/{filesystem}/{percent-encoded path}` apart; a query behind it would be a SAS.
pub(in crate::lake) fn rename_source(account: &str, source: &str) -> Result<Place, Failure> {
    let invalid = || Failure::new(Code::InvalidSourceUri);
    if source.contains('?') {
        return Err(Failure::not_implemented("a SAS in x-ms-rename-source"));
    }
    let (filesystem, path) =
        source.strip_prefix('/').and_then(|rest| rest.split_once('/')).ok_or_else(invalid)?;
    if !is_filesystem_name(filesystem) {
        return Err(invalid());
    }
    Ok(Place {
        account: account.to_owned(),
        filesystem: filesystem.to_owned(),
        path: PathName::parse_encoded(path).map_err(|_| invalid())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rename_source_is_a_percent_encoded_path_of_the_same_account() {
        let place = rename_source("lakedemo", "/raw/a%20b/c%2Bd").unwrap();
        assert_eq!((place.filesystem.as_str(), place.path.as_str()), ("raw", "a b/c+d"));
        for (source, code) in [
            ("raw/a", Code::InvalidSourceUri),
            ("/raw", Code::InvalidSourceUri),
            ("/../a", Code::InvalidSourceUri),
            ("/raw/../../etc", Code::InvalidSourceUri),
            ("/raw/a?sig=x", Code::NotImplemented),
        ] {
            assert_eq!(rename_source("lakedemo", source).unwrap_err().code(), code, "{source}");
        }
    }
}
