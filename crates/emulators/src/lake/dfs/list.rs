//! List Paths.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::lake::{
    Lake, continuation,
    failure::{Code, Failure},
    name::PathName,
    read,
    reply::Reply,
    request::LakeRequest,
    store::{Entry, PageQuery},
};

pub(super) fn paths(lake: &Lake, request: &LakeRequest, name: &str) -> Result<Reply, Failure> {
    let query = &request.query;
    let recursive = query.flag("recursive")?.ok_or_else(|| Failure::missing_query("recursive"))?;
    let directory = PathName::parse(query.get("directory").unwrap_or_default())?;
    let page_query = PageQuery {
        after: continuation::decode("continuation", query.get("continuation"))?,
        limit: query.page_size("maxresults")?,
        ..PageQuery::of_directory(&directory, recursive)
    };
    let page = lake.store.with_filesystem(&request.account, name, |filesystem| {
        if !filesystem.existing(&directory)?.is_directory() {
            return Err(Failure::new(Code::PathNotFound));
        }
        Ok(filesystem.page(&page_query))
    })?;
    let paths: Vec<Value> = page.entries.iter().map(|(path, entry)| listed(path, entry)).collect();
    let reply = Reply::json(StatusCode::OK, &json!({ "paths": paths }));
    Ok(match page.next_after {
        Some(after) => reply.with("x-ms-continuation", &continuation::encode(&after)),
        None => reply,
    })
}

/// One path as the service lists it: every value is a string, and a file is no directory by saying
/// nothing.
fn listed(path: &PathName, entry: &Entry) -> Value {
    let mut listed = json!({
        "name": path.as_str(),
        "lastModified": entry.stamp.http_date(),
        "etag": entry.stamp.bare_etag(),
        "contentLength": entry.length().to_string(),
        "creationTime": entry.created.file_time().to_string(),
        "owner": read::SUPERUSER,
        "group": read::SUPERUSER,
        "permissions": read::permissions(entry),
    });
    if let Some(expires) = entry.expires {
        listed["expiryTime"] = json!(expires.file_time().to_string());
    }
    if entry.is_directory() {
        listed["isDirectory"] = json!("true");
    }
    listed
}
