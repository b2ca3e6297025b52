//! The folder beside the accounts in which data lies until it is published or dropped. It is on the
//! same file system, so that publishing is a rename.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use tempfile::TempDir;

/// Makes staging files; the folder goes with it.
#[derive(Debug)]
pub(super) struct Staging {
    dir: TempDir,
    next: AtomicU64,
}

/// A file that is not published. Dropping it deletes it, unless a rename published it.
#[derive(Debug)]
pub(crate) struct StagedFile(PathBuf);

impl Staging {
    /// Makes the folder and removes those that a crash left behind.
    pub(super) fn open(storage_dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(storage_dir)?;
        for found in fs::read_dir(storage_dir)? {
            let found = found?;
            if found.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_dir_all(found.path())?;
            }
        }
        let dir = tempfile::Builder::new().prefix(PREFIX).tempdir_in(storage_dir)?;
        Ok(Self { dir, next: AtomicU64::new(0) })
    }

    pub(super) fn file(&self) -> io::Result<(StagedFile, fs::File)> {
        let path = self.unused();
        let file = fs::File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok((StagedFile(path), file))
    }

    /// A path that whatever is to be deleted can be moved to.
    pub(super) fn trash(&self) -> PathBuf {
        self.unused()
    }

    fn unused(&self) -> PathBuf {
        self.dir.path().join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl StagedFile {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Opens the file once more, with a position of its own.
    pub(crate) fn open(&self) -> io::Result<fs::File> {
        fs::File::options().read(true).write(true).open(&self.0)
    }

    pub(super) fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.open()?.set_modified(time)
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot delete a staging file");
            }
            _ => {}
        }
    }
}

const PREFIX: &str = ".staging-";
