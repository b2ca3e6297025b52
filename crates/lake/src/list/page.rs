//! One page of a listing: asked for, and held to what a page can be.

use std::{collections::VecDeque, sync::Arc};

use http::Method;
use serde::{Deserialize, Deserializer};

use super::{ListDepth, ListOptions, PathEntry};
use crate::{
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    properties::PathType,
    wire::{Endpoint, Headers, Request, Wire},
};

/// A listing under way, between two of its pages.
pub(crate) struct Pages {
    wire: Arc<Wire>,
    directory: LakePath,
    options: ListOptions,
    next: Next,
    /// How many pages in a row had nothing on them.
    empty: u32,
}

enum Next {
    First,
    After(String),
    End,
}

impl Pages {
    pub(crate) fn new(wire: Arc<Wire>, directory: LakePath, options: ListOptions) -> Self {
        Self { wire, directory, options, next: Next::First, empty: 0 }
    }

    /// Whether the last page has been read.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.next, Next::End)
    }

    /// Ends the listing where it is.
    pub(crate) fn end(&mut self) {
        self.next = Next::End;
    }

    /// The next page, which may be empty; `None` behind the last.
    pub(crate) async fn page(&mut self) -> Result<Option<VecDeque<PathEntry>>> {
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
        if let Some(name) = &self.options.begin_from {
            pairs.push(("beginFrom", name));
        }
        if let Some(token) = token {
            pairs.push(("continuation", token));
        }
        let root = LakePath::root(self.directory.filesystem().clone());
        let url = self.wire.url(Endpoint::Dfs, &root, &pairs);
        let request = Request::new("list", self.directory.to_string(), Method::GET, url);
        let (headers, body) = self.wire.fetch(&request, LONGEST_PAGE_BYTES).await?;
        let entries = parse_page(&body, &self.directory)
            .map_err(|mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake))?;
        let next = match headers.text("x-ms-continuation").filter(|token| !token.is_empty()) {
            Some(token) => Next::After(token.to_owned()),
            None => Next::End,
        };
        self.empty = if entries.is_empty() { self.empty + 1 } else { 0 };
        self.check_progress(&request, &next)?;
        self.next = next;
        Ok(Some(entries))
    }

    /// A listing that leads round in a circle, or on for ever without an entry, has to end.
    fn check_progress(&self, request: &Request, next: &Next) -> Result<(), Error> {
        let endless = |detail: String| {
            Err(request.error(ErrorKind::InvalidResponse).with_detail(detail).with_hint(
                "the service, or what stands before it, does not get on with this listing: try \
                 again later, or list the directories in it one by one",
            ))
        };
        match (&self.next, next) {
            (Next::After(before), Next::After(after)) if before == after => {
                endless("the service sent the same continuation token twice".to_owned())
            }
            (_, Next::After(_)) if self.empty >= MOST_EMPTY_PAGES => endless(format!(
                "the service sent {MOST_EMPTY_PAGES} empty pages in a row, each with a \
                 continuation token"
            )),
            _ => Ok(()),
        }
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
        let path = directory.listed(&self.name)?;
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

/// The service sends some where much was deleted, and never thousands.
const MOST_EMPTY_PAGES: u32 = 1_000;

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
