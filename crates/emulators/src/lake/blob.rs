//! The blob endpoint: which operation a request means.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api>

mod batch;
mod blobs;
mod blocks;
mod containers;
mod copy;
mod deleted;
mod list;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{Method, StatusCode},
};

use super::{
    Lake, attributes,
    failure::{Code, Failure},
    leasing,
    name::PathName,
    read,
    reply::Reply,
    request::LakeRequest,
    store::Place,
};

pub(super) async fn dispatch(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    match (&request.filesystem, &request.path) {
        (None, _) => on_account(lake, request, body).await,
        (Some(container), None) => on_container(lake, request, container, body).await,
        (Some(_), Some(path)) if path.is_root() => Err(Failure::new(Code::InvalidUri)),
        (Some(container), Some(path)) => {
            let place = Place {
                account: request.account.clone(),
                filesystem: container.clone(),
                path: path.clone(),
            };
            on_blob(lake, request, place, body).await
        }
    }
}

async fn on_account(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let query = &request.query;
    match (&request.method, query.get("restype"), query.get("comp")) {
        (&Method::GET, None, Some("list")) => containers::list(lake, request),
        (&Method::GET | &Method::HEAD, Some("account"), Some("properties")) => {
            Ok(account_information())
        }
        (&Method::POST, None, Some("batch")) => batch::run(lake, request, body).await,
        (_, _, None) => Err(Failure::missing_query("comp")),
        (_, _, Some(_)) => Err(Failure::not_implemented("this operation on an account")),
    }
}

async fn on_container(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let query = &request.query;
    match query.required("restype")? {
        "container" => {}
        "account" => return Ok(account_information()),
        other => return Err(Failure::query("restype", other)),
    }
    match (&request.method, query.get("comp")) {
        (&Method::PUT, None) => containers::create(lake, request, name).await,
        (&Method::PUT, Some("metadata")) => containers::set_metadata(lake, request, name),
        (&Method::GET | &Method::HEAD, None | Some("metadata")) => {
            containers::properties(lake, request, name)
        }
        (&Method::GET, Some("list")) if query.get("showonly").is_some() => {
            match query.required("showonly")? {
                "deleted" => deleted::paths(lake, request, name),
                other => Err(Failure::query("showonly", other)),
            }
        }
        (&Method::PUT, Some("lease")) => {
            let place = Place {
                account: request.account.clone(),
                filesystem: name.to_owned(),
                path: PathName::root(),
            };
            leasing::operate(lake, request, &place)
        }
        (&Method::GET, Some("list")) => list::blobs(lake, request, name),
        (&Method::DELETE, None) => containers::delete(lake, request, name).await,
        (&Method::POST, Some("batch")) => batch::run(lake, request, body).await,
        (_, Some(_)) => Err(Failure::not_implemented("this operation on a container")),
        (_, None) => Err(Failure::new(Code::UnsupportedHttpVerb)),
    }
}

async fn on_blob(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    match (&request.method, request.query.get("comp")) {
        (&Method::GET, None) => read::get(lake, request, place).await,
        (&Method::GET, Some("blocklist")) => blocks::get_list(lake, request, &place),
        (&Method::GET | &Method::HEAD, Some("metadata")) | (&Method::HEAD, None) => {
            read::head(lake, request, &place)
        }
        (&Method::DELETE, None) => blobs::delete(lake, request, place).await,
        (&Method::PUT, None) if request.headers.contains_key("x-ms-copy-source") => {
            if request.headers.contains_key("x-ms-blob-type") {
                copy::put_blob(lake, request, place).await
            } else {
                copy::copy(lake, request, place).await
            }
        }
        (&Method::PUT, None) => blobs::put(lake, request, place, body).await,
        (&Method::PUT, Some("block")) if request.headers.contains_key("x-ms-copy-source") => {
            copy::put_block(lake, request, place).await
        }
        (&Method::PUT, Some("copy")) => copy::abort(request),
        (&Method::PUT, Some("block")) => blocks::put(lake, request, place, body).await,
        (&Method::PUT, Some("blocklist")) => blocks::put_list(lake, request, place, body).await,
        (&Method::PUT, Some("expiry")) => attributes::set_expiry(lake, request, place).await,
        (&Method::PUT, Some("lease")) => leasing::operate(lake, request, &place),
        (&Method::GET, Some("tags")) => attributes::get_tags(lake, request, &place),
        (&Method::PUT, Some("tags")) => attributes::set_tags(lake, request, place, body).await,
        (&Method::PUT, Some("undelete")) => attributes::undelete(lake, request, place).await,
        (&Method::PUT, Some("metadata")) => blobs::set_metadata(lake, request, place).await,
        (&Method::PUT, Some("properties")) => blobs::set_properties(lake, request, place).await,
        (_, Some(_)) => Err(Failure::not_implemented("this operation on a blob")),
        (_, None) => Err(Failure::new(Code::UnsupportedHttpVerb)),
    }
}

/// What kind of account this is: by this, clients learn of the hierarchical namespace.
fn account_information() -> Reply {
    Reply::empty(StatusCode::OK)
        .with("x-ms-account-kind", "StorageV2")
        .with("x-ms-is-hns-enabled", "true")
        .with("x-ms-sku-name", "Standard_LRS")
}
