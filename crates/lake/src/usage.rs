//! How much there is below a directory.

use std::collections::BTreeMap;

use futures::TryStreamExt;

use crate::{
    client::LakeClient,
    error::Result,
    list::{ListDepth, ListOptions, PathEntry},
    path::LakePath,
};

/// What is below one directory, at any depth.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The directory.
    pub path: LakePath,
    /// The lengths of all files together.
    pub bytes: u64,
    /// How many files.
    pub files: u64,
    /// How many directories, this one excluded.
    pub directories: u64,
}

impl LakeClient {
    /// Sums up what is below the directory at `path`: for itself and for each directory at most
    /// `depth` levels below it. With 0 it is one sum.
    ///
    /// Returns the sums in the order of their paths, that of `path` first. One listing is read for
    /// it, of which nothing is kept but the sums. A file counts with the length that readers see,
    /// not with what it takes on disks.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn usage(&self, path: &LakePath, depth: usize) -> Result<Vec<Usage>> {
        self.usage_opts(path, depth, ListOptions::default()).await
    }

    /// As [`usage`](Self::usage), by a listing with `options`; its depth does not count.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    ///
    /// # Cancel safety
    /// As [`usage`](Self::usage).
    pub async fn usage_opts(
        &self,
        path: &LakePath,
        depth: usize,
        options: ListOptions,
    ) -> Result<Vec<Usage>> {
        let mut sums = Sums::new(path.clone(), depth);
        let mut entries = self.list_opts(path, options.with_depth(ListDepth::Recursive));
        while let Some(entry) = entries.try_next().await? {
            sums.add(&entry);
        }
        Ok(sums.into_usage())
    }
}

struct Sums {
    root: LakePath,
    depth: usize,
    by_directory: BTreeMap<LakePath, Usage>,
}

impl Sums {
    fn new(root: LakePath, depth: usize) -> Self {
        let mut sums = Self { root: root.clone(), depth, by_directory: BTreeMap::new() };
        sums.of(root);
        sums
    }

    fn of(&mut self, path: LakePath) -> &mut Usage {
        let empty = |path| Usage { path, bytes: 0, files: 0, directories: 0 };
        self.by_directory.entry(path.clone()).or_insert_with(|| empty(path))
    }

    fn add(&mut self, entry: &PathEntry) {
        let Some(below) = entry.path.relative_to(&self.root) else { return };
        let level = below.split('/').count();
        if entry.is_directory() && level <= self.depth {
            self.of(entry.path.clone());
        }
        // From its own directory up to the root, those that are deep down left out.
        let mut directory = entry.path.parent();
        let mut level = level - 1;
        while let Some(path) = directory {
            directory = path.parent();
            if level <= self.depth {
                let sum = self.of(path);
                if entry.is_directory() {
                    sum.directories += 1;
                } else {
                    sum.files += 1;
                    sum.bytes = sum.bytes.saturating_add(entry.size);
                }
            }
            match level.checked_sub(1) {
                Some(above) => level = above,
                None => break,
            }
        }
    }

    fn into_usage(self) -> Vec<Usage> {
        self.by_directory.into_values().collect()
    }
}
