//! A local file that takes its name only when it is whole.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempPath;

use super::ExistingFile;

/// A file beside its target, written at any offset, that replaces the target at the end.
///
/// Dropped before that, it is removed, and the target is as it was.
pub(super) struct PartialFile {
    file: Arc<File>,
    temporary: TempPath,
    target: PathBuf,
    existing: ExistingFile,
}

impl PartialFile {
    /// Makes the directories that `target` is in, and a temporary file in the last of them.
    ///
    /// A link is followed; the file that it leads to is replaced, not the link.
    pub(super) fn create(target: &Path, existing: ExistingFile) -> io::Result<Self> {
        let found = match fs::metadata(target) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(found) = &found
            && !found.is_file()
        {
            let what = if found.is_dir() { "a directory" } else { "no regular file" };
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("there is {what} of this name"),
            ));
        }
        if found.is_some() && existing == ExistingFile::Keep {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let target = match &found {
            Some(_) => fs::canonicalize(target)?,
            None => target.to_owned(),
        };
        let directory = directory_of(&target);
        fs::create_dir_all(directory)?;
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let mut prefix = std::ffi::OsString::from(".");
        // Part of the name only: the temporary one must not be too long where this one just fits.
        prefix.push(name.to_string_lossy().chars().take(32).collect::<String>());
        prefix.push(".");

        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(".part");
        // Others may read the result as they may read any new file, or the one it replaces.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temporary) = builder.tempfile_in(directory)?.into_parts();
        if let Some(found) = found {
            file.set_permissions(found.permissions())?;
        }
        Ok(Self { file: Arc::new(file), temporary, target, existing })
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Checks that the file has `size` bytes, makes them durable and gives them their name.
    pub(super) fn publish(self, size: u64) -> io::Result<()> {
        let found = self.file.metadata()?.len();
        if found != size {
            return Err(io::Error::other(format!("{found} bytes were written of {size}")));
        }
        self.file.sync_all()?;
        match self.existing {
            ExistingFile::Keep => self.temporary.persist_noclobber(&self.target),
            ExistingFile::Replace => self.temporary.persist(&self.target),
        }
        .map_err(|error| error.error)?;
        // The name is durable when the directory is. Not every system lets it be opened.
        #[cfg(unix)]
        if let Ok(directory) = File::open(directory_of(&self.target)) {
            directory.sync_all()?;
        }
        Ok(())
    }
}

/// Writes all of `bytes` at `offset`, whatever the file's own position is.
pub(super) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
    #[cfg(windows)]
    {
        let mut written = 0;
        while written < bytes.len() {
            let at = offset + written as u64;
            match std::os::windows::fs::FileExt::seek_write(file, &bytes[written..], at)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                more => written += more,
            }
        }
        Ok(())
    }
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_whole_file_replaces_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("made/for/it/a.bin");
        for content in [&b"one"[..], b"another"] {
            let partial = PartialFile::create(&target, ExistingFile::Replace).unwrap();
            write_all_at(partial.file(), &content[1..], 1).unwrap();
            write_all_at(partial.file(), &content[..1], 0).unwrap();
            partial.publish(content.len() as u64).unwrap();
            assert_eq!(fs::read(&target).unwrap(), content);
        }
        assert_eq!(names(target.parent().unwrap()), ["a.bin"]);
    }

    #[test]
    fn a_part_leaves_the_old_one_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.bin");
        fs::write(&target, "old").unwrap();
        let partial = PartialFile::create(&target, ExistingFile::Replace).unwrap();
        write_all_at(partial.file(), b"new", 0).unwrap();
        assert!(partial.publish(4).unwrap_err().to_string().contains("3 bytes were written of 4"));
        drop(PartialFile::create(&target, ExistingFile::Replace).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["a.bin"]);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_the_old_file_and_links_are_followed() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("a.bin"), directory.path().join("link"));
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        PartialFile::create(&link, ExistingFile::Replace).unwrap().publish(0).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let found = fs::metadata(&target).unwrap();
        assert_eq!((found.len(), found.permissions().mode() & 0o777), (0, 0o640));
    }

    #[test]
    fn a_file_to_keep_is_kept_even_if_it_comes_late() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("a.bin");
        let partial = PartialFile::create(&target, ExistingFile::Keep).unwrap();
        fs::write(&target, "old").unwrap();
        let early = PartialFile::create(&target, ExistingFile::Keep).map(drop).unwrap_err();
        let late = partial.publish(0).unwrap_err();
        for error in [early, late] {
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["a.bin"]);
    }

    #[test]
    fn a_directory_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let error =
            PartialFile::create(directory.path(), ExistingFile::Replace).map(drop).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }

    /// `/dev/full` answers every write as a full disk does.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_reported_as_such() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let error = write_all_at(&full, b"x", 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
