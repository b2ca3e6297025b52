//! Names in the lake: account, filesystem, path. A value of one of these types is a valid name.

mod encode;
mod url;

use std::{fmt, str::FromStr};

pub(crate) use self::encode::{encode_path, query_string};
pub use self::url::LakeUrl;

use crate::error::{Error, Result};

/// The name of a storage account: 3 to 24 lower-case letters and digits.
///
/// Spec: <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name>
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountName(String);

/// The name of a filesystem (the blob endpoint calls it a container): 3 to 63 lower-case letters,
/// digits and single hyphens; or one of the service's own, such as `$web`.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#container-names>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FilesystemName(String);

/// A place in an account: a filesystem and a normalized path in it.
///
/// The path has no slash at either end, no empty segment and no `.` or `..`; it is empty for the
/// filesystem's root. It holds plain text, never percent-encoded; `Display` and `FromStr` use
/// `filesystem/path`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LakePath {
    filesystem: FilesystemName,
    path: String,
}

impl AccountName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if letters && (3..=24).contains(&name.len()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(Error::invalid_input(
                "use the account name",
                name,
                "an account name has 3 to 24 lower-case letters and digits",
            ))
        }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FilesystemName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for FilesystemName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match filesystem_mistake(name) {
            None => Ok(Self(name.to_owned())),
            Some(mistake) => Err(Error::invalid_input("use the filesystem name", name, mistake)),
        }
    }
}

impl fmt::Display for FilesystemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl LakePath {
    /// The place `path` in `filesystem`. Slashes at either end and doubled ones are dropped.
    ///
    /// # Errors
    /// `InvalidInput`: the path has a segment `.` or `..`, a control character, or more than
    /// 1,024 characters.
    pub fn new(filesystem: FilesystemName, path: &str) -> Result<Self> {
        match normalize(path) {
            Ok(path) => Ok(Self { filesystem, path }),
            Err(mistake) => {
                Err(Error::invalid_input("use the path", format!("{filesystem}/{path}"), mistake))
            }
        }
    }

    /// The root directory of `filesystem`.
    pub fn root(filesystem: FilesystemName) -> Self {
        Self { filesystem, path: String::new() }
    }

    /// The filesystem that this is in.
    pub fn filesystem(&self) -> &FilesystemName {
        &self.filesystem
    }

    /// The path below the filesystem's root, without a slash at either end; empty for the root.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether this is the filesystem itself.
    pub fn is_root(&self) -> bool {
        self.path.is_empty()
    }

    /// The last segment; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.path.rsplit('/').next().filter(|name| !name.is_empty())
    }

    /// The directory that this is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let parent = self.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        Some(Self { filesystem: self.filesystem.clone(), path: parent.to_owned() })
    }

    /// The place `below` this one.
    ///
    /// # Errors
    /// As [`LakePath::new`].
    pub fn join(&self, below: &str) -> Result<Self> {
        Self::new(self.filesystem.clone(), &format!("{}/{below}", self.path))
    }

    /// The path that a listing of this directory names: it is below it, and written as the service
    /// writes names, or the listing is wrong.
    pub(crate) fn listed(&self, name: &str) -> Result<Self, String> {
        Self::new(self.filesystem.clone(), name)
            .ok()
            .filter(|path| path.path == name.trim_matches('/'))
            .filter(|path| path.relative_to(self).is_some_and(|below| !below.is_empty()))
            .ok_or_else(|| format!("the listing names `{name}`, which is not below"))
    }

    /// What is left of `self` below `directory`; `None` if it is not below it.
    pub fn relative_to(&self, directory: &Self) -> Option<&str> {
        if self.filesystem != directory.filesystem {
            return None;
        }
        if directory.is_root() {
            return Some(&self.path);
        }
        self.path.strip_prefix(directory.path.as_str())?.strip_prefix('/')
    }
}

impl FromStr for LakePath {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (filesystem, path) = text.split_once('/').unwrap_or((text, ""));
        Self::new(filesystem.parse()?, path)
    }
}

impl fmt::Display for LakePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.filesystem, self.path)
    }
}

fn filesystem_mistake(name: &str) -> Option<&'static str> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    if !(3..=63).contains(&bytes.len()) {
        Some("a filesystem name has 3 to 63 characters")
    } else if !bytes
        .iter()
        .enumerate()
        .all(|(i, &b)| plain(b) || b == b'-' || (b == b'$' && i == 0))
    {
        Some("a filesystem name has lower-case letters, digits and hyphens only")
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        Some("hyphens in a filesystem name are single and neither first nor last")
    } else {
        None
    }
}

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#blob-names>
const LONGEST_PATH: usize = 1024;

fn normalize(path: &str) -> Result<String, &'static str> {
    let mut normal = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if segment == "." || segment == ".." {
            return Err("`.` and `..` have no meaning in the lake: write the path out");
        }
        if segment.chars().any(char::is_control) {
            return Err("the path has a control character, which the service refuses");
        }
        if !normal.is_empty() {
            normal.push('/');
        }
        normal.push_str(segment);
    }
    if normal.chars().count() > LONGEST_PATH {
        return Err("the path is longer than 1,024 characters");
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn account_names_follow_the_rule() {
        for good in ["abc", "lakedemo", "a2345678901234567890abcd"] {
            assert_eq!(good.parse::<AccountName>().unwrap().as_str(), good);
        }
        for bad in ["", "ab", "Lake", "lake-demo", "lake.demo", "a2345678901234567890abcde", "läke"]
        {
            let error = bad.parse::<AccountName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }

    #[test]
    fn filesystem_names_follow_the_rule() {
        let longest = "a".repeat(63);
        for good in ["raw", "r-1", "$web", "$root", "1ab", longest.as_str()] {
            assert_eq!(good.parse::<FilesystemName>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(64);
        for bad in
            ["", "ab", "Raw", "a--b", "-ab", "ab-", "a_b", "a.b", "ra$w", "räw", too_long.as_str()]
        {
            let error = bad.parse::<FilesystemName>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }

    #[test]
    fn paths_are_normalized_and_dots_refused() {
        let path = |text: &str| LakePath::new("raw".parse().unwrap(), text);
        for (text, normal) in [
            ("", ""),
            ("/", ""),
            ("a", "a"),
            ("/a//b/", "a/b"),
            ("...", "..."),
            (".a/b..", ".a/b.."),
            ("%2e%2e", "%2e%2e"),
        ] {
            assert_eq!(path(text).unwrap().path(), normal, "{text}");
        }
        for bad in ["..", "a/../b", ".", "./a", "a/.", "a\nb", "a\0", "\u{85}"] {
            assert_eq!(path(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
        assert!(path(&"ä".repeat(1024)).is_ok());
        assert!(path(&"ä".repeat(1025)).is_err());
    }

    #[test]
    fn parents_names_and_joins_agree() {
        let path: LakePath = "raw/a/b c.parquet".parse().unwrap();
        assert_eq!(path.name(), Some("b c.parquet"));
        let parent = path.parent().unwrap();
        assert_eq!(parent.to_string(), "raw/a");
        assert_eq!(parent.join("b c.parquet").unwrap(), path);
        assert_eq!(path.relative_to(&parent), Some("b c.parquet"));
        assert_eq!(path.relative_to(&"raw/".parse().unwrap()), Some("a/b c.parquet"));
        assert_eq!(path.relative_to(&"raw/a/b".parse().unwrap()), None);
        let root = parent.parent().unwrap();
        assert!(root.is_root() && root.parent().is_none() && root.name().is_none());
    }
}
