//! List Paths.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::flat_list;
use crate::lake::{
    Lake,
    continuation::{self, Turn},
    failure::{Code, Failure},
    name::PathName,
    namespace,
    reply::Reply,
    request::LakeRequest,
    store::{Entry, Namespace, PageQuery},
};

/// Which paths a request asks for.
pub(super) struct PathsQuery {
    pub(super) directory: PathName,
    pub(super) recursive: bool,
    pub(super) limit: usize,
    /// Below the directory.
    pub(super) begin_from: Option<PathName>,
}

pub(super) fn paths(lake: &Lake, request: &LakeRequest, name: &str) -> Result<Reply, Failure> {
    let query = PathsQuery::of(request)?;
    // Principals without a user principal name stay object ids, and there are no others here.
    request.query.flag("upn")?;
    let has_empty_pages =
        namespace::account(lake, &request.account).is_some_and(|account| account.empty_pages);
    let token = continuation::decode("continuation", request.query.get("continuation"))?;
    let turn = Turn::of(token, has_empty_pages);
    let is_flat = lake.store.namespace(&request.account)? == Namespace::Flat;
    let (paths, next) = lake.store.with_filesystem(&request.account, name, |filesystem| {
        if is_flat {
            return flat_list::page(filesystem, &query, turn.after.clone());
        }
        if !filesystem.existing(&query.directory)?.is_directory() {
            return Err(Failure::new(Code::PathNotFound));
        }
        let page_query = PageQuery::of_directory(&query.directory, query.recursive);
        let from = query
            .begin_from
            .as_ref()
            .map(|below| [&page_query.key_prefix, below.sort_key().as_str()].concat());
        let page = filesystem.page(&PageQuery {
            after: turn.after.clone(),
            from,
            limit: query.limit,
            ..page_query
        });
        let paths = page.entries.iter().map(|(path, entry)| listed(path, entry)).collect();
        Ok((paths, page.next_after))
    })?;
    if turn.is_empty {
        return Ok(Reply::json(StatusCode::OK, &json!({ "paths": [] }))
            .with("x-ms-continuation", &turn.full_page()));
    }
    let paths: Vec<Value> = paths;
    let reply = Reply::json(StatusCode::OK, &json!({ "paths": paths }));
    Ok(match next {
        Some(after) => reply.with("x-ms-continuation", &continuation::encode(&after)),
        None => reply,
    })
}

impl PathsQuery {
    fn of(request: &LakeRequest) -> Result<Self, Failure> {
        let query = &request.query;
        let recursive =
            query.flag("recursive")?.ok_or_else(|| Failure::missing_query("recursive"))?;
        let begin_from = query.get("beginfrom").filter(|text| !text.is_empty());
        let begin_from = begin_from.map(PathName::parse).transpose()?;
        if !recursive && begin_from.as_ref().is_some_and(|path| path.as_str().contains('/')) {
            // Without what is in directories, there is one level to begin at.
            return Err(Failure::query("beginFrom", query.get("beginfrom").unwrap_or_default()));
        }
        Ok(Self {
            directory: PathName::parse(query.get("directory").unwrap_or_default())?,
            recursive,
            limit: query.page_size("maxresults")?,
            begin_from,
        })
    }
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
        "owner": entry.access.owner,
        "group": entry.access.group,
        "permissions": entry.access.permissions(),
    });
    if let Some(expires) = entry.expires {
        listed["expiryTime"] = json!(expires.file_time().to_string());
    }
    if entry.is_directory() {
        listed["isDirectory"] = json!("true");
    }
    listed
}
