//! What only accounts without a hierarchical namespace do: marker blobs in place of directories,
//! and changes to many blobs that begin with the same name, one by one.
//!
//! Spec: <https://learn.microsoft.com/azure/storage/blobs/data-lake-storage-namespace>

use std::{fs, io, ops::Bound};

use super::{
    Place, Publication, Rename, Store,
    entry::{Entry, FileNode, Node},
    filesystem::{Filesystem, with_existing_type},
};
use crate::lake::{
    conditions::Conditions,
    failure::{Code, Failure},
    name::PathName,
    stamp::Stamp,
};

impl Filesystem {
    /// Makes the empty blob that says it is a directory.
    pub(super) fn put_marker(
        &mut self,
        path: &PathName,
        stamp: Stamp,
        publication: Publication,
    ) -> Result<Entry, Failure> {
        self.make_disk_folders(path)?;
        let disk_path = self.disk_path(path);
        fs::File::create(&disk_path)
            .and_then(|file| file.set_modified(stamp.to_system_time()))
            .map_err(|error| Failure::io("make a directory's blob", &error))?;
        let mut properties = publication.properties;
        properties.mark_directory();
        let lease = match publication.lease {
            Some(lease) => lease.acquired(stamp)?,
            None => self.get(path).map(|entry| entry.lease.clone()).unwrap_or_default(),
        };
        let entry = Entry {
            lease,
            properties,
            transaction_id: publication.transaction_id,
            node: Node::File(Box::new(FileNode::empty(publication.headers))),
            ..Entry::directory(stamp)
        };
        self.adopt(path, entry.clone());
        Ok(entry)
    }

    /// The folders that a name too long for the disk is cut into.
    pub(super) fn make_disk_folders(&self, path: &PathName) -> Result<(), Failure> {
        match self.disk_path(path).parent() {
            Some(folder) => fs::create_dir_all(folder)
                .map_err(|error| Failure::io("make a folder for a long name", &error)),
            None => Ok(()),
        }
    }

    /// Whether names begin with this path and a slash.
    pub(crate) fn has_names_below(&self, path: &PathName) -> bool {
        self.names_below(path).next().is_some()
    }

    /// The keys of the names below a path, which in a flat namespace are the names.
    fn names_below(&self, path: &PathName) -> impl Iterator<Item = &String> {
        let prefix = if path.is_root() { String::new() } else { [path.as_str(), "/"].concat() };
        let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.entries.range(from).map(|(key, _)| key).take_while(move |key| key.starts_with(&prefix))
    }

    fn remove_blob(&mut self, path: &PathName) -> Result<(), Failure> {
        match fs::remove_file(self.disk_path(path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Failure::io("delete a blob", &error));
            }
            _ => {}
        }
        self.entries.remove(&self.namespace.key(path));
        Ok(())
    }
}

impl Store {
    /// Deletes one blob of a flat account, whatever else begins with its name.
    pub(super) fn delete_blob(
        &self,
        place: &Place,
        conditions: &Conditions,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            conditions.check_lease(Some(entry), now)?;
            filesystem.remove_blob(&place.path)
        })
    }

    /// Deletes a path of a flat account as the dfs endpoint does: a file, or at most `limit` of the
    /// blobs below a directory and at last its marker. Says whether something is left.
    pub(crate) fn delete_flat(
        &self,
        place: &Place,
        conditions: &Conditions,
        recursive: bool,
        limit: usize,
    ) -> Result<bool, Failure> {
        let now = self.clock.now();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.get(&place.path).filter(|_| !place.path.is_root());
            let has_names_below = filesystem.has_names_below(&place.path);
            if entry.is_none() && !has_names_below {
                return Err(Failure::new(Code::PathNotFound));
            }
            if let Some(entry) = entry {
                conditions.check_write(Some(entry.stamp))?;
                conditions.check_lease(Some(entry), now)?;
            }
            let is_directory = entry.is_none_or(|entry| entry.properties.mark_a_directory());
            if is_directory && has_names_below {
                if !recursive {
                    return Err(Failure::new(Code::DirectoryNotEmpty));
                }
                let names: Vec<_> = filesystem
                    .names_below(&place.path)
                    .take(limit)
                    .map(|key| PathName::from_sort_key(key))
                    .collect();
                for name in &names {
                    filesystem.remove_blob(name)?;
                }
                if filesystem.has_names_below(&place.path) {
                    return Ok(true);
                }
            }
            if filesystem.get(&place.path).is_some() && !place.path.is_root() {
                filesystem.remove_blob(&place.path)?;
            }
            Ok(false)
        })
    }

    /// Renames a blob of a flat account, or all whose names begin with a directory's, one by one.
    pub(super) fn rename_flat(&self, rename: Rename) -> Result<Entry, Failure> {
        let Rename { from, to, .. } = &rename;
        let now = self.clock.now();
        let mut filesystems = self.account(&from.account)?.lock();
        let missing = || Failure::new(Code::FilesystemNotFound);
        let source_filesystem = filesystems.get(&from.filesystem).ok_or_else(missing)?;
        let source = source_filesystem.get(&from.path);
        let names: Vec<_> = source_filesystem
            .names_below(&from.path)
            .map(|key| PathName::from_sort_key(key))
            .collect();
        let is_directory = source.is_none_or(|entry| entry.properties.mark_a_directory());
        if source.is_none() && names.is_empty() {
            return Err(Failure::new(Code::SourcePathNotFound));
        }
        if let Some(source) = source {
            rename.source_conditions.check_source(source.stamp)?;
            rename.source_conditions.check_lease(Some(source), now)?;
        }
        let is_same_filesystem = from.filesystem == to.filesystem;
        let is_into_itself = is_same_filesystem
            && is_directory
            && (to.path == from.path || to.path.is_below(&from.path));
        if from.path.is_root() || to.path.is_root() || is_into_itself {
            return Err(Failure::new(Code::InvalidRenameSourcePath));
        }
        let target_filesystem = filesystems.get(&to.filesystem).ok_or_else(missing)?;
        let target = target_filesystem.get(&to.path);
        rename
            .conditions
            .check_write(target.map(|entry| entry.stamp))
            .map_err(|failure| with_existing_type(failure, target))?;
        rename.conditions.check_lease(target, now)?;
        if is_directory && target_filesystem.has_names_below(&to.path) {
            return Err(Failure::new(Code::DirectoryNotEmpty)
                .with_message("The destination directory is not empty."));
        }
        if let Some(target) = target
            && target.properties.mark_a_directory() != is_directory
        {
            return Err(Failure::new(Code::InvalidSourceOrDestinationResourceType));
        }
        let own = source.is_some().then(|| from.path.clone());
        let below = names.into_iter().filter(|_| is_directory);
        let moves: Vec<_> = own.into_iter().chain(below).collect();
        for path in &moves {
            let moved = path.moved(&from.path, &to.path);
            let source = filesystems.get_mut(&from.filesystem).ok_or_else(missing)?;
            let disk_path = source.disk_path(path);
            let Some(mut entry) = source.entries.remove(&source.namespace.key(path)) else {
                continue;
            };
            if *path == from.path {
                entry.transaction_id = rename.transaction_id.clone();
                if let Some(properties) = &rename.properties {
                    entry.properties = properties.clone();
                    if is_directory {
                        entry.properties.mark_directory();
                    }
                }
            }
            let target = filesystems.get_mut(&to.filesystem).ok_or_else(missing)?;
            target.make_disk_folders(&moved)?;
            fs::rename(disk_path, target.disk_path(&moved))
                .map_err(|error| Failure::io("rename a blob", &error))?;
            target.blocks.remove(&moved);
            target.adopt(&moved, entry);
        }
        let target = filesystems.get(&to.filesystem).ok_or_else(missing)?;
        // A directory without a marker has no entity tag; the root's stands in for it.
        Ok(target.get(&to.path).unwrap_or_else(|| target.root()).clone())
    }
}
