//! The folder of the shared tokens: who may see it, how its files come and go.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::error::{ErrorKind, Failure, Result};

/// A folder that belongs to this user alone.
pub(super) struct Folder(PathBuf);

/// The right to ask the service for one token.
pub(super) enum Lock {
    Busy,
    Held {
        _file: File,
    },
    /// The folder is gone, or full: everybody asks for himself.
    Unavailable,
}

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        make_private(&path)
            .map_err(|error| cannot_use(&path, "the folder cannot be made").source(error))?;
        let folder = Self(path);
        folder.check()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder's key: made by whoever comes first, read by all.
    pub(super) fn key(&self) -> Result<Zeroizing<Vec<u8>>> {
        let path = self.0.join(KEY_FILE);
        let unusable =
            |error: io::Error| cannot_use(&self.0, "its key cannot be made or read").source(error);
        if !path.exists() {
            let mut key = Zeroizing::new([0; KEY_BYTES]);
            aws_lc_rs::rand::fill(key.as_mut_slice())
                .map_err(|_| cannot_use(&self.0, "there is no randomness to make a key of"))?;
            let temporary = self.write_temporary(key.as_slice()).map_err(unusable)?;
            // A link fails where there is a key already, which is as good.
            let linked = fs::hard_link(&temporary, &path);
            let _ = fs::remove_file(&temporary);
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(unusable(error).into());
                }
                _ => {}
            }
        }
        let key = Zeroizing::new(read_bounded(&path, KEY_BYTES).map_err(unusable)?);
        if key.len() != KEY_BYTES {
            return Err(cannot_use(&self.0, "its key has another length than 32 bytes")
                .hint("remove the folder: there is nothing in it that cannot be fetched anew")
                .into());
        }
        Ok(key)
    }

    pub(super) fn lock(&self, name: &str) -> Lock {
        // Never removed: who holds a lock on a file that is gone shares it with nobody.
        let path = self.0.join(name).with_extension("lock");
        let Ok(file) = private().create(true).truncate(false).open(path) else {
            return Lock::Unavailable;
        };
        match file.try_lock() {
            Ok(()) => Lock::Held { _file: file },
            Err(TryLockError::WouldBlock) => Lock::Busy,
            Err(TryLockError::Error(_)) => Lock::Unavailable,
        }
    }

    pub(super) fn read(&self, name: &str) -> Option<Vec<u8>> {
        read_bounded(&self.0.join(name).with_extension("token"), MAX_TOKEN_BYTES).ok()
    }

    /// Replaces the file as a whole: no other process ever reads half of one.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.write_temporary(bytes)?;
        let renamed = fs::rename(&temporary, self.0.join(name).with_extension("token"));
        if renamed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        renamed
    }

    fn write_temporary(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(Uuid::new_v4().simple().to_string()).with_extension("tmp");
        let mut file = private().create_new(true).open(&path)?;
        if let Err(error) = file.write_all(bytes) {
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        Ok(path)
    }

    /// Whether the folder is this user's and nobody else's.
    #[cfg(unix)]
    fn check(&self) -> Result<()> {
        use std::os::unix::fs::MetadataExt;

        let unusable = |error: io::Error| cannot_use(&self.0, "it cannot be written").source(error);
        let metadata = fs::symlink_metadata(&self.0).map_err(unusable)?;
        if !metadata.is_dir() {
            return Err(cannot_use(&self.0, "it is not a folder").into());
        }
        // Who this process is shows in the files that it makes.
        let probe = self.write_temporary(&[]).map_err(unusable)?;
        let mine = fs::symlink_metadata(&probe).map_err(unusable)?.uid();
        let _ = fs::remove_file(&probe);
        if metadata.uid() != mine || metadata.mode() & 0o077 != 0 {
            let mut failure = cannot_use(&self.0, "other users can get at it").hint(
                "name a folder of this user alone (mode 0700), or one that does not exist yet",
            );
            failure.kind = ErrorKind::PermissionDenied;
            return Err(failure.into());
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check(&self) -> Result<()> {
        let mut failure = cannot_use(&self.0, "this system has no modes of files to protect it by");
        failure.kind = ErrorKind::Unsupported;
        Err(failure.into())
    }
}

fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// For files that only this user may read, from the moment they exist.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn read_bounded(path: &Path, max_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > max_bytes {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too large"));
    }
    Ok(bytes)
}

fn cannot_use(path: &Path, why: &str) -> Failure {
    Failure::invalid_input(format!("cannot share tokens in `{}`: {why}", path.display()))
}

const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
/// Above any answer that holds a token.
const MAX_TOKEN_BYTES: usize = 1 << 20;
