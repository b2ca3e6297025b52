//! Soft delete: what was deleted is kept for a time and can be taken back. It belongs to the
//! process: a restart forgets it.
//!
//! Spec: <https://learn.microsoft.com/azure/storage/blobs/soft-delete-blob-overview#deleted-paths-in-accounts-with-a-hierarchical-namespace>

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Place, Store,
    entry::{Entry, Node},
};
use crate::lake::{
    acl::NewAccess,
    failure::{Code, Failure},
    lease::Lease,
    name::PathName,
    stamp::Stamp,
};

/// The deleted paths of a filesystem, by sort key and deletion id.
#[derive(Debug, Default)]
pub(crate) struct DeletedPaths(BTreeMap<(String, u64), DeletedPath>);

/// A deleted file, or a directory with all that was in it.
#[derive(Debug)]
pub(crate) struct DeletedPath {
    /// What was deleted itself, then what was below it.
    tree: Vec<(PathName, Entry)>,
    trash: Trash,
    pub(crate) deleted: Stamp,
    /// When it is gone for good.
    pub(crate) ends: Stamp,
}

/// Something on disk that is out of the tree. Dropping it deletes it.
#[derive(Debug)]
pub(super) struct Trash(PathBuf);

impl DeletedPaths {
    /// Keeps what was just removed; gives its deletion id.
    pub(super) fn keep(
        &mut self,
        mut tree: Vec<(PathName, Entry)>,
        trash: Trash,
        deleted: Stamp,
        retention: Duration,
    ) -> Option<u64> {
        self.purge(deleted);
        for (_, entry) in &mut tree {
            entry.lease = Lease::default();
            if let Node::File(file) = &mut entry.node {
                file.draft = None;
            }
        }
        let key = tree.first()?.0.sort_key();
        let id = deleted.file_time();
        let ends = deleted.after(retention);
        self.0.insert((key, id), DeletedPath { tree, trash, deleted, ends });
        Some(id)
    }

    /// The deleted paths whose sort keys begin with a prefix, after one of them, that can still be
    /// taken back.
    pub(crate) fn page<'a>(
        &'a self,
        key_prefix: &'a str,
        after: Option<(String, u64)>,
        now: Stamp,
    ) -> impl Iterator<Item = (&'a str, u64, &'a DeletedPath)> {
        let after = after.unwrap_or_default();
        self.0
            .range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded))
            .filter(move |((key, _), path)| key.starts_with(key_prefix) && path.ends > now)
            .map(|((key, id), path)| (key.as_str(), *id, path))
    }

    fn take(&mut self, path: &PathName, id: u64, now: Stamp) -> Option<DeletedPath> {
        self.purge(now);
        self.0.remove(&(path.sort_key(), id))
    }

    fn put_back(&mut self, path: &PathName, id: u64, deleted: DeletedPath) {
        self.0.insert((path.sort_key(), id), deleted);
    }

    fn purge(&mut self, now: Stamp) {
        self.0.retain(|_, path| path.ends > now);
    }
}

impl DeletedPath {
    /// What was deleted itself.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.tree.first().map(|(_, entry)| entry)
    }
}

impl Store {
    /// Puts a deleted path back where it was, with all that was below it.
    pub(crate) fn undelete(&self, place: &Place, id: u64) -> Result<Entry, Failure> {
        let by = NewAccess::default();
        let stamp = self.clock.next();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let deleted = filesystem
                .deleted
                .take(&place.path, id, stamp)
                .ok_or_else(|| Failure::new(Code::PathNotFound))?;
            let moved = if filesystem.get(&place.path).is_some() {
                Err(Failure::new(Code::PathAlreadyExists))
            } else {
                filesystem.make_parents(&place.path, stamp, &by).and_then(|()| {
                    fs::rename(deleted.trash.path(), filesystem.disk_path(&place.path))
                        .map_err(|error| Failure::io("restore a deleted path", &error))
                })
            };
            if let Err(failure) = moved {
                filesystem.deleted.put_back(&place.path, id, deleted);
                return Err(failure);
            }
            for (path, entry) in deleted.tree {
                filesystem.adopt(&path, entry);
            }
            filesystem.existing(&place.path).cloned()
        })
    }
}

impl Trash {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Trash {
    fn drop(&mut self) {
        let removed = match fs::symlink_metadata(&self.0) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&self.0),
            Ok(_) => fs::remove_file(&self.0),
            // Moved back, or never moved here.
            Err(_) => return,
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "cannot empty the trash");
        }
    }
}
