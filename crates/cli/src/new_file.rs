//! New files that appear whole or not at all, the secret ones readable by their owner alone from the first byte on.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

use crate::failure::Failure;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everyone whom the folder and the umask let.
    Everyone,
    /// Its owner (mode 0600).
    Owner,
}

/// A file that is complete but does not bear its name yet; dropped unpublished, it is removed.
#[derive(Debug)]
pub(crate) struct NewFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Writes `bytes` to a file without a name of its own, beside `path`.
    pub(crate) fn create(path: &Path, bytes: &[u8], access: Access) -> Result<Self, Failure> {
        let write = || -> io::Result<NamedTempFile> {
            let mut builder = Builder::new();
            builder.prefix(".azconnect-");
            // Without this the mode is 0600 from the moment of creation.
            if access == Access::Everyone {
                allow_everyone(&mut builder);
            }
            let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        };
        let file = write().map_err(|error| cannot_write(path, &error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Gives the file its name. A file that exists is replaced if `force` says so, and kept otherwise.
    pub(crate) fn publish(self, force: bool) -> Result<(), Failure> {
        let Self { file, path } = self;
        let published = if force { file.persist(&path) } else { file.persist_noclobber(&path) };
        match published {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&path)),
            Err(error) => Err(cannot_write(&path, &error.error)),
        }
    }
}

/// Makes the folder and those above it, if they do not exist.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| {
        Failure::from_error(format!("cannot make the folder `{}`", path.display()), &error)
    })
}

/// The failure for a file that would be written over.
pub(crate) fn exists(path: &Path) -> Failure {
    Failure::new(format!("`{}` exists already", path.display()))
        .with_hint("give another name or folder, or write over it with `--force`")
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::from_error(format!("cannot write `{}`", path.display()), error)
}

#[cfg(unix)]
fn allow_everyone(builder: &mut Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt as _;
    builder.permissions(fs::Permissions::from_mode(0o644));
}

/// Elsewhere the folder's own rules hold.
#[cfg(not(unix))]
fn allow_everyone(_builder: &mut Builder<'_, '_>) {}
