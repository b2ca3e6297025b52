//! The key files: each holds a secret that is good for one request.

use std::{
    collections::VecDeque,
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::constant_time;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

/// The files that were named to callers and not used yet, oldest first. They are removed when used,
/// when too many are waiting, and at the end.
#[derive(Debug)]
pub(crate) struct KeyFiles {
    folder: PathBuf,
    waiting: Mutex<VecDeque<KeyFile>>,
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    content: SecretString,
}

impl KeyFiles {
    /// `folder`: exists, and is absolute, as clients compare it with what they expect.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, waiting: Mutex::default() }
    }

    /// Writes a new file, readable by this user alone, and returns its path.
    pub(crate) fn write(&self) -> io::Result<PathBuf> {
        let path = self.folder.join(Uuid::new_v4().to_string()).with_extension("key");
        let content = [Uuid::new_v4(), Uuid::new_v4()].map(|part| part.simple().to_string());
        let content = SecretString::from(content.concat());
        create(&path)?.write_all(content.expose_secret().as_bytes())?;
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(KeyFile { path: path.clone(), content });
        if waiting.len() > MAX_WAITING {
            waiting.pop_front();
        }
        Ok(path)
    }

    /// Whether this is the content of a file that waits; uses it up.
    pub(crate) fn take(&self, shown: &str) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let found = waiting.iter().position(|file| {
            let content = file.content.expose_secret().as_bytes();
            constant_time::verify_slices_are_equal(content, shown.as_bytes()).is_ok()
        });
        found.and_then(|index| waiting.remove(index)).is_some()
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, "cannot remove a key file");
        }
    }
}

fn create(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A caller that reads its file at once is never this far behind.
const MAX_WAITING: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_good_once_and_its_file_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFiles::new(folder.path().to_owned());
        let (first, second) = (keys.write().unwrap(), keys.write().unwrap());
        let content = fs::read_to_string(&first).unwrap();
        assert!(!keys.take(""));
        assert!(!keys.take(&content[1..]));
        assert!(keys.take(&content));
        assert!(!keys.take(&content));
        assert!(!first.exists() && second.exists());
        drop(keys);
        assert!(!second.exists());
    }

    #[test]
    fn keys_that_nobody_fetches_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFiles::new(folder.path().to_owned());
        let first = keys.write().unwrap();
        for _ in 0..MAX_WAITING {
            keys.write().unwrap();
        }
        assert!(!first.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), MAX_WAITING);
    }
}
