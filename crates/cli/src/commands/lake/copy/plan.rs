//! Which files a copy is of, and the name of each at the other end.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use azconnect_lake::{ETag, LakeClient, LakePath, ListDepth, ListOptions, PathProperties};
use futures::TryStreamExt;

use crate::failure::Failure;

/// Files to copy, and directories to make since no file would.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) pairs: Vec<Pair>,
    pub(super) empty_lake_directories: Vec<LakePath>,
    local_directories: Vec<PathBuf>,
}

/// A file at both ends.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) local: PathBuf,
    pub(super) remote: LakePath,
    pub(super) bytes: u64,
    /// The state of the file in the lake that was planned with.
    pub(super) etag: Option<ETag>,
}

/// Files that are copied at a time.
pub(super) const FILES_AT_ONCE: usize = 4;

impl Plan {
    /// One local file.
    pub(super) async fn upload_file(local: PathBuf, remote: LakePath) -> Result<Self, Failure> {
        let (found, local) = on_thread(move || (fs::metadata(&local), local)).await?;
        let found = found.map_err(|error| unreadable(&local, &error))?;
        if found.is_dir() {
            return Err(super::directory(&local.display().to_string()));
        }
        let pair = Pair { local, remote, bytes: found.len(), etag: None };
        Ok(Self { pairs: vec![pair], ..Self::default() })
    }

    /// All files below a local directory, in the order of their names.
    pub(super) async fn upload_tree(local: PathBuf, remote: LakePath) -> Result<Self, Failure> {
        on_thread(move || {
            let mut plan = Self::default();
            plan.add_local_directory(&local, &remote)?;
            Ok(plan)
        })
        .await?
    }

    /// One file of the lake.
    pub(super) fn download_file(
        found: PathProperties,
        local: PathBuf,
        trailing_slash: bool,
    ) -> Result<Self, Failure> {
        let local = if trailing_slash || local.is_dir() {
            below(&local, found.path.name().unwrap_or_default())?
        } else {
            local
        };
        let pair = Pair { local, remote: found.path, bytes: found.size, etag: Some(found.etag) };
        Ok(Self { pairs: vec![pair], ..Self::default() })
    }

    /// All files below a directory of the lake.
    pub(super) async fn download_tree(
        lake: &LakeClient,
        remote: &LakePath,
        local: &Path,
    ) -> Result<Self, Failure> {
        let mut plan = Self { local_directories: vec![local.to_owned()], ..Self::default() };
        let options = ListOptions::default().with_depth(ListDepth::Recursive);
        let mut entries = lake.list_opts(remote, options);
        while let Some(entry) = entries.try_next().await? {
            let target = below(local, entry.path.relative_to(remote).unwrap_or_default())?;
            if entry.is_directory() {
                plan.local_directories.push(target);
            } else {
                let (bytes, etag) = (entry.size, entry.etag);
                plan.pairs.push(Pair { local: target, remote: entry.path, bytes, etag });
            }
        }
        Ok(plan)
    }

    /// Makes the directories on this machine, so that empty ones are there too.
    pub(super) async fn make_local_directories(&self) -> Result<(), Failure> {
        let directories = self.local_directories.clone();
        on_thread(move || {
            for directory in directories {
                fs::create_dir_all(&directory).map_err(|error| {
                    let message = format!("cannot make the directory `{}`", directory.display());
                    Failure::from_error(message, &error)
                })?;
            }
            Ok(())
        })
        .await?
    }

    pub(super) fn bytes(&self) -> u64 {
        self.pairs.iter().map(|pair| pair.bytes).sum()
    }

    /// Requests at a time for one file: alone it has the line to itself.
    pub(super) fn requests_a_file(&self) -> usize {
        if self.pairs.len() == 1 { 4 } else { 2 }
    }

    fn add_local_directory(&mut self, local: &Path, remote: &LakePath) -> Result<(), Failure> {
        let unread = |error: io::Error| unreadable(local, &error);
        let mut entries = fs::read_dir(local)
            .and_then(|entries| entries.collect::<io::Result<Vec<_>>>())
            .map_err(unread)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        if entries.is_empty() && !remote.is_root() {
            self.empty_lake_directories.push(remote.clone());
        }
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Failure::new(format!("the name `{}` is not UTF-8", path.display()))
                    .with_hint("names in the lake are Unicode: rename it first"));
            };
            let remote = remote.join(name)?;
            let link = entry.file_type().map_err(unread)?.is_symlink();
            let found = fs::metadata(&path).map_err(|error| unreadable(&path, &error))?;
            if found.is_file() {
                self.pairs.push(Pair { local: path, remote, bytes: found.len(), etag: None });
            } else if found.is_dir() && !link {
                self.add_local_directory(&path, &remote)?;
            } else {
                let what = if link { "a link to a directory" } else { "no regular file" };
                return Err(Failure::new(format!("`{}` is {what}", path.display()))
                    .with_hint("move it elsewhere, or copy what it stands for apart"));
            }
        }
        Ok(())
    }
}

/// The name that a local file has, if it has one that can be a name in the lake.
pub(super) fn local_file_name(local: &Path) -> Result<Option<String>, Failure> {
    match local.file_name() {
        None => Ok(None),
        Some(name) => match name.to_str() {
            Some(name) => Ok(Some(name.to_owned())),
            None => Err(Failure::new(format!("the name `{}` is not UTF-8", local.display()))
                .with_hint("names in the lake are Unicode: give the new name in the URL")),
        },
    }
}

/// `relative` below `local`. A name that would be more than a name on this system is refused: the
/// lake allows names such as `a\..\b`.
fn below(local: &Path, relative: &str) -> Result<PathBuf, Failure> {
    let mut path = local.to_owned();
    for name in relative.split('/') {
        let mut components = Path::new(name).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(only)), None) if only == name => path.push(name),
            _ => {
                return Err(Failure::new(format!("`{relative}` is no file name on this system"))
                    .with_hint("copy that file alone, under another name"));
            }
        }
    }
    Ok(path)
}

fn unreadable(local: &Path, error: &io::Error) -> Failure {
    Failure::from_error(format!("cannot read `{}`", local.display()), error)
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Failure::from_error("cannot read local files", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_lake_stay_below_the_local_directory() {
        let local = Path::new("to");
        assert_eq!(below(local, "a/b c").unwrap(), Path::new("to/a/b c"));
        for relative in ["..", "a/../b", "", "a//b", ".", "/etc"] {
            assert!(below(local, relative).is_err(), "{relative:?}");
        }
    }

    #[tokio::test]
    async fn a_tree_is_planned_in_order_with_its_empty_directories() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b/c", "b/empty", "a"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        for (name, content) in [("b/c/z", "12345"), ("a/y", "1"), ("x", "")] {
            fs::write(directory.path().join(name), content).unwrap();
        }
        let plan =
            Plan::upload_tree(directory.path().to_owned(), "raw/t".parse().unwrap()).await.unwrap();
        let remote: Vec<_> = plan.pairs.iter().map(|pair| pair.remote.to_string()).collect();
        assert_eq!(remote, ["raw/t/a/y", "raw/t/b/c/z", "raw/t/x"]);
        assert_eq!(plan.bytes(), 6);
        assert_eq!(plan.empty_lake_directories, ["raw/t/b/empty".parse().unwrap()]);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_to_files_are_followed_and_links_to_directories_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "12").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        let plan = async || Plan::upload_tree(at("").to_owned(), "raw/t".parse().unwrap()).await;
        assert_eq!(plan().await.unwrap().bytes(), 4);
        std::os::unix::fs::symlink(directory.path(), at("loop")).unwrap();
        assert!(plan().await.unwrap_err().to_string().contains("a link to a directory"));
    }
}
