//! Operations on filesystems.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use crate::lake::{
    Lake, body::blocking, conditions::Conditions, continuation, failure::Failure,
    properties::Properties, read, reply::Reply, request::LakeRequest,
};

pub(super) fn list(lake: &Lake, request: &LakeRequest) -> Result<Reply, Failure> {
    let query = &request.query;
    let after = continuation::decode("continuation", query.get("continuation"))?;
    let (filesystems, next) = lake.store.filesystems(
        &request.account,
        query.get("prefix").unwrap_or_default(),
        after.as_deref().unwrap_or_default(),
        query.page_size("maxresults")?,
        |name, filesystem| {
            let stamp = filesystem.root().stamp;
            json!({
                "name": name,
                "lastModified": stamp.http_date(),
                "etag": stamp.bare_etag(),
            })
        },
    )?;
    let reply = Reply::json(StatusCode::OK, &json!({ "filesystems": filesystems }));
    Ok(match next {
        Some(next) => reply.with("x-ms-continuation", &continuation::encode(&next)),
        None => reply,
    })
}

pub(super) async fn create(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let properties = Properties::of_dfs(request)?.unwrap_or_default();
    let (lake, account, name) = (Arc::clone(lake), request.account.clone(), name.to_owned());
    let owner = request.caller.owner_name().to_owned();
    let create = move || lake.store.create_filesystem(&account, &name, properties, &owner);
    let root = blocking(create).await?;
    Ok(read::written(StatusCode::CREATED, &root).with("x-ms-namespace-enabled", "true"))
}

pub(super) fn properties(lake: &Lake, request: &LakeRequest, name: &str) -> Result<Reply, Failure> {
    let root = lake
        .store
        .with_filesystem(&request.account, name, |filesystem| Ok(filesystem.root().clone()))?;
    let reply = root.lease.describe(Reply::empty(StatusCode::OK), lake.store.now());
    let mut reply = reply
        .with("etag", &root.stamp.etag())
        .with("last-modified", &root.stamp.http_date())
        .with("x-ms-namespace-enabled", "true");
    if let Some(properties) = root.properties.to_dfs() {
        reply = reply.with("x-ms-properties", &properties);
    }
    Ok(reply)
}

pub(super) fn set_properties(
    lake: &Lake,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let properties =
        Properties::of_dfs(request)?.ok_or_else(|| Failure::missing_header("x-ms-properties"))?;
    let root = lake.store.set_filesystem_properties(
        &request.account,
        name,
        &Conditions::of(request)?,
        properties,
    )?;
    Ok(read::written(StatusCode::OK, &root))
}

pub(super) async fn delete(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    name: &str,
) -> Result<Reply, Failure> {
    let conditions = Conditions::of(request)?;
    let (lake, account, name) = (Arc::clone(lake), request.account.clone(), name.to_owned());
    blocking(move || lake.store.delete_filesystem(&account, &name, &conditions)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}
