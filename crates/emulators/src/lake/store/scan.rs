//! Takes over the files that lie in an account's folder already.

use std::{fs, io, path::PathBuf, sync::Arc, time::SystemTime};

use super::{
    Account, Store,
    entry::{Entry, FileNode, Node},
    filesystem::Filesystem,
    namespace::Namespace,
};
use crate::lake::{
    acl::AccessControl,
    name::{PathName, is_filesystem_name},
    properties::{ContentHeaders, Properties},
    stamp::Stamp,
};

/// Enters every folder of an account as a filesystem with all that is in it.
pub(super) fn filesystems(store: &Store, account: &Account) -> io::Result<()> {
    for found in fs::read_dir(&account.dir)? {
        let found = found?;
        let name = found.file_name();
        match name.to_str().filter(|name| is_filesystem_name(name)) {
            Some(name) if found.file_type()?.is_dir() => {
                let mut filesystem = account.make_filesystem(name, Properties::default(), store)?;
                match account.policy.namespace {
                    Namespace::Flat => flat_content(store, &mut filesystem)?,
                    Namespace::Hierarchical => content(store, &mut filesystem)?,
                }
                account.lock().insert(name.to_owned(), filesystem);
            }
            _ => tracing::warn!(?name, "not a filesystem of the lake: left alone"),
        }
    }
    Ok(())
}

fn content(store: &Store, filesystem: &mut Filesystem) -> io::Result<()> {
    let mut waiting = vec![PathName::root()];
    while let Some(directory) = waiting.pop() {
        for found in fs::read_dir(filesystem.disk_path(&directory))? {
            let found = found?;
            let name = found.file_name();
            let Some(path) = name.to_str().and_then(|name| directory.child(name)) else {
                tracing::warn!(?name, "the lake has no such names: left alone");
                continue;
            };
            let metadata = found.metadata()?;
            let stamp =
                Stamp::from_system_time(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            if metadata.is_dir() {
                filesystem.adopt(&path, Entry::directory(stamp));
                waiting.push(path);
            } else if metadata.is_file() {
                filesystem.adopt(&path, file(store, stamp, metadata.len()));
            } else {
                tracing::warn!(%path, "neither file nor directory: left alone");
            }
        }
    }
    Ok(())
}

/// The blobs of a flat account, whose folders on disk are parts of long names.
fn flat_content(store: &Store, filesystem: &mut Filesystem) -> io::Result<()> {
    let mut waiting = vec![PathBuf::new()];
    while let Some(folder) = waiting.pop() {
        for found in fs::read_dir(filesystem.dir().join(&folder))? {
            let found = found?;
            let disk_name = folder.join(found.file_name());
            let metadata = found.metadata()?;
            if metadata.is_dir() {
                waiting.push(disk_name);
                continue;
            }
            let Some(path) = Namespace::Flat.path_of_disk_name(&disk_name) else {
                tracing::warn!(?disk_name, "no blob has such a name: left alone");
                continue;
            };
            let stamp =
                Stamp::from_system_time(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            filesystem.adopt(&path, file(store, stamp, metadata.len()));
        }
    }
    Ok(())
}

fn file(store: &Store, stamp: Stamp, length: u64) -> Entry {
    Entry {
        access: Arc::new(AccessControl::of_superuser(false)),
        node: Node::File(Box::new(FileNode {
            id: store.file_id(),
            length,
            headers: ContentHeaders::default(),
            copy: None,
            blocks: [].into(),
            draft: None,
        })),
        ..Entry::directory(stamp)
    }
}
