//! The ACL checks of each kind of operation, from the root to the path.
//!
//! A path that does not exist is no reason to refuse once its nearest existing directory has been
//! passed: the operation says what is missing.
//!
//! Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-access-control#common-scenarios-related-to-acl-permissions>

use super::{Authority, Rank};
use crate::lake::{
    acl::Rwx,
    name::PathName,
    store::{Entry, Filesystem},
};

/// One caller in one filesystem.
pub(super) struct Walk<'a> {
    filesystem: &'a Filesystem,
    authority: &'a Authority,
}

impl<'a> Walk<'a> {
    pub(super) fn new(filesystem: &'a Filesystem, authority: &'a Authority) -> Self {
        Self { filesystem, authority }
    }

    /// Passes every directory above `path`.
    pub(super) fn may_pass(&self, path: &PathName) -> bool {
        let root = (!path.is_root()).then(PathName::root);
        root.into_iter()
            .chain(path.ancestors())
            .map_while(|directory| self.filesystem.get(&directory))
            .all(|directory| self.allows(directory, Rwx::EXECUTE))
    }

    pub(super) fn may(&self, path: &PathName, wanted: Rwx) -> bool {
        self.may_pass(path)
            && self.filesystem.get(path).is_none_or(|entry| self.allows(entry, wanted))
    }

    /// The service asks for read too, which a role may give.
    pub(super) fn may_append(&self, path: &PathName) -> bool {
        let reads = self.authority.rank >= Rank::Reader;
        self.may(path, if reads { Rwx::WRITE } else { Rwx::READ_WRITE })
    }

    pub(super) fn may_list(&self, directory: &PathName, recursive: bool) -> bool {
        self.may(directory, Rwx::READ_EXECUTE)
            && (!recursive || self.all_directories_below(directory, Rwx::READ_EXECUTE))
    }

    /// Makes an entry in the directory that is there, or in the nearest one above it.
    pub(super) fn may_create(&self, path: &PathName) -> bool {
        let mut nearest = path.parent().unwrap_or_else(PathName::root);
        while self.filesystem.get(&nearest).is_none()
            && let Some(parent) = nearest.parent()
        {
            nearest = parent;
        }
        self.may(&nearest, Rwx::WRITE_EXECUTE)
    }

    /// Makes a file, or writes to the one that is there.
    pub(super) fn may_write_file(&self, path: &PathName) -> bool {
        match self.filesystem.get(path) {
            Some(entry) if !entry.is_directory() => self.may(path, Rwx::WRITE),
            _ => self.may_create(path),
        }
    }

    /// Takes the place at `path`, and the place of what is there.
    pub(super) fn may_receive(&self, path: &PathName) -> bool {
        match self.filesystem.get(path) {
            Some(_) => self.may_delete(path, false),
            None => self.may_create(path),
        }
    }

    pub(super) fn may_delete(&self, path: &PathName, recursive: bool) -> bool {
        let Some(parent_path) = path.parent() else { return false };
        if !self.may(&parent_path, Rwx::WRITE_EXECUTE) {
            return false;
        }
        let (Some(parent), Some(entry)) =
            (self.filesystem.get(&parent_path), self.filesystem.get(path))
        else {
            return true;
        };
        if parent.access.is_sticky && !self.authority.owns(&entry.access) {
            return false;
        }
        !(recursive && entry.is_directory())
            || self.allows(entry, Rwx::ALL) && self.all_directories_below(path, Rwx::ALL)
    }

    fn all_directories_below(&self, directory: &PathName, wanted: Rwx) -> bool {
        self.filesystem
            .entries_below(directory)
            .filter(|entry| entry.is_directory())
            .all(|entry| self.allows(entry, wanted))
    }

    fn allows(&self, entry: &Entry, wanted: Rwx) -> bool {
        entry.access.allows(&self.authority.object_id, &self.authority.groups, wanted)
    }
}
