//! The dfs endpoint: which operation a request means.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2>

mod acl;
mod delete;
mod filesystems;
mod flat_list;
mod list;
mod paths;
mod write;

use std::sync::Arc;

use axum::{body::Body, http::Method};

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

pub(super) use self::paths::rename_source;

pub(super) async fn dispatch(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    match (&request.filesystem, &request.path) {
        (None, _) => on_account(lake, request),
        (Some(filesystem), None) => on_filesystem(lake, request, filesystem).await,
        (Some(filesystem), Some(path)) => {
            let place = Place {
                account: request.account.clone(),
                filesystem: filesystem.clone(),
                path: path.clone(),
            };
            on_path(lake, request, place, body).await
        }
    }
}

fn on_account(lake: &Lake, request: &LakeRequest) -> Result<Reply, Failure> {
    if request.method != Method::GET {
        return Err(Failure::new(Code::UnsupportedHttpVerb));
    }
    match request.query.required("resource")? {
        "account" => filesystems::list(lake, request),
        other => Err(Failure::query("resource", other)),
    }
}

async fn on_filesystem(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let action = request.query.get("action").unwrap_or_default();
    // The root directory may be named without its slash.
    let root = || Place {
        account: request.account.clone(),
        filesystem: name.to_owned(),
        path: PathName::root(),
    };
    match (&request.method, action) {
        (&Method::HEAD, action) if !action.is_empty() => {
            return paths::properties(lake, request, &root());
        }
        (&Method::POST, _) => return leasing::operate(lake, request, &root()),
        (&Method::PATCH, "setAccessControl") => return acl::set(lake, request, root()).await,
        (&Method::PATCH, "setAccessControlRecursive") => {
            return acl::set_recursive(lake, request, root()).await;
        }
        _ => {}
    }
    let resource = request.query.required("resource")?;
    if resource != "filesystem" {
        return Err(Failure::query("resource", resource));
    }
    match request.method {
        Method::DELETE => filesystems::delete(lake, request, name).await,
        Method::GET => list::paths(lake, request, name),
        Method::HEAD => filesystems::properties(lake, request, name),
        Method::PATCH => filesystems::set_properties(lake, request, name),
        Method::PUT => filesystems::create(lake, request, name).await,
        _ => Err(Failure::new(Code::UnsupportedHttpVerb)),
    }
}

async fn on_path(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    place: Place,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    match request.method {
        Method::DELETE => paths::delete(lake, request, place).await,
        Method::GET => read::get(lake, request, place).await,
        Method::HEAD => paths::properties(lake, request, &place),
        Method::PATCH => match request.query.required("action")? {
            "append" => write::append(lake, request, place, body).await,
            "flush" => write::flush(lake, request, place).await,
            "setProperties" => paths::set_properties(lake, request, place).await,
            "setAccessControl" => acl::set(lake, request, place).await,
            "setAccessControlRecursive" => acl::set_recursive(lake, request, place).await,
            other => Err(Failure::query("action", other)),
        },
        Method::POST => leasing::operate(lake, request, &place),
        Method::PUT if request.query.get("comp").is_some() => {
            match request.query.required("comp")? {
                "expiry" => attributes::set_expiry(lake, request, place).await,
                "undelete" => attributes::undelete(lake, request, place).await,
                other => Err(Failure::query("comp", other)),
            }
        }
        Method::PUT if request.headers.contains_key("x-ms-rename-source") => {
            paths::rename(lake, request, place).await
        }
        Method::PUT => match request.query.required("resource")? {
            "directory" => paths::create_directory(lake, request, place).await,
            "file" => paths::create_file(lake, request, place).await,
            other => Err(Failure::query("resource", other)),
        },
        _ => Err(Failure::new(Code::UnsupportedHttpVerb)),
    }
}
