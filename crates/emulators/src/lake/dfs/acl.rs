//! Operations on owner, group, permissions and ACL.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::paths::no_body;
use crate::lake::{
    Lake,
    access::Authority,
    acl::{AclMode, permissions_header, principal_header, set_access_control},
    body::blocking,
    conditions::Conditions,
    continuation,
    failure::{Code, Failure},
    read,
    reply::Reply,
    request::{Api, LakeRequest},
    store::{AccessPage, Place},
};

/// Set Access Control: the owner, the group, and either the permissions or the ACL.
pub(super) async fn set(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let owner = principal_header(request, "x-ms-owner")?;
    let group = principal_header(request, "x-ms-group")?;
    let permissions = permissions_header(request)?;
    let acl = request.header("x-ms-acl")?.filter(|text| !text.is_empty()).map(str::to_owned);
    if permissions.is_some() && acl.is_some() {
        return Err(Failure::header("x-ms-acl", acl.as_deref().unwrap_or_default())
            .with_message("x-ms-permissions and x-ms-acl exclude each other."));
    }
    if owner.is_none() && group.is_none() && permissions.is_none() && acl.is_none() {
        return Err(Failure::missing_header("x-ms-acl"));
    }
    let conditions = Conditions::of(request)?;
    let lake = Arc::clone(lake);
    blocking(move || {
        lake.store.set_access_control(&place, &conditions, |control, is_directory| {
            let mut changed = match &acl {
                Some(acl) => set_access_control(control, acl, is_directory)?,
                None => control.clone(),
            };
            if let Some(permissions) = permissions {
                changed.set_permissions(permissions);
            }
            if let Some(owner) = owner {
                changed.owner = owner;
            }
            if let Some(group) = group {
                changed.group = group;
            }
            Ok(changed)
        })
    })
    .await
    .map(|entry| read::written(StatusCode::OK, &entry))
}

/// Set Access Control Recursive: a page of a directory and all below it.
pub(super) async fn set_recursive(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
) -> Result<Reply, Failure> {
    no_body(request)?;
    let query = &request.query;
    let text = request.header("x-ms-acl")?.ok_or_else(|| Failure::missing_header("x-ms-acl"))?;
    let mode = query.required("mode")?;
    let mode = AclMode::parse(mode, text).ok_or_else(|| Failure::query("mode", mode))??;
    let goes_on = query.flag("forceflag")?.unwrap_or(false);
    let after = continuation::decode("continuation", query.get("continuation"))?;
    let page =
        AccessPage { after, limit: query.page_size("maxrecords")?.min(MAX_RECORDS), goes_on };
    let authority = Authority::of(lake, request);
    let lake = Arc::clone(lake);
    let done = blocking(move || {
        lake.store.set_access_control_below(&place, &page, |control, is_directory| {
            if !authority.may_change_access(control, None, None) {
                return Err(Failure::new(Code::AuthorizationPermissionMismatch));
            }
            mode.apply(control, is_directory)
        })
    })
    .await?;
    let failed: Vec<_> = done
        .failures
        .iter()
        .map(|(path, is_directory, failure)| {
            json!({
                "name": path.as_str(),
                "type": if *is_directory { "DIRECTORY" } else { "FILE" },
                "errorMessage": failure.message(Api::Dfs),
            })
        })
        .collect();
    let reply = Reply::json(
        StatusCode::OK,
        &json!({
            "directoriesSuccessful": done.directories,
            "filesSuccessful": done.files,
            "failureCount": failed.len(),
            "failedEntries": failed,
        }),
    )
    .with("x-ms-namespace-enabled", "true");
    Ok(match done.next_after {
        Some(after) => reply.with("x-ms-continuation", &continuation::encode(&after)),
        None => reply,
    })
}

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update#uri-parameters>
const MAX_RECORDS: usize = 2000;
