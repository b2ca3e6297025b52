//! Paths that were deleted and can be restored, on accounts with soft delete.

mod page;

use std::sync::Arc;

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderName, Method};
use time::OffsetDateTime;

use self::page::DeletedPages;
use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    path::{LakePath, encode_path},
    properties::PathType,
    wire::{Body, Endpoint, Request},
};

/// A file, or a directory with all that was in it, that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeletedPath {
    /// Where it was.
    pub path: LakePath,
    /// Tells it from others that were deleted at the same path (`DeletionId`).
    pub deletion_id: String,
    /// File or directory, if the service says so.
    pub path_type: Option<PathType>,
    /// Length in bytes; 0 for a directory.
    pub size: u64,
    /// When it was deleted, in UTC and whole seconds.
    pub deleted_on: Option<OffsetDateTime>,
    /// Whole days until it is gone for good.
    pub remaining_retention_days: Option<u32>,
}

impl LakeClient {
    /// Lists what was deleted below the directory `path` and can be restored, in the order of
    /// names. Of a directory that was deleted with what was in it, only itself is listed.
    ///
    /// Returns a stream that asks for the next page when the last is used up, and ends after the
    /// first error.
    ///
    /// # Errors
    /// - `NotFound`: there is no such filesystem.
    /// - `InvalidResponse`: the service named something outside of the directory.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/list-blobs>
    pub fn list_deleted(&self, path: &LakePath) -> BoxStream<'static, Result<DeletedPath>> {
        let pages = DeletedPages::new(Arc::clone(&self.wire), path.clone());
        stream::try_unfold(pages, |mut pages| async move {
            let entries = pages.page().await?;
            Ok::<_, Error>(entries.map(|entries| (stream::iter(entries).map(Ok), pages)))
        })
        .try_flatten()
        .boxed()
    }

    /// Restores a deleted path where it was.
    ///
    /// # Errors
    /// - `NotFound`: it was restored already, or its time is over.
    /// - `AlreadyExists`, `Conflict`: something else is there now.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was restored.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/undelete-blob>
    pub async fn undelete(&self, deleted: &DeletedPath) -> Result<()> {
        let DeletedPath { path, deletion_id, .. } = deleted;
        let url = self.wire.url(Endpoint::Blob, path, &[("comp", "undelete")]);
        let source = [&encode_path(path.path()), "?deletionid=", deletion_id].concat();
        let request = Request::new("restore", path.to_string(), Method::PUT, url)
            .header(HeaderName::from_static("x-ms-undelete-source"), &source)?
            .body(Body::empty());
        match self.wire.send(&request).await {
            Ok(_) => Ok(()),
            // An attempt whose answer was lost has done it.
            Err(error)
                if error.kind() == ErrorKind::NotFound
                    && error.attempts() > 1
                    && self.exists(path).await? =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
