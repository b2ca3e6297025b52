//! Filesystems of an account: which there are, what is said of them, their end.

use std::{collections::VecDeque, sync::Arc};

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::Method;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    lease::{LeaseId, LeaseState, leased},
    metadata::Metadata,
    path::{FilesystemName, LakePath},
    properties::missing,
    wire::{Endpoint, Headers, Request, Wire},
};

/// One line of the list of filesystems.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemEntry {
    /// Its name.
    pub name: FilesystemName,
    /// The mark of its present state, if the service sent one.
    pub etag: Option<ETag>,
    /// When it or its properties were changed, in UTC and whole seconds.
    pub last_modified: Option<OffsetDateTime>,
}

/// What the service knows of a filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemProperties {
    /// The mark of its present state.
    pub etag: ETag,
    /// When it or its properties were changed, in UTC and whole seconds.
    pub last_modified: Option<OffsetDateTime>,
    /// What users keep with it.
    pub metadata: Metadata,
    /// Whether the account has a hierarchical namespace, if the service says so.
    pub is_hierarchical: Option<bool>,
    /// Its lease, if the service says so.
    pub lease: Option<LeaseState>,
}

impl LakeClient {
    /// Lists the filesystems whose names begin with `prefix`, by name; an empty one lists all.
    ///
    /// Returns a stream that asks for the next page when the last is used up, and ends after the
    /// first error.
    ///
    /// # Errors
    /// `PermissionDenied`: a role on one filesystem alone does not suffice.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/list>
    pub fn list_filesystems(&self, prefix: &str) -> BoxStream<'static, Result<FilesystemEntry>> {
        let pages =
            Pages { wire: Arc::clone(&self.wire), prefix: prefix.to_owned(), next: Next::First };
        stream::try_unfold(pages, |mut pages| async move {
            let entries = pages.page().await?;
            Ok::<_, Error>(entries.map(|entries| (stream::iter(entries).map(Ok), pages)))
        })
        .try_flatten()
        .boxed()
    }

    /// Asks what the service knows of the filesystem `name`.
    ///
    /// # Errors
    /// `NotFound`: there is no such filesystem.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/get-properties>
    pub async fn filesystem_properties(
        &self,
        name: &FilesystemName,
    ) -> Result<FilesystemProperties> {
        let request = self.filesystem_request("look at", name, Method::HEAD);
        let (response, _) = self.wire.send(&request).await?;
        let headers = response.headers();
        let metadata = Metadata::of_properties(headers.text("x-ms-properties"))
            .map_err(|mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake))?;
        Ok(FilesystemProperties {
            etag: headers.etag().ok_or_else(|| missing(&request, "ETag"))?,
            last_modified: headers.last_modified(),
            metadata,
            is_hierarchical: headers
                .text("x-ms-namespace-enabled")
                .and_then(|text| text.parse().ok()),
            lease: headers.text("x-ms-lease-state").and_then(LeaseState::parse),
        })
    }

    /// Deletes the filesystem `name` with everything in it. Its name is free again after some 30
    /// seconds; until then making one is a `Conflict`, which is tried again.
    ///
    /// `lease`: needed if the filesystem is leased.
    ///
    /// # Errors
    /// - `NotFound`: there is no such filesystem.
    /// - `PreconditionFailed`: it is leased (`LeaseIdMissing`).
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was deleted.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/delete>
    pub async fn delete_filesystem(
        &self,
        name: &FilesystemName,
        lease: Option<&LeaseId>,
    ) -> Result<()> {
        let request = self.filesystem_request("delete filesystem", name, Method::DELETE);
        match self.wire.send(&leased(request, lease)).await {
            Ok(_) => Ok(()),
            // An attempt whose answer was lost has done it.
            Err(error) if error.kind() == ErrorKind::NotFound && error.attempts() > 1 => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn filesystem_request(
        &self,
        operation: &'static str,
        name: &FilesystemName,
        method: Method,
    ) -> Request {
        let root = LakePath::root(name.clone());
        let url = self.wire.url(Endpoint::Dfs, &root, &[("resource", "filesystem")]);
        Request::new(operation, name.as_str(), method, url)
    }
}

struct Pages {
    wire: Arc<Wire>,
    prefix: String,
    next: Next,
}

enum Next {
    First,
    After(String),
    End,
}

impl Pages {
    async fn page(&mut self) -> Result<Option<VecDeque<FilesystemEntry>>> {
        let token = match &self.next {
            Next::First => None,
            Next::After(token) => Some(token.as_str()),
            Next::End => return Ok(None),
        };
        let mut pairs = vec![("resource", "account")];
        if !self.prefix.is_empty() {
            pairs.push(("prefix", &self.prefix));
        }
        if let Some(token) = token {
            pairs.push(("continuation", token));
        }
        let url = self.wire.account_url(Endpoint::Dfs, &pairs);
        let account = self.wire.account().as_str();
        let request = Request::new("list filesystems of", account, Method::GET, url);
        let (headers, body) = self.wire.fetch(&request, LONGEST_PAGE_BYTES).await?;
        let next = headers.text("x-ms-continuation").filter(|next| !next.is_empty());
        let wrong = |mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake);
        if next.is_some() && next == token {
            return Err(wrong("the list goes round in a circle".to_owned()));
        }
        let entries = parse(&body).map_err(wrong)?;
        self.next = next.map_or(Next::End, |next| Next::After(next.to_owned()));
        Ok(Some(entries))
    }
}

fn parse(body: &[u8]) -> Result<VecDeque<FilesystemEntry>, String> {
    let page: Page = serde_json::from_slice(body)
        .map_err(|error| format!("the list of filesystems is malformed: {error}"))?;
    let entries = page.filesystems.into_iter().map(|line| {
        let name =
            line.name.parse().map_err(|_| format!("`{}` is no name of a filesystem", line.name))?;
        Ok(FilesystemEntry {
            name,
            etag: line.etag.as_deref().map(ETag::from_header),
            last_modified: line
                .last_modified
                .and_then(|date| httpdate::parse_http_date(&date).ok())
                .map(Into::into),
        })
    });
    entries.collect()
}

#[derive(Deserialize)]
struct Page {
    filesystems: Vec<Line>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    name: String,
    #[serde(alias = "eTag")]
    etag: Option<String>,
    last_modified: Option<String>,
}

/// 5,000 lines of some 200 bytes, with room to spare.
const LONGEST_PAGE_BYTES: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_and_a_name_that_cannot_be_is_refused() {
        // The line is of the example in the service's documentation, with a name of our own.
        let body = br#"{"filesystems":[{"etag":"0x8D5F4B6B5D4B6B5","lastModified":"Tue, 24 Nov 2026 06:00:00 GMT","name":"raw"},{"name":"$web","eTag":"0x1"}]}"#;
        let entries = parse(body).unwrap();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].name.as_str(), "raw");
        assert_eq!(entries[0].last_modified.unwrap().unix_timestamp(), 1_795_500_000);
        assert_eq!(entries[1].etag, Some(ETag::from_header("\"0x1\"")));
        for wrong in [&b""[..], b"{}", br#"{"filesystems":[{"name":"../x"}]}"#] {
            assert!(parse(wrong).is_err());
        }
    }
}
