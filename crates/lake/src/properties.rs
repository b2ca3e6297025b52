//! What there is at a path.

use futures::StreamExt;
use http::Method;
use time::OffsetDateTime;

use crate::{
    client::LakeClient,
    content_headers::ContentHeaders,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    lease::LeaseState,
    list::ListOptions,
    metadata::Metadata,
    namespace::Namespace,
    path::LakePath,
    wire::{Endpoint, Headers, Request},
};

/// What the service knows of a file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathProperties {
    /// Where it is.
    pub path: LakePath,
    /// File or directory.
    pub path_type: PathType,
    /// Length in bytes; 0 for a directory.
    pub size: u64,
    /// The mark of its present state; empty for a directory that no blob of a flat account marks.
    pub etag: ETag,
    /// When it was changed, in UTC and whole seconds; for a directory, when it was made or renamed.
    pub last_modified: Option<OffsetDateTime>,
    /// `Content-Type`, which writers may set; `application/octet-stream` if they did not.
    pub content_type: Option<String>,
    /// All content headers that the file is served with, `content_type` among them.
    pub headers: ContentHeaders,
    /// What users keep with it.
    pub metadata: Metadata,
    /// Its lease, if the service says so.
    pub lease: Option<LeaseState>,
    /// When it was made, in UTC and whole seconds.
    pub created_on: Option<OffsetDateTime>,
    /// When it vanishes by itself, in UTC and whole seconds; `None` for never.
    pub expires_on: Option<OffsetDateTime>,
}

/// File or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathType {
    /// A directory, possibly empty.
    Directory,
    /// A file.
    File,
}

impl PathProperties {
    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.path_type == PathType::Directory
    }
}

impl LakeClient {
    /// Asks whether a file or directory is at `path`. A filesystem that does not exist holds none.
    ///
    /// # Errors
    /// `PermissionDenied`, `Unauthenticated`, `Connect` and what else keeps the service from
    /// answering; never `NotFound`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn exists(&self, path: &LakePath) -> Result<bool> {
        match self.properties(path).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Asks for the properties of the file or directory at `path`.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `PermissionDenied`: the identity may not read there.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/get-properties>
    pub async fn properties(&self, path: &LakePath) -> Result<PathProperties> {
        // The root of a filesystem answers to properties of its own, which have no type.
        if path.is_root() {
            return self.root_properties(path).await;
        }
        let url = self.wire.url(Endpoint::Dfs, path, &[]);
        let request = Request::new("look at", path.to_string(), Method::HEAD, url);
        let response = match self.wire.send(&request).await {
            Ok((response, _)) => response,
            Err(error) => return self.implied_directory(path, error).await,
        };
        let headers = response.headers();
        let path_type = if headers.is_directory() { PathType::Directory } else { PathType::File };
        let size = match path_type {
            PathType::Directory => 0,
            PathType::File => {
                headers.content_length().ok_or_else(|| missing(&request, "Content-Length"))?
            }
        };
        Ok(PathProperties {
            path: path.clone(),
            path_type,
            size,
            etag: headers.etag().ok_or_else(|| missing(&request, "ETag"))?,
            last_modified: headers.last_modified(),
            content_type: headers.content_type(),
            headers: ContentHeaders::of_answer(headers),
            metadata: metadata(&request, headers)?,
            lease: headers.text("x-ms-lease-state").and_then(LeaseState::parse),
            created_on: headers.date("x-ms-creation-time"),
            expires_on: headers.date("x-ms-expiry-time"),
        })
    }

    /// A directory of a flat account that only is there because names begin with it, or `error`.
    async fn implied_directory(&self, path: &LakePath, error: Error) -> Result<PathProperties> {
        let is_absent = error.kind() == ErrorKind::NotFound
            && error.service_code() != Some("FilesystemNotFound");
        if !is_absent || self.namespace(path.filesystem()).await.ok() != Some(Namespace::Flat) {
            return Err(error);
        }
        let one = ListOptions::default().with_page_size(1);
        match self.list_opts(path, one).next().await {
            Some(Ok(_)) => Ok(PathProperties {
                path: path.clone(),
                path_type: PathType::Directory,
                size: 0,
                // It has no state of its own.
                etag: ETag::from_header(""),
                last_modified: None,
                content_type: None,
                headers: ContentHeaders::default(),
                metadata: Metadata::default(),
                lease: None,
                created_on: None,
                expires_on: None,
            }),
            Some(Err(other)) if other.kind() != ErrorKind::NotFound => Err(other),
            _ => Err(error),
        }
    }

    async fn root_properties(&self, path: &LakePath) -> Result<PathProperties> {
        let url = self.wire.url(Endpoint::Dfs, path, &[("resource", "filesystem")]);
        let request = Request::new("look at", path.to_string(), Method::HEAD, url);
        let (response, _) = self.wire.send(&request).await?;
        let headers = response.headers();
        Ok(PathProperties {
            path: path.clone(),
            path_type: PathType::Directory,
            size: 0,
            etag: headers.etag().ok_or_else(|| missing(&request, "ETag"))?,
            last_modified: headers.last_modified(),
            content_type: None,
            headers: ContentHeaders::default(),
            metadata: metadata(&request, headers)?,
            lease: headers.text("x-ms-lease-state").and_then(LeaseState::parse),
            created_on: None,
            expires_on: None,
        })
    }
}

fn metadata(request: &Request, headers: &reqwest::header::HeaderMap) -> Result<Metadata> {
    Metadata::of_properties(headers.text("x-ms-properties"))
        .map_err(|mistake| request.error(ErrorKind::InvalidResponse).with_detail(mistake))
}

/// The answer lacks a header that it must have.
pub(crate) fn missing(request: &Request, header: &str) -> Error {
    request.error(ErrorKind::InvalidResponse).with_detail(format!("the answer has no {header}"))
}
