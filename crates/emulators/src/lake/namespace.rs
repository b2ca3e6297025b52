//! What depends on the kind of an account, and on which of its endpoints are reachable: looked at
//! before an operation begins, and written into the answer when it is done.

use axum::{
    http::{HeaderMap, Method},
    response::Response,
};

use super::{
    Lake,
    failure::{Code, Failure},
    properties::FOLDER_MARK,
    reply::Reply,
    request::{Api, LakeRequest},
    store::Namespace,
};
use crate::{
    config::{AccountConfig, EndpointReach},
    faults::hang_up,
};

/// The configuration of an account, if it exists.
pub(super) fn account<'a>(lake: &'a Lake, name: &str) -> Option<&'a AccountConfig> {
    lake.state.config.accounts.iter().find(|account| account.name == name)
}

/// The answer of an endpoint that this account does not open: none, or a refusal.
pub(super) fn unreachable(
    lake: &Lake,
    request: &LakeRequest,
) -> Option<std::result::Result<Response, Failure>> {
    let account = account(lake, &request.account)?;
    let reach = match request.api {
        Api::Blob => account.blob_endpoint,
        Api::Dfs => account.dfs_endpoint,
    };
    match reach {
        EndpointReach::Closed => Some(Ok(hang_up())),
        EndpointReach::Forbidden => Some(Err(Failure::new(Code::AuthorizationFailure))),
        EndpointReach::Open => None,
    }
}

/// Refuses what needs a hierarchical namespace where there is none: access control, expiry.
pub(super) fn refuse_on_flat(lake: &Lake, request: &LakeRequest) -> Result<(), Failure> {
    if lake.store.namespace(&request.account)? == Namespace::Hierarchical {
        return Ok(());
    }
    let action = request.query.get("action").unwrap_or_default();
    let has_header = HIERARCHY_HEADERS.iter().any(|name| request.headers.contains_key(*name));
    let expires = request.method == Method::PUT && request.query.get("comp") == Some("expiry");
    if HIERARCHY_ACTIONS.contains(&action) || has_header || expires {
        return Err(Failure::new(Code::HierarchicalNamespaceNotEnabled));
    }
    Ok(())
}

/// Makes an answer one of the account that gave it.
pub(super) fn complete(lake: &Lake, request: &LakeRequest, reply: Reply) -> Reply {
    let is_flat = lake.store.namespace(&request.account).is_ok_and(|it| it == Namespace::Flat);
    if !is_flat {
        return reply;
    }
    let mut response = reply.into_response();
    let headers = response.headers_mut();
    let is_marker = marks_directory(headers);
    for name in HIERARCHY_HEADERS {
        headers.remove(*name);
    }
    for name in ["x-ms-is-hns-enabled", "x-ms-namespace-enabled"] {
        if let Some(value) = headers.get_mut(name) {
            *value = axum::http::HeaderValue::from_static("false");
        }
    }
    if request.api == Api::Blob && !request.path_style {
        headers.remove("x-ms-resource-type");
    } else if let Some(value) = headers.get_mut("x-ms-resource-type")
        && is_marker
    {
        *value = axum::http::HeaderValue::from_static("directory");
    }
    Reply::of(response)
}

/// Whether the answer is about a blob that stands for a directory.
fn marks_directory(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let listed = [FOLDER_MARK, "=dHJ1ZQ=="].concat();
    text("x-ms-meta-hdi_isfolder").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || text("x-ms-properties").is_some_and(|all| all.split(',').any(|one| one == listed))
}

const HIERARCHY_ACTIONS: &[&str] =
    &["checkAccess", "getAccessControl", "setAccessControl", "setAccessControlRecursive"];

const HIERARCHY_HEADERS: &[&str] = &[
    "x-ms-acl",
    "x-ms-expiry-option",
    "x-ms-expiry-time",
    "x-ms-group",
    "x-ms-owner",
    "x-ms-permissions",
    "x-ms-umask",
];
