//! List Paths of an account without a hierarchical namespace: blobs as files, and as directories
//! those blobs that say they are one and, one level at a time, what names have in common.

use serde_json::{Value, json};

use super::list::PathsQuery;
use crate::lake::{
    failure::{Code, Failure},
    name::PathName,
    store::{BlobQuery, Entry, Filesystem, ListedBlob},
};

/// The paths of a page, and where the next one begins.
pub(super) fn page(
    filesystem: &Filesystem,
    query: &PathsQuery,
    position: Option<String>,
) -> Result<(Vec<Value>, Option<String>), Failure> {
    let directory = &query.directory;
    let is_marker = |path: &PathName| {
        filesystem.get(path).is_some_and(|entry| entry.properties.mark_a_directory())
    };
    let exists =
        directory.is_root() || is_marker(directory) || filesystem.has_names_below(directory);
    if !exists {
        return Err(Failure::new(Code::PathNotFound));
    }
    let prefix =
        if directory.is_root() { String::new() } else { [directory.as_str(), "/"].concat() };
    let page = filesystem.blobs(&BlobQuery {
        delimiter: (!query.recursive).then(|| "/".to_owned()),
        position,
        from: query.begin_from.as_ref().map(|below| [&prefix, below.as_str()].concat()),
        limit: query.limit,
        prefix,
        uncommitted: false,
    });
    let paths = page.items.iter().filter_map(|item| match item {
        ListedBlob::Blob(path, entry) => Some(listed(path, entry)),
        // Its own blob, which is listed already, sorts before it.
        ListedBlob::Prefix(prefix) => {
            PathName::parse(prefix).ok().filter(|path| !is_marker(path)).map(
                |path| json!({"name": path.as_str(), "isDirectory": "true", "contentLength": "0"}),
            )
        }
        ListedBlob::Uncommitted(_) => None,
    });
    Ok((paths.collect(), page.next))
}

fn listed(path: &PathName, entry: &Entry) -> Value {
    let mut listed = json!({
        "name": path.as_str(),
        "lastModified": entry.stamp.http_date(),
        "etag": entry.stamp.bare_etag(),
        "contentLength": entry.length().to_string(),
        "creationTime": entry.created.file_time().to_string(),
    });
    if entry.properties.mark_a_directory() {
        listed["isDirectory"] = json!("true");
    }
    listed
}
