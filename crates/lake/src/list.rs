//! Listing directories, page by page.

mod page;
mod walk;

use std::sync::Arc;

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use time::OffsetDateTime;

pub(crate) use self::{
    page::Pages,
    walk::{Visit, Walk},
};
use crate::{
    client::LakeClient,
    error::{Error, Result},
    etag::ETag,
    path::LakePath,
    properties::PathType,
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
    begin_from: Option<String>,
    parallelism: usize,
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
        Self {
            depth: ListDepth::Directory,
            page_size: LARGEST_PAGE,
            begin_from: None,
            parallelism: 1,
        }
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

    /// Leaves out what the service lists before this name (`beginFrom`), which is relative to the
    /// directory, need not exist, and has no slash unless all that is below is listed. Default:
    /// everything is listed.
    ///
    /// The service's order is by segment: `a`, `a/b`, `a-b`. A server that does not know the
    /// parameter lists everything.
    #[must_use]
    pub fn with_begin_from(mut self, name: impl Into<String>) -> Self {
        self.begin_from = Some(name.into());
        self
    }

    /// How many directories are listed at a time when all that is below is listed. Default 1, in
    /// the service's order; with more, each of the directories directly below is listed by itself
    /// and **entries come in no order**. 0 is taken as 1. Costs a request for each such directory.
    #[must_use]
    pub fn with_parallelism(mut self, parallelism: usize) -> Self {
        self.parallelism = parallelism.max(1);
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
        let parallelism = options.parallelism;
        if parallelism > 1 && options.depth == ListDepth::Recursive {
            return self.list_in_parallel(path, options, parallelism);
        }
        let pages = Pages::new(Arc::clone(&self.wire), path.clone(), options);
        stream::try_unfold(pages, |mut pages| async move {
            let entries = pages.page().await?;
            Ok::<_, Error>(entries.map(|entries| (stream::iter(entries).map(Ok), pages)))
        })
        .try_flatten()
        .boxed()
    }

    fn list_in_parallel(
        &self,
        path: &LakePath,
        options: ListOptions,
        parallelism: usize,
    ) -> BoxStream<'static, Result<PathEntry>> {
        let wire = Arc::clone(&self.wire);
        let top = ListOptions { depth: ListDepth::Directory, ..options.clone() };
        let below = ListOptions { begin_from: None, ..options };
        let first = Pages::new(Arc::clone(&wire), path.clone(), top);
        Walk::new(first, Level::Top, parallelism, move |level, entry| match level {
            Level::Top if entry.is_directory() => {
                let pages = Pages::new(Arc::clone(&wire), entry.path.clone(), below.clone());
                Visit::YieldAndEnter(pages, Level::Below)
            }
            _ => Visit::Yield,
        })
        .into_stream()
    }
}

/// How far below the listed directory a parallel listing is.
#[derive(Clone, Copy)]
enum Level {
    Top,
    Below,
}

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/list>
const LARGEST_PAGE: u32 = 5000;
