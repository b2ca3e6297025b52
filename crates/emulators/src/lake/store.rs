//! What is stored: accounts, their filesystems, directories and files, and the data that clients
//! have sent but not yet published.
//!
//! - A published file is a file on disk, `storage_dir/account/filesystem/path`, readable by
//!   anybody; directories are directories. A start takes over what it finds there.
//! - The tree of names with its entity tags lies in memory, one short lock per account. Under it
//!   only names change (rename, mkdir, unlink); bytes are written and copied outside of it.
//! - Publishing is one rename, so a file is there whole or not at all, and whoever reads the
//!   former one keeps reading that.
//! - Content headers, properties and unpublished data belong to the process: a restart forgets
//!   them. Entity tags of files survive, for they are the files' times of change.
//! - One process per `storage_dir`.

mod access;
mod append;
mod attributes;
mod blob_list;
mod blocks;
mod deleted;
mod draft;
mod entry;
mod filesystem;
mod flat;
mod flush;
mod lease;
mod namespace;
mod rename;
mod scan;
mod staging;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) use self::{
    access::AccessPage,
    blob_list::{BlobQuery, ListedBlob},
    blocks::{BlockList, BlockSource, MAX_BLOCKS, PendingBlock},
    entry::{CopyRecord, Entry, Node},
    filesystem::{Filesystem, PageQuery},
    lease::WriteLease,
    namespace::Namespace,
    rename::Rename,
    staging::StagedFile,
};
use self::{deleted::Trash, filesystem::NewFile, staging::Staging};
use super::{
    acl::NewAccess,
    conditions::Conditions,
    expiry::Expiry,
    failure::{Code, Failure},
    lease::NewLease,
    name::{PathName, is_account_name, is_filesystem_name},
    properties::{ContentHeaders, Properties},
    stamp::{Stamp, StampClock},
    tags::Tags,
};
use crate::config::AccountConfig;

/// All accounts.
#[derive(Debug)]
pub(crate) struct Store {
    clock: Arc<StampClock>,
    next_file_id: AtomicU64,
    staging: Staging,
    accounts: BTreeMap<String, Account>,
}

/// One account: its folder, and the tree of its names.
#[derive(Debug)]
struct Account {
    dir: PathBuf,
    filesystems: Mutex<BTreeMap<String, Filesystem>>,
    /// The names of deleted filesystems, and when they are free again.
    being_deleted: Mutex<BTreeMap<String, Stamp>>,
    policy: AccountPolicy,
}

/// What kind of account it is, and what it does with what is deleted.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AccountPolicy {
    namespace: Namespace,
    /// For how long a deleted path can be restored; `None` if not at all.
    retention: Option<Duration>,
    /// For how long the name of a deleted filesystem is not free.
    limbo: Duration,
}

/// Where a path is: the address of every operation on one.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) filesystem: String,
    pub(crate) path: PathName,
}

/// What is published as a file, beside its bytes.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    pub(crate) headers: ContentHeaders,
    pub(crate) properties: Properties,
    pub(crate) transaction_id: Option<String>,
    /// A lease that the maker has on it from the start.
    pub(crate) lease: Option<NewLease>,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) tags: Tags,
    pub(crate) access: NewAccess,
    pub(crate) copy: Option<Box<CopyRecord>>,
}

impl Store {
    /// Opens the accounts in `storage_dir` and takes over the files that lie there.
    pub(crate) fn open<'a>(
        storage_dir: &Path,
        clock: Arc<StampClock>,
        accounts: impl IntoIterator<Item = (&'a str, &'a [String], AccountPolicy)>,
    ) -> io::Result<Self> {
        let mut store = Self {
            clock,
            next_file_id: AtomicU64::new(0),
            staging: Staging::open(storage_dir)?,
            accounts: BTreeMap::new(),
        };
        for (name, filesystems, policy) in accounts {
            if !is_account_name(name) {
                return Err(invalid_name("account", name));
            }
            let account = Account {
                dir: storage_dir.join(name),
                filesystems: Mutex::default(),
                being_deleted: Mutex::default(),
                policy,
            };
            fs::create_dir_all(&account.dir)?;
            scan::filesystems(&store, &account)?;
            for filesystem in filesystems {
                if !is_filesystem_name(filesystem) {
                    return Err(invalid_name("filesystem", filesystem));
                }
                if !account.lock().contains_key(filesystem) {
                    let made =
                        account.make_filesystem(filesystem, Properties::default(), &store)?;
                    account.lock().insert(filesystem.clone(), made);
                }
            }
            store.accounts.insert(name.to_owned(), account);
        }
        Ok(store)
    }

    pub(crate) fn has_account(&self, name: &str) -> bool {
        self.accounts.contains_key(name)
    }

    /// What kind of account this is.
    pub(crate) fn namespace(&self, account: &str) -> Result<Namespace, Failure> {
        self.account(account).map(|account| account.policy.namespace)
    }

    /// A new, empty file that is not published yet, and that goes when it is dropped unpublished.
    pub(crate) fn stage(&self) -> Result<(StagedFile, fs::File), Failure> {
        self.staging.file().map_err(|error| Failure::io("make a staging file", &error))
    }

    /// The filesystems of an account after `after`, in order of their names.
    pub(crate) fn filesystems<T>(
        &self,
        account: &str,
        prefix: &str,
        after: &str,
        limit: usize,
        mut describe: impl FnMut(&str, &Filesystem) -> T,
    ) -> Result<(Vec<T>, Option<String>), Failure> {
        let filesystems = self.account(account)?.lock();
        let mut matching = filesystems
            .iter()
            .filter(|(name, _)| name.starts_with(prefix) && name.as_str() > after)
            .peekable();
        let mut found = Vec::new();
        let mut last = None;
        while found.len() < limit
            && let Some((name, filesystem)) = matching.next()
        {
            found.push(describe(name, filesystem));
            last = Some(name.clone());
        }
        Ok((found, last.filter(|_| matching.peek().is_some())))
    }

    /// Makes a filesystem whose root belongs to `owner`, as user and as group; gives its root
    /// directory.
    pub(crate) fn create_filesystem(
        &self,
        account: &str,
        name: &str,
        properties: Properties,
        owner: &str,
    ) -> Result<Entry, Failure> {
        let account = self.account(account)?;
        let mut filesystems = account.lock();
        if filesystems.contains_key(name) {
            return Err(Failure::new(Code::FilesystemAlreadyExists));
        }
        if account.is_being_deleted(name, self.clock.now()) {
            return Err(Failure::new(Code::FilesystemBeingDeleted));
        }
        let mut made = account
            .make_filesystem(name, properties, self)
            .map_err(|error| Failure::io("make a filesystem", &error))?;
        let control = Arc::make_mut(&mut made.root_mut().access);
        owner.clone_into(&mut control.owner);
        owner.clone_into(&mut control.group);
        let root = made.root().clone();
        filesystems.insert(name.to_owned(), made);
        Ok(root)
    }

    pub(crate) fn delete_filesystem(
        &self,
        account: &str,
        name: &str,
        conditions: &Conditions,
    ) -> Result<(), Failure> {
        let trash = self.staging.trash();
        let now = self.clock.now();
        let account = self.account(account)?;
        let removed = {
            let mut filesystems = account.lock();
            let filesystem =
                filesystems.get(name).ok_or_else(|| Failure::new(Code::FilesystemNotFound))?;
            conditions.check_write(Some(filesystem.root().stamp))?;
            conditions.check_container_delete(filesystem.root(), now)?;
            fs::rename(filesystem.dir(), &trash)
                .map_err(|error| Failure::io("delete a filesystem", &error))?;
            account.keep_from_use(name, now);
            filesystems.remove(name)
        };
        drop(removed);
        fs::remove_dir_all(&trash).map_err(|error| Failure::io("empty the trash", &error))
    }

    /// Looks at a filesystem, or changes it, under the lock: for short work on names.
    pub(crate) fn with_filesystem<T>(
        &self,
        account: &str,
        name: &str,
        work: impl FnOnce(&mut Filesystem) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut filesystems = self.account(account)?.lock();
        let filesystem =
            filesystems.get_mut(name).ok_or_else(|| Failure::new(Code::FilesystemNotFound))?;
        filesystem.expire(self.clock.now())?;
        work(filesystem)
    }

    /// Replaces the properties of a filesystem.
    pub(crate) fn set_filesystem_properties(
        &self,
        account: &str,
        name: &str,
        conditions: &Conditions,
        properties: Properties,
    ) -> Result<Entry, Failure> {
        self.with_filesystem(account, name, |filesystem| {
            let stamp = self.clock.next();
            let root = filesystem.root_mut();
            conditions.check_write(Some(root.stamp))?;
            conditions.check_container_lease(root, stamp)?;
            root.properties = properties;
            root.stamp = stamp;
            Ok(root.clone())
        })
    }

    /// What is at a place now.
    pub(crate) fn entry(&self, place: &Place) -> Result<Entry, Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            filesystem.existing(&place.path).cloned()
        })
    }

    /// Opens the file at a place as it is now; `check` may refuse.
    pub(crate) fn open_file(
        &self,
        place: &Place,
        check: impl FnOnce(&Entry) -> Result<(), Failure>,
    ) -> Result<(Entry, Option<fs::File>), Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing(&place.path)?;
            check(entry)?;
            let file = match entry.node {
                Node::Directory => None,
                Node::File(_) => Some(
                    fs::File::open(filesystem.disk_path(&place.path))
                        .map_err(|error| Failure::io("open a file", &error))?,
                ),
            };
            Ok((entry.clone(), file))
        })
    }

    /// Publishes a staged file of `length` bytes, in place of any file that was there.
    pub(crate) fn publish(
        &self,
        place: &Place,
        conditions: &Conditions,
        staged: StagedFile,
        length: u64,
        publication: Publication,
    ) -> Result<Entry, Failure> {
        let stamp = self.clock.next();
        staged
            .set_modified(stamp.to_system_time())
            .map_err(|error| Failure::io("date a file", &error))?;
        let new = NewFile { staged, length, publication, blocks: Vec::new(), id: self.file_id() };
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            filesystem.put_file(&place.path, conditions, stamp, new)
        })
    }

    /// Makes a directory and its parents; an existing one keeps what is in it.
    pub(crate) fn create_directory(
        &self,
        place: &Place,
        conditions: &Conditions,
        publication: Publication,
    ) -> Result<Entry, Failure> {
        let stamp = self.clock.next();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            filesystem.put_directory(&place.path, conditions, stamp, publication)
        })
    }

    /// Changes an entry's properties or content headers, which gives it a new entity tag.
    pub(crate) fn modify(
        &self,
        place: &Place,
        conditions: &Conditions,
        change: impl FnOnce(&mut Entry),
    ) -> Result<Entry, Failure> {
        let stamp = self.clock.next();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            conditions.check_lease(Some(entry), stamp)?;
            filesystem.date(&place.path, stamp)?;
            let entry = filesystem.existing_mut(&place.path)?;
            change(entry);
            entry.stamp = stamp;
            entry.lease.after_write(stamp);
            Ok(entry.clone())
        })
    }

    /// Deletes a file, or a directory: with everything in it if `recursive`, else only if empty.
    /// Gives the deletion id of what can be restored.
    pub(crate) fn delete(
        &self,
        place: &Place,
        conditions: &Conditions,
        recursive: bool,
    ) -> Result<Option<u64>, Failure> {
        if self.namespace(&place.account)? == Namespace::Flat {
            return self.delete_blob(place, conditions).map(|()| None);
        }
        let trash = Trash::new(self.staging.trash());
        let stamp = self.clock.next();
        let retention = self.account(&place.account)?.policy.retention;
        let (deletion_id, removed) =
            self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
                let removed =
                    filesystem.remove(&place.path, conditions, recursive, trash.path(), stamp)?;
                Ok(match retention {
                    Some(span) => (filesystem.deleted.keep(removed, trash, stamp, span), None),
                    None => (None, Some((removed, trash))),
                })
            })?;
        // Outside of the lock, for a directory may hold much.
        drop(removed);
        Ok(deletion_id)
    }

    /// The present moment, as this store tells time.
    pub(crate) fn now(&self) -> Stamp {
        self.clock.now()
    }

    fn account(&self, name: &str) -> Result<&Account, Failure> {
        self.accounts.get(name).ok_or_else(|| Failure::new(Code::ResourceNotFound))
    }

    /// A number that no other file content of this process has.
    fn file_id(&self) -> u64 {
        self.next_file_id.fetch_add(1, Ordering::Relaxed)
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Filesystem>> {
        self.filesystems.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_from_use(&self, name: &str, now: Stamp) {
        let mut names = self.being_deleted.lock().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.to_owned(), now.after(self.policy.limbo));
    }

    fn is_being_deleted(&self, name: &str, now: Stamp) -> bool {
        let mut names = self.being_deleted.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, until| *until > now);
        names.contains_key(name)
    }

    fn make_filesystem(
        &self,
        name: &str,
        properties: Properties,
        store: &Store,
    ) -> io::Result<Filesystem> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir)?;
        Ok(Filesystem::new(dir, self.policy.namespace, store.clock.next(), properties))
    }
}

impl AccountPolicy {
    pub(crate) fn of(account: &AccountConfig) -> Self {
        let days = account.soft_delete_retention_days;
        Self {
            retention: days.map(|days| Duration::from_secs(u64::from(days.get()) * SECONDS_A_DAY)),
            limbo: Duration::from_millis(account.filesystem_deletion_limbo_ms.into()),
            namespace: if account.hierarchical_namespace {
                Namespace::Hierarchical
            } else {
                Namespace::Flat
            },
        }
    }
}

const SECONDS_A_DAY: u64 = 24 * 60 * 60;

fn invalid_name(what: &str, name: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        [what, " \"", name, "\" has no name that the service allows"].concat(),
    )
}
