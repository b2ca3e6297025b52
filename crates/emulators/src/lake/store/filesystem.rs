//! One filesystem: the tree of its names, and the same tree on disk. Everything here is short work
//! under the account's lock.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    ops::Bound,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Publication,
    blocks::BlockStage,
    deleted::DeletedPaths,
    entry::{CommittedBlock, Entry, FileNode, Node},
    namespace::Namespace,
    staging::StagedFile,
};
use crate::lake::{
    acl::{AccessControl, NewAccess},
    conditions::Conditions,
    failure::{Code, Failure},
    name::PathName,
    properties::Properties,
    stamp::Stamp,
};

/// A filesystem, which the blob endpoint calls a container.
#[derive(Debug)]
pub(crate) struct Filesystem {
    dir: PathBuf,
    pub(super) namespace: Namespace,
    root: Entry,
    /// By [`Namespace::key`]; without the root. In a hierarchy each parent of an entry is here too.
    pub(super) entries: BTreeMap<String, Entry>,
    /// Blocks that wait for their Put Block List, whose file need not exist yet.
    pub(super) blocks: HashMap<PathName, BlockStage>,
    /// What was deleted and can be taken back.
    pub(crate) deleted: DeletedPaths,
    /// No file expires earlier.
    next_expiry: Option<Stamp>,
}

/// A file about to be published.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) staged: StagedFile,
    pub(super) length: u64,
    pub(super) publication: Publication,
    pub(super) blocks: Vec<CommittedBlock>,
    pub(super) id: u64,
}

/// Which entries a page of a listing is to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageQuery {
    /// What the sort keys begin with.
    pub(crate) key_prefix: String,
    /// Whether what is in directories is listed too.
    pub(crate) recursive: bool,
    /// The sort key of the last entry of the page before.
    pub(crate) after: Option<String>,
    /// The sort key that the first page begins with, or the first one behind it.
    pub(crate) from: Option<String>,
    pub(crate) limit: usize,
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) entries: Vec<(PathName, Entry)>,
    /// For [`PageQuery::after`] of the next page, if there is one.
    pub(crate) next_after: Option<String>,
}

impl Filesystem {
    pub(super) fn new(
        dir: PathBuf,
        namespace: Namespace,
        stamp: Stamp,
        properties: Properties,
    ) -> Self {
        let root = Entry { properties, ..Entry::directory(stamp) };
        Self {
            dir,
            namespace,
            root,
            entries: BTreeMap::new(),
            blocks: HashMap::new(),
            deleted: DeletedPaths::default(),
            next_expiry: None,
        }
    }

    /// The root directory, which also stands for the filesystem's own properties.
    pub(crate) fn root(&self) -> &Entry {
        &self.root
    }

    pub(super) fn root_mut(&mut self) -> &mut Entry {
        &mut self.root
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a path lies on disk. Safe: a [`PathName`] has no component that leads elsewhere.
    pub(super) fn disk_path(&self, path: &PathName) -> PathBuf {
        self.dir.join(self.namespace.disk_name(path))
    }

    pub(crate) fn get(&self, path: &PathName) -> Option<&Entry> {
        if path.is_root() { Some(&self.root) } else { self.entries.get(&self.namespace.key(path)) }
    }

    pub(crate) fn existing(&self, path: &PathName) -> Result<&Entry, Failure> {
        self.get(path).ok_or_else(|| Failure::new(Code::PathNotFound))
    }

    pub(super) fn existing_mut(&mut self, path: &PathName) -> Result<&mut Entry, Failure> {
        let entry = if path.is_root() {
            Some(&mut self.root)
        } else {
            self.entries.get_mut(&self.namespace.key(path))
        };
        entry.ok_or_else(|| Failure::new(Code::PathNotFound))
    }

    /// The file at a path; a directory there is an error.
    pub(super) fn existing_file_mut(
        &mut self,
        path: &PathName,
    ) -> Result<(&mut Stamp, &mut FileNode), Failure> {
        let entry = self.existing_mut(path)?;
        match &mut entry.node {
            Node::File(file) => Ok((&mut entry.stamp, file)),
            Node::Directory => Err(Failure::new(Code::ResourceTypeMismatch)),
        }
    }

    /// Enters what a scan found on disk.
    pub(super) fn adopt(&mut self, path: &PathName, entry: Entry) {
        self.note_expiry(entry.expires);
        self.entries.insert(self.namespace.key(path), entry);
    }

    /// Moves a staged file to its path.
    pub(super) fn put_file(
        &mut self,
        path: &PathName,
        conditions: &Conditions,
        stamp: Stamp,
        new: NewFile,
    ) -> Result<Entry, Failure> {
        let NewFile { staged, length, publication, blocks, id } = new;
        let existing = self.get(path);
        conditions
            .check_write(existing.map(|entry| entry.stamp))
            .map_err(|failure| with_existing_type(failure, existing))?;
        if existing.is_some_and(Entry::is_directory) {
            return Err(Failure::new(Code::PathConflict));
        }
        conditions.check_lease(existing, stamp)?;
        let mut lease = existing.map(|entry| entry.lease.clone()).unwrap_or_default();
        lease.after_write(stamp);
        if let Some(new) = publication.lease {
            lease = new.acquired(stamp)?;
        }
        let expires = match publication.expiry {
            Some(expiry) => expiry.moment(stamp, stamp)?,
            None => None,
        };
        let kept = existing.map(|entry| Arc::clone(&entry.access));
        self.make_parents(path, stamp, &publication.access)?;
        let access = match kept {
            Some(kept) => publication.access.renew(&kept, false)?,
            None => self.new_access(path, &publication.access, false)?,
        };
        fs::rename(staged.path(), self.disk_path(path))
            .map_err(|error| Failure::io("publish a file", &error))?;
        let entry = Entry {
            stamp,
            created: stamp,
            properties: publication.properties,
            transaction_id: publication.transaction_id,
            lease,
            expires,
            tags: publication.tags,
            access: Arc::new(access),
            node: Node::File(Box::new(FileNode {
                id,
                length,
                headers: publication.headers,
                copy: publication.copy,
                blocks: blocks.into(),
                draft: None,
            })),
        };
        // A full overwrite ends whatever was under way by either of the two ways of writing.
        self.blocks.remove(path);
        self.entries.insert(self.namespace.key(path), entry.clone());
        self.note_expiry(entry.expires);
        Ok(entry)
    }

    pub(super) fn put_directory(
        &mut self,
        path: &PathName,
        conditions: &Conditions,
        stamp: Stamp,
        publication: Publication,
    ) -> Result<Entry, Failure> {
        let existing = self.get(path);
        conditions
            .check_write(existing.map(|entry| entry.stamp))
            .map_err(|failure| with_existing_type(failure, existing))?;
        let is_file = |entry: &Entry| !entry.is_directory() && !entry.properties.mark_a_directory();
        if existing.is_some_and(is_file) {
            return Err(with_existing_type(Failure::new(Code::PathConflict), existing));
        }
        conditions.check_lease(existing, stamp)?;
        if self.namespace == Namespace::Flat {
            return self.put_marker(path, stamp, publication);
        }
        let new_lease = publication.lease.map(|lease| lease.acquired(stamp)).transpose()?;
        let kept = existing.map(|entry| Arc::clone(&entry.access));
        self.make_parents(path, stamp, &publication.access)?;
        let access = match kept {
            Some(kept) => publication.access.renew(&kept, true)?,
            None => self.new_access(path, &publication.access, true)?,
        };
        self.make_directory(path, stamp)?;
        let entry = self.existing_mut(path)?;
        entry.stamp = stamp;
        entry.properties = publication.properties;
        entry.transaction_id = publication.transaction_id;
        entry.lease.after_write(stamp);
        if let Some(lease) = new_lease {
            entry.lease = lease;
        }
        entry.access = Arc::new(access);
        Ok(entry.clone())
    }

    /// Removes an entry with what is below it, which is moved to `trash`.
    pub(super) fn remove(
        &mut self,
        path: &PathName,
        conditions: &Conditions,
        recursive: bool,
        trash: &Path,
        now: Stamp,
    ) -> Result<Vec<(PathName, Entry)>, Failure> {
        let entry = self.existing(path)?;
        conditions.check_write(Some(entry.stamp))?;
        if path.is_root() {
            return Err(Failure::not_implemented("the deletion of a root directory"));
        }
        conditions.check_lease(Some(entry), now)?;
        if entry.is_directory() && !recursive && self.has_children(path) {
            return Err(Failure::new(Code::DirectoryNotEmpty));
        }
        fs::rename(self.disk_path(path), trash)
            .map_err(|error| Failure::io("delete a path", &error))?;
        Ok(self.take_tree(path))
    }

    pub(super) fn has_children(&self, directory: &PathName) -> bool {
        self.entries.range(below(directory)).next().is_some()
    }

    /// All entries below a directory.
    pub(crate) fn entries_below(&self, directory: &PathName) -> impl Iterator<Item = &Entry> {
        self.entries.range(below(directory)).map(|(_, entry)| entry)
    }

    /// The first paths of an entry and all below it, in order, after the one with the sort key
    /// `after`.
    pub(super) fn paths_from(
        &self,
        top: &PathName,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<PathName> {
        let first = after.is_none().then(|| top.clone());
        let (from, to) = below(top);
        let from = match after {
            Some(after) if after != top.sort_key() => Bound::Excluded(after.to_owned()),
            _ => from,
        };
        let rest = self.entries.range((from, to)).map(|(key, _)| PathName::from_sort_key(key));
        first.into_iter().chain(rest).take(limit).collect()
    }

    /// Takes an entry and all below it out of the tree in memory.
    pub(super) fn take_tree(&mut self, path: &PathName) -> Vec<(PathName, Entry)> {
        let mut keys = vec![self.namespace.key(path)];
        keys.extend(self.entries.range(below(path)).map(|(key, _)| key.clone()));
        keys.into_iter()
            .filter_map(|key| {
                let entry = self.entries.remove(&key)?;
                Some((PathName::from_sort_key(&key), entry))
            })
            .collect()
    }

    /// A page of the entries whose keys begin with a prefix.
    pub(crate) fn page(&self, query: &PageQuery) -> Page {
        let mut from = match &query.after {
            Some(after) if query.recursive => Bound::Excluded(after.clone()),
            Some(after) => Bound::Included(after_tree(after)),
            None => {
                let from = query.from.clone().unwrap_or_default();
                Bound::Included(from.max(query.key_prefix.clone()))
            }
        };
        let mut page = Page { entries: Vec::new(), next_after: None };
        let mut last: Option<&String> = None;
        loop {
            let found = self
                .entries
                .range((from.clone(), Bound::Unbounded))
                .next()
                .filter(|(key, _)| key.starts_with(&query.key_prefix));
            let Some((key, entry)) = found else { return page };
            if page.entries.len() == query.limit {
                page.next_after = last.cloned();
                return page;
            }
            page.entries.push((PathName::from_sort_key(key), entry.clone()));
            last = Some(key);
            from = if query.recursive {
                Bound::Excluded(key.clone())
            } else {
                Bound::Included(after_tree(key))
            };
        }
    }

    /// Has a file vanish at a moment, or never.
    pub(super) fn set_expiry(
        &mut self,
        path: &PathName,
        expires: Option<Stamp>,
    ) -> Result<(), Failure> {
        self.existing_mut(path)?.expires = expires;
        self.note_expiry(expires);
        Ok(())
    }

    pub(super) fn note_expiry(&mut self, expires: Option<Stamp>) {
        self.next_expiry = match (self.next_expiry, expires) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Removes the files whose time has come.
    pub(super) fn expire(&mut self, now: Stamp) -> Result<(), Failure> {
        if self.next_expiry.is_none_or(|next| next > now) {
            return Ok(());
        }
        let due = self.entries.iter().filter(|(_, entry)| {
            !entry.is_directory() && entry.expires.is_some_and(|expires| expires <= now)
        });
        let due: Vec<_> = due.map(|(key, _)| PathName::from_sort_key(key)).collect();
        for path in due {
            fs::remove_file(self.disk_path(&path))
                .map_err(|error| Failure::io("remove an expired file", &error))?;
            self.take_tree(&path);
        }
        self.next_expiry = self.entries.values().filter_map(|entry| entry.expires).min();
        Ok(())
    }

    /// Gives a file its time of change on disk, from which a restart takes its entity tag.
    pub(super) fn date(&self, path: &PathName, stamp: Stamp) -> Result<(), Failure> {
        if self.existing(path)?.is_directory() {
            return Ok(());
        }
        fs::File::options()
            .append(true)
            .open(self.disk_path(path))
            .and_then(|file| file.set_modified(stamp.to_system_time()))
            .map_err(|error| Failure::io("date a file", &error))
    }

    /// Makes the directories above a path; a file among them is an error.
    pub(super) fn make_parents(
        &mut self,
        path: &PathName,
        stamp: Stamp,
        new: &NewAccess,
    ) -> Result<(), Failure> {
        if self.namespace == Namespace::Flat {
            return self.make_disk_folders(path);
        }
        for parent in path.ancestors() {
            match self.get(&parent) {
                Some(entry) if entry.is_directory() => {}
                Some(_) => return Err(Failure::new(Code::PathConflict)),
                None => {
                    let access = self.new_access(&parent, &new.of_parents(), true)?;
                    self.make_directory(&parent, stamp)?;
                    self.existing_mut(&parent)?.access = Arc::new(access);
                }
            }
        }
        Ok(())
    }

    /// What a new entry at `path`, whose parent is there, begins with.
    fn new_access(
        &self,
        path: &PathName,
        new: &NewAccess,
        is_directory: bool,
    ) -> Result<AccessControl, Failure> {
        if self.namespace == Namespace::Flat {
            return Ok(AccessControl::of_superuser(is_directory));
        }
        let parent = path.parent().unwrap_or_else(PathName::root);
        new.make(&self.existing(&parent)?.access, is_directory)
    }

    fn make_directory(&mut self, path: &PathName, stamp: Stamp) -> Result<(), Failure> {
        if self.get(path).is_none() {
            fs::create_dir(self.disk_path(path))
                .map_err(|error| Failure::io("make a directory", &error))?;
            self.entries.insert(path.sort_key(), Entry::directory(stamp));
        }
        Ok(())
    }
}

impl PageQuery {
    /// Everything, or only the direct children, of a directory.
    pub(crate) fn of_directory(directory: &PathName, recursive: bool) -> Self {
        let mut key_prefix = directory.sort_key();
        if !directory.is_root() {
            key_prefix.push('\0');
        }
        Self { key_prefix, recursive, ..Self::default() }
    }
}

/// The keys of what is below a directory.
fn below(directory: &PathName) -> (Bound<String>, Bound<String>) {
    if directory.is_root() {
        return (Bound::Unbounded, Bound::Unbounded);
    }
    let key = directory.sort_key();
    (Bound::Included([&key, "\0"].concat()), Bound::Excluded(after_tree(&key)))
}

/// The first key that can follow an entry and all below it.
fn after_tree(key: &str) -> String {
    [key, "\u{1}"].concat()
}

/// Says what exists already, from which a client sees whether its own mkdir was repeated.
pub(super) fn with_existing_type(failure: Failure, existing: Option<&Entry>) -> Failure {
    match existing {
        Some(entry) if failure.code() != Code::ConditionNotMet => failure.with_header(
            "x-ms-existing-resource-type",
            if entry.is_directory() || entry.properties.mark_a_directory() {
                "directory"
            } else {
                "file"
            },
        ),
        _ => failure,
    }
}
