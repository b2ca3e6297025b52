//! Making, renaming and deleting: one request each at the dfs endpoint, atomic on the service's side.

use http::{Method, header::IF_NONE_MATCH};
use reqwest::header::{HeaderName, IF_MATCH};
use uuid::Uuid;

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    lease::{LeaseId, leased, source_leased},
    path::{FilesystemName, LakePath, encode_path},
    wire::{Body, Endpoint, Headers, Request, X_MS_CLIENT_TRANSACTION_ID},
};

/// How a path is deleted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DeleteOptions {
    condition: WriteCondition,
    lease: Option<LeaseId>,
}

/// How a path is renamed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RenameOptions {
    condition: WriteCondition,
    lease: Option<LeaseId>,
    source_if_match: Option<ETag>,
    source_lease: Option<LeaseId>,
}

impl DeleteOptions {
    /// What has to be true of the path. Default [`WriteCondition::Always`].
    #[must_use]
    pub fn with_condition(mut self, condition: WriteCondition) -> Self {
        self.condition = condition;
        self
    }

    /// The lease of the path, needed if it is leased. Default: none.
    #[must_use]
    pub fn with_lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }
}

impl RenameOptions {
    /// What has to be true of the new name. Default [`WriteCondition::Always`].
    #[must_use]
    pub fn with_condition(mut self, condition: WriteCondition) -> Self {
        self.condition = condition;
        self
    }

    /// The lease of what has the new name, needed if that is leased. Default: none.
    #[must_use]
    pub fn with_lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Renames only if the source is still in this state (`x-ms-source-if-match`). Default: in
    /// whatever state it is.
    #[must_use]
    pub fn with_source_if_match(mut self, etag: ETag) -> Self {
        self.source_if_match = Some(etag);
        self
    }

    /// The lease of what is renamed (`x-ms-source-lease-id`), needed if that is leased; it goes
    /// along. Default: none.
    #[must_use]
    pub fn with_source_lease(mut self, lease: LeaseId) -> Self {
        self.source_lease = Some(lease);
        self
    }
}

impl LakeClient {
    /// Asks whether the filesystem `name` exists.
    ///
    /// # Errors
    /// What keeps the service from answering; never `NotFound`.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn filesystem_exists(&self, name: &FilesystemName) -> Result<bool> {
        self.exists(&LakePath::root(name.clone())).await
    }

    /// Makes the filesystem `name`.
    ///
    /// # Errors
    /// - `AlreadyExists`: it is there. After a lost answer it may be this call that made it.
    /// - `Conflict`: one of this name is still being deleted.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the filesystem was made.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/filesystem/create>
    pub async fn create_filesystem(&self, name: &FilesystemName) -> Result<()> {
        let root = LakePath::root(name.clone());
        let url = self.wire.url(Endpoint::Dfs, &root, &[("resource", "filesystem")]);
        let request =
            Request::new("create filesystem", name.as_str(), Method::PUT, url).body(Body::empty());
        self.wire.send(&request).await.map(drop)
    }

    /// Makes the directory `path` and those above it. One that is there already is left as it is.
    ///
    /// # Errors
    /// - `AlreadyExists`: a file has that name.
    /// - `NotFound`: there is no such filesystem.
    ///
    /// # Cancel safety
    /// Safe to repeat; a dropped future leaves open whether the directory was made.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create>
    pub async fn create_directory(&self, path: &LakePath) -> Result<()> {
        if path.is_root() {
            return self.properties(path).await.map(drop);
        }
        let url = self.wire.url(Endpoint::Dfs, path, &[("resource", "directory")]);
        let request = Request::new("create directory", path.to_string(), Method::PUT, url)
            .header(IF_NONE_MATCH, "*")?
            .body(Body::empty());
        match self.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let is_directory = match error.existing() {
                    Some(kind) => kind.eq_ignore_ascii_case("directory"),
                    None => self.properties(path).await.is_ok_and(|found| found.is_directory()),
                };
                if is_directory { Ok(()) } else { Err(error) }
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes the file or the empty directory at `path`.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `Conflict`: the directory is not empty (`DirectoryNotEmpty`).
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was deleted.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/delete>
    pub async fn delete(&self, path: &LakePath) -> Result<()> {
        self.delete_opts(path, &DeleteOptions::default()).await
    }

    /// As [`delete`](Self::delete), with options.
    ///
    /// # Errors
    /// As [`delete`](Self::delete), and `PreconditionFailed`: the condition does not hold, or the
    /// path is leased (`LeaseIdMissing`).
    ///
    /// # Cancel safety
    /// As [`delete`](Self::delete).
    pub async fn delete_opts(&self, path: &LakePath, options: &DeleteOptions) -> Result<()> {
        self.delete_with(path, "false", options).await
    }

    /// Deletes the file at `path`, or the directory with all that is below it.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: `path` is the filesystem's root.
    ///
    /// # Cancel safety
    /// A dropped future leaves open what was deleted: a very large directory takes several
    /// requests, as does any in a flat account. Repeating it deletes the rest.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/delete>
    pub async fn delete_recursive(&self, path: &LakePath) -> Result<()> {
        self.delete_recursive_opts(path, &DeleteOptions::default()).await
    }

    /// As [`delete_recursive`](Self::delete_recursive), with options, which are about `path` itself.
    ///
    /// # Errors
    /// As [`delete_recursive`](Self::delete_recursive), and `PreconditionFailed`: the condition
    /// does not hold, or the path is leased (`LeaseIdMissing`).
    ///
    /// # Cancel safety
    /// As [`delete_recursive`](Self::delete_recursive).
    pub async fn delete_recursive_opts(
        &self,
        path: &LakePath,
        options: &DeleteOptions,
    ) -> Result<()> {
        self.delete_with(path, "true", options).await
    }

    async fn delete_with(
        &self,
        path: &LakePath,
        recursive: &str,
        options: &DeleteOptions,
    ) -> Result<()> {
        if path.is_root() {
            return Err(Error::invalid_input(
                "delete",
                path.to_string(),
                "this is the root of the filesystem",
            )
            .with_hint("name what is to be deleted in it"));
        }
        let mut continuation = String::new();
        let mut began = false;
        loop {
            let mut pairs = vec![("recursive", recursive)];
            if recursive == "true" {
                // Without it a deep tree is checked for permissions in one request, and times out.
                pairs.push(("paginated", "true"));
            }
            if !continuation.is_empty() {
                pairs.push(("continuation", &continuation));
            }
            let url = self.wire.url(Endpoint::Dfs, path, &pairs);
            let request = Request::new("delete", path.to_string(), Method::DELETE, url);
            let request = leased(conditional(request, &options.condition)?, options.lease.as_ref());
            match self.wire.send(&request).await {
                Ok((response, _)) => {
                    match response.headers().text("x-ms-continuation") {
                        Some(token) if !token.is_empty() => continuation = token.to_owned(),
                        _ => return Ok(()),
                    }
                    began = true;
                }
                // An attempt whose answer was lost has done it.
                Err(error)
                    if error.kind() == ErrorKind::NotFound && (began || error.attempts() > 1) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Renames the file or directory `from` to `to`, in one step and with all that is below it.
    ///
    /// `condition` is about `to`: under [`WriteCondition::Always`] a file, or an empty directory,
    /// that has the name is replaced.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `from`, or no directory for `to` to be in.
    /// - `AlreadyExists`: the condition is [`WriteCondition::IfAbsent`], and `to` is there.
    /// - `Conflict`: a directory would replace a file, one that is not empty, or be put into itself.
    /// - `Unsupported`: the account has no hierarchical namespace. Whether it has one is asked
    ///   before the first rename, unless it is known; see [`namespace`](Self::namespace).
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the rename was done; it is never half done.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/create>
    pub async fn rename(
        &self,
        from: &LakePath,
        to: &LakePath,
        condition: &WriteCondition,
    ) -> Result<()> {
        let options = RenameOptions::default().with_condition(condition.clone());
        self.rename_opts(from, to, &options).await
    }

    /// As [`rename`](Self::rename), with options.
    ///
    /// # Errors
    /// As [`rename`](Self::rename), and `PreconditionFailed`: one of the two is in another state
    /// than it must be, or leased (`LeaseIdMissing`).
    ///
    /// # Cancel safety
    /// As [`rename`](Self::rename).
    pub async fn rename_opts(
        &self,
        from: &LakePath,
        to: &LakePath,
        options: &RenameOptions,
    ) -> Result<()> {
        for path in [from, to] {
            if path.is_root() {
                return Err(Error::invalid_input(
                    "rename",
                    path.to_string(),
                    "the root of a filesystem cannot be renamed or replaced",
                ));
            }
        }
        // A flat account would do it too: file by file, and stop anywhere.
        self.need_hierarchy("rename", from).await?;
        let source = ["/", from.filesystem().as_str(), "/", &encode_path(from.path())].concat();
        let transaction = Uuid::new_v4().to_string();
        let url = self.wire.url(Endpoint::Dfs, to, &[("mode", "posix")]);
        let request = Request::new("rename", from.to_string(), Method::PUT, url)
            .header(X_MS_RENAME_SOURCE, &source)?
            .header(X_MS_CLIENT_TRANSACTION_ID, &transaction)?
            .body(Body::empty());
        let request = match &options.source_if_match {
            Some(etag) => request.header(X_MS_SOURCE_IF_MATCH, etag.as_str())?,
            None => request,
        };
        let request = leased(conditional(request, &options.condition)?, options.lease.as_ref());
        let request = source_leased(request, options.source_lease.as_ref());
        match self.wire.send(&request).await {
            Ok(_) => Ok(()),
            // The rename may be ours, done by an attempt whose answer was lost.
            Err(error) if error.attempts() > 1 && self.was_ours(to, &transaction).await => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(error.with_detail(format!("`{to}` exists")))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the last create or rename of `path` was the one with this transaction id.
    async fn was_ours(&self, path: &LakePath, transaction: &str) -> bool {
        let url = self.wire.url(Endpoint::Dfs, path, &[("action", "getStatus")]);
        let request = Request::new("look at", path.to_string(), Method::HEAD, url);
        let Ok((response, _)) = self.wire.send(&request).await else {
            return false;
        };
        response.headers().text(X_MS_CLIENT_TRANSACTION_ID.as_str()) == Some(transaction)
    }
}

/// `request`, to be refused unless `condition` holds of its target.
pub(crate) fn conditional(request: Request, condition: &WriteCondition) -> Result<Request> {
    match condition {
        WriteCondition::Always => Ok(request),
        WriteCondition::IfAbsent => request.header(IF_NONE_MATCH, "*"),
        WriteCondition::IfMatch(etag) => request.header(IF_MATCH, etag.as_str()),
    }
}

const X_MS_RENAME_SOURCE: HeaderName = HeaderName::from_static("x-ms-rename-source");
const X_MS_SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-ms-source-if-match");
