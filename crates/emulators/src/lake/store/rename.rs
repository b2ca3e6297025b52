//! Rename: one step on disk, whatever lies below a directory.

use std::fs;

use super::{Namespace, Place, Store, entry::Entry};
use crate::lake::{
    conditions::Conditions,
    failure::{Code, Failure},
    properties::Properties,
};

/// A rename inside one account.
#[derive(Debug)]
pub(crate) struct Rename {
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) source_conditions: Conditions,
    pub(crate) conditions: Conditions,
    /// Replaces the properties, if given.
    pub(crate) properties: Option<Properties>,
    pub(crate) transaction_id: Option<String>,
}

impl Store {
    /// Moves a file or a directory. A file replaces a file, a directory an empty directory.
    /// Entity tag and `Last-Modified` go along.
    pub(crate) fn rename(&self, rename: Rename) -> Result<Entry, Failure> {
        if self.namespace(&rename.from.account)? == Namespace::Flat {
            return self.rename_flat(rename);
        }
        let Rename { from, to, .. } = &rename;
        let now = self.clock.now();
        let mut filesystems = self.account(&from.account)?.lock();
        for name in [&from.filesystem, &to.filesystem] {
            if let Some(filesystem) = filesystems.get_mut(name) {
                filesystem.expire(now)?;
            }
        }
        let missing = || Failure::new(Code::FilesystemNotFound);

        let source_filesystem = filesystems.get(&from.filesystem).ok_or_else(missing)?;
        let source = source_filesystem
            .get(&from.path)
            .ok_or_else(|| Failure::new(Code::SourcePathNotFound))?;
        rename.source_conditions.check_source(source.stamp)?;
        rename.source_conditions.check_lease(Some(source), now)?;
        let is_same_filesystem = from.filesystem == to.filesystem;
        let is_into_itself = is_same_filesystem
            && (to.path == from.path || to.path.is_below(&from.path))
            && source.is_directory();
        if from.path.is_root() || to.path.is_root() || is_into_itself {
            return Err(Failure::new(Code::InvalidRenameSourcePath));
        }

        let target_filesystem = filesystems.get(&to.filesystem).ok_or_else(missing)?;
        let parent = to.path.parent().and_then(|parent| target_filesystem.get(&parent));
        match parent {
            None => return Err(Failure::new(Code::RenameDestinationParentPathNotFound)),
            Some(parent) if !parent.is_directory() => {
                return Err(Failure::new(Code::PathConflict));
            }
            Some(_) => {}
        }
        let target = target_filesystem.get(&to.path);
        rename.conditions.check_write(target.map(|entry| entry.stamp))?;
        rename.conditions.check_lease(target, now)?;
        if let Some(target) = target {
            if target.is_directory() != source.is_directory() {
                return Err(Failure::new(Code::InvalidSourceOrDestinationResourceType));
            }
            if target.is_directory() && target_filesystem.has_children(&to.path) {
                return Err(Failure::new(Code::DirectoryNotEmpty)
                    .with_message("The destination directory is not empty."));
            }
        }

        if !(is_same_filesystem && from.path == to.path) {
            // Replaces a file, and on most systems an empty directory too.
            fs::rename(
                source_filesystem.disk_path(&from.path),
                target_filesystem.disk_path(&to.path),
            )
            .map_err(|error| Failure::io("rename a path", &error))?;
        }
        let moved = match filesystems.get_mut(&from.filesystem) {
            Some(filesystem) => filesystem.take_tree(&from.path),
            None => return Err(missing()),
        };
        let filesystem = filesystems.get_mut(&to.filesystem).ok_or_else(missing)?;
        for (path, entry) in moved {
            filesystem.adopt(&path.moved(&from.path, &to.path), entry);
        }
        filesystem.blocks.remove(&to.path);
        let entry = filesystem.existing_mut(&to.path)?;
        if let Some(properties) = rename.properties {
            entry.properties = properties;
        }
        entry.transaction_id = rename.transaction_id;
        entry.lease.after_write(now);
        Ok(entry.clone())
    }
}
