//! Listing directories, page by page.

use std::{collections::VecDeque, sync::Arc};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::Method;
use serde::{Deserialize, Deserializer};
use time::OffsetDateTime;

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    properties::PathType,
    wire::{Endpoint, Headers, Request, Wire, collect},
};

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathEntry {
    /// Where it is, from the filesystem's root.
    pub path: LakePath,
    /// File or directory.
    pub path_type: PathType,
    /// Length in bytes; 0 for a directory.
    pub size: u64,
    /// The mark of its present state, if the service sent one.
    pub etag: Option<ETag>,
    /// When it was changed, in UTC and whole seconds.
    pub last_modified: Option<OffsetDateTime>,
}

/// How far down a listing goes, and in what portions.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListOptions {
    depth: ListDepth,
    page_size: u32,
}

/// How far down a listing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ListDepth {
    /// What is in the directory itself.
    #[default]
    Directory,
    /// All that is below it.
    Recursive,
}

impl Default for ListOptions {
    /// The directory itself, in pages of 5,000.
    fn default() -> Self {
        Self { depth: ListDepth::Directory, page_size: LARGEST_PAGE }
    }
}

impl ListOptions {
    /// How far down to go. Default: [`ListDepth::Directory`].
    #[must_use]
    pub fn with_depth(mut self, depth: ListDepth) -> Self {
        self.depth = depth;
        self
    }

    /// Entries that one request asks for (`maxResults`). Default and most: 5,000; 0 means 1.
    #[must_use]
    pub fn with_page_size(mut self, page_size: u32) -> Self {
        self.page_size = page_size.clamp(1, LARGEST_PAGE);
        self
    }
}

impl PathEntry {
    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.path_type == PathType::Directory
    }
}

impl LakeClient {
    /// Lists what is in the directory at `path`, itself excluded, in the service's order.
    ///
    /// Returns a stream that asks for the next page when the last is used up, and ends after the
    /// first error. It holds one page at a time.
    ///
    /// # Errors
    /// - `NotFound`: there is no such directory.
    /// - `InvalidResponse`: the service named something outside of the directory.
    ///
    /// # Cancel safety
    /// Safe: dropping the stream, or the future of its next item, changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>
    pub fn list(&self, path: &LakePath) -> BoxStream<'static, Result<PathEntry>> {
        self.list_opts(path, ListOptions::default())
    }

    /// As [`list`](Self::list), with options.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// As [`list`](Self::list).
    pub fn list_opts(
        &self,
        path: &LakePath,
        options: ListOptions,
    ) -> BoxStream<'static, Result<PathEntry>> {
        let pages = Pages {
            wire: Arc::clone(&self.wire),
            directory: path.clone(),
            options,
            next: Next::First,
        };
        stream::try_unfold(pages, |mut pages| async move {
            let entries = pages.page().await?;
            Ok::<_, Error>(entries.map(|entries| (stream::iter(entries).map(Ok), pages)))
        })
        .try_flatten()
        .boxed()
    }
}

struct Pages {
    wire: Arc<Wire>,
    directory: LakePath,
    options: ListOptions,
    next: Next,
}

enum Next {
    First,
    After(String),
    End,
}

impl Pages {
    async fn page(&mut self) -> Result<Option<VecDeque<PathEntry>>> {
        let token = match &self.next {
            Next::First => None,
            Next::After(token) => Some(token.as_str()),
            Next::End => return Ok(None),
        };
        let recursive = match self.options.depth {
            ListDepth::Directory => "false",
            ListDepth::Recursive => "true",
        };
        let page_size = self.options.page_size.to_string();
        let mut pairs = vec![
            ("resource", "filesystem"),
            ("recursive", recursive),
            ("maxResults", page_size.as_str()),
        ];
        if !self.directory.is_root() {
            pairs.push(("directory", self.directory.path()));
        }
        if let Some(token) = token {
            pairs.push(("continuation", token));
        }
        let root = LakePath::root(self.directory.filesystem().clone());
        let url = self.wire.url(Endpoint::Dfs, &root, &pairs);
        let request = Request::new("list", self.directory.to_string(), Method::GET, url);

        let mut attempts = self.wire.attempts();
        let (token, body) = loop {
            let page = async {
                let response = self.wire.send_once(&request).await?;
                let token = response.headers().text("x-ms-continuation").map(str::to_owned);
                Ok((token, collect(response, &request, LONGEST_PAGE_BYTES).await?))
            };
            match page.await {
                Ok(page) => break page,
                Err(error) => attempts.pause_or_give_up(error).await?,
            }
        };
        let entries = parse_page(&body, &self.directory)
            .map_err(|mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake))?;
        self.next = match token.filter(|token| !token.is_empty()) {
            Some(token) => Next::After(token),
            None => Next::End,
        };
        Ok(Some(entries))
    }
}

fn parse_page(body: &[u8], directory: &LakePath) -> Result<VecDeque<PathEntry>, String> {
    let page: Page = serde_json::from_slice(body)
        .map_err(|error| format!("the listing is malformed: {error}"))?;
    page.paths.into_iter().map(|line| line.into_entry(directory)).collect()
}

#[derive(Deserialize)]
struct Page {
    paths: Vec<Line>,
}

/// The service writes numbers and booleans as strings, other servers do not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    #[serde(default, deserialize_with = "boolean")]
    is_directory: bool,
    #[serde(default, deserialize_with = "number")]
    content_length: u64,
    #[serde(alias = "eTag")]
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Line {
    fn into_entry(self, directory: &LakePath) -> Result<PathEntry, String> {
        let path = LakePath::new(directory.filesystem().clone(), &self.name)
            .ok()
            .filter(|path| path.path() == self.name.trim_matches('/'))
            .filter(|path| path.relative_to(directory).is_some_and(|below| !below.is_empty()));
        let Some(path) = path else {
            return Err(format!("the listing names `{}`, which is not below", self.name));
        };
        let path_type = if self.is_directory { PathType::Directory } else { PathType::File };
        Ok(PathEntry {
            path,
            path_type,
            size: if self.is_directory { 0 } else { self.content_length },
            etag: self.etag.as_deref().map(ETag::from_header),
            last_modified: self
                .last_modified
                .and_then(|date| httpdate::parse_http_date(&date).ok())
                .map(Into::into),
        })
    }
}

fn boolean<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Plain(bool),
        Text(String),
    }
    match Either::deserialize(value)? {
        Either::Plain(value) => Ok(value),
        Either::Text(text) => text.to_ascii_lowercase().parse().map_err(serde::de::Error::custom),
    }
}

fn number<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Plain(u64),
        Text(String),
    }
    match Either::deserialize(value)? {
        Either::Plain(value) => Ok(value),
        Either::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>
const LARGEST_PAGE: u32 = 5000;

/// 5,000 entries with names of 1,024 four-byte characters, escaped, stay below this.
const LONGEST_PAGE_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_plain_values_are_both_read() {
        // The first line is an answer of the service as its documentation shows it.
        let body = br#"{"paths":[
            {"contentLength":"5","etag":"0x8D8","lastModified":"Tue, 24 Nov 2026 06:00:00 GMT","name":"a/b c"},
            {"name":"a/d","isDirectory":"true","contentLength":"0"},
            {"name":"a/e","isDirectory":true,"contentLength":0},
            {"name":"a/f","isDirectory":false,"contentLength":7,"eTag":"\"0x8D9\""}]}"#;
        let entries = parse_page(body, &"raw/a".parse().unwrap()).unwrap();
        let facts: Vec<_> =
            entries.iter().map(|e| (e.path.to_string(), e.is_directory(), e.size)).collect();
        assert_eq!(
            facts,
            [
                ("raw/a/b c".to_owned(), false, 5),
                ("raw/a/d".to_owned(), true, 0),
                ("raw/a/e".to_owned(), true, 0),
                ("raw/a/f".to_owned(), false, 7)
            ]
        );
        assert_eq!(entries[0].etag, Some(ETag::from_header("0x8D8")));
        assert_eq!(entries[0].last_modified.unwrap().unix_timestamp(), 1_795_500_000);
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["a/../../etc/passwd", "b/c", "a", "", "..", "a//x", "a/\n"] {
            let body = serde_json::json!({ "paths": [{ "name": name }] }).to_string();
            assert!(parse_page(body.as_bytes(), &"raw/a".parse().unwrap()).is_err(), "{name:?}");
        }
    }

    #[test]
    fn malformed_pages_are_refused() {
        for body in [
            &b""[..],
            b"[]",
            b"{\"paths\":1}",
            b"{\"paths\":[{\"name\":\"a\",\"contentLength\":\"-1\"}]}",
        ] {
            assert!(parse_page(body, &"raw/".parse().unwrap()).is_err());
        }
    }
}
