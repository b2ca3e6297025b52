//! Names that may be used as paths on disk: checked once, then safe to join to a folder.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::failure::{Code, Failure};

/// The path of a file or directory inside a filesystem, without slashes at its ends.
/// The empty path is the root directory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PathName(String);

impl PathName {
    /// The root directory of a filesystem.
    pub(crate) fn root() -> Self {
        Self(String::new())
    }

    /// Parses a path that is still percent-encoded.
    pub(crate) fn parse_encoded(text: &str) -> Result<Self, Failure> {
        let decoded =
            percent_decode_str(text).decode_utf8().map_err(|_| Failure::new(Code::InvalidUri))?;
        Self::parse(&decoded)
    }

    /// Parses a path as it is meant: slashes part it, slashes at its ends say nothing.
    ///
    /// Refused: empty, `.` and `..` components, backslashes, control characters, and what the
    /// service's limits or a local file system cannot hold.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self::root());
        }
        if trimmed.chars().count() > MAX_PATH_CHARS {
            return Err(Failure::new(Code::InvalidUri));
        }
        let is_fine = |component: &str| {
            !matches!(component, "" | "." | "..")
                && component.len() <= MAX_COMPONENT_BYTES
                && !component.chars().any(|c| c == '\\' || c.is_control())
        };
        if !trimmed.split('/').all(is_fine) {
            return Err(Failure::new(Code::InvalidResourceName));
        }
        Ok(Self(trimmed.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds this path; `None` for the root.
    pub(crate) fn parent(&self) -> Option<PathName> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.to_owned())))
    }

    /// Every directory above this path, outermost first, without the root.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = PathName> {
        self.0.match_indices('/').map(|(at, _)| Self(self.0[..at].to_owned()))
    }

    /// Whether this path lies below `directory`.
    pub(crate) fn is_below(&self, directory: &PathName) -> bool {
        directory.is_root() && !self.is_root()
            || self.0.strip_prefix(&directory.0).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path of a direct child; `None` if `name` cannot be one.
    pub(crate) fn child(&self, name: &str) -> Option<PathName> {
        if name.contains('/') {
            return None;
        }
        let path = if self.is_root() { name.to_owned() } else { [&self.0, "/", name].concat() };
        Self::parse(&path).ok().filter(|path| !path.is_root())
    }

    /// Where this path lies once its directory `from` (or itself) has become `to`.
    pub(crate) fn moved(&self, from: &PathName, to: &PathName) -> PathName {
        Self([to.as_str(), self.0.strip_prefix(&from.0).unwrap_or_default()].concat())
    }

    /// What sorts paths so that all that lies below a directory follows it directly:
    /// the separator becomes the smallest character, which no name contains.
    pub(crate) fn sort_key(&self) -> String {
        self.0.replace('/', "\0")
    }

    /// The path of a [`sort_key`](Self::sort_key).
    pub(crate) fn from_sort_key(key: &str) -> Self {
        Self(key.replace('\0', "/"))
    }
}

impl fmt::Display for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `name` may name a filesystem: 3 to 63 lower-case letters, digits and single hyphens,
/// beginning and ending with a letter or digit.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#container-names>
pub(crate) fn is_filesystem_name(name: &str) -> bool {
    let is_letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| is_letter_or_digit(byte) || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// Whether `name` may name a storage account: 3 to 24 lower-case letters and digits.
pub(crate) fn is_account_name(name: &str) -> bool {
    (3..=24).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata#blob-names>
const MAX_PATH_CHARS: usize = 1024;
/// What common local file systems hold; the service itself has no such limit.
const MAX_COMPONENT_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_the_slashes_at_their_ends_and_keep_everything_else() {
        for (encoded, expected) in [
            ("", ""),
            ("/", ""),
            ("%2F", ""),
            ("a", "a"),
            ("a/b/", "a/b"),
            ("a%2Fb", "a/b"),
            ("a%20b/%C3%A9+%25", "a b/é+%"),
            ("..a/b..", "..a/b.."),
        ] {
            assert_eq!(PathName::parse_encoded(encoded).unwrap().as_str(), expected, "{encoded}");
        }
    }

    #[test]
    fn paths_that_could_leave_the_folder_or_hide_in_it_are_refused() {
        for encoded in [
            "..",
            "a/../b",
            "a/%2E%2E/b",
            "./a",
            "a//b",
            "a%5Cb",
            "a%00b",
            "a%0Ab",
            "%FF",
            &"x".repeat(256),
        ] {
            assert!(PathName::parse_encoded(encoded).is_err(), "{encoded}");
        }
    }

    #[test]
    fn the_sort_key_keeps_a_directory_and_its_content_together() {
        let mut paths = ["a-b", "a", "a/z", "a.txt", "a/b/c", "a/b"]
            .map(|path| PathName::parse(path).unwrap().sort_key());
        paths.sort();
        let sorted: Vec<_> =
            paths.iter().map(|key| PathName::from_sort_key(key).to_string()).collect();
        assert_eq!(sorted, ["a", "a/b", "a/b/c", "a/z", "a-b", "a.txt"]);
    }

    #[test]
    fn filesystem_names_follow_the_documented_rule() {
        for (name, expected) in [
            ("raw", true),
            ("a-1-b", true),
            ("ab", false),
            ("Raw", false),
            ("a--b", false),
            ("-raw", false),
            ("raw-", false),
            ("..", false),
            ("r_w", false),
        ] {
            assert_eq!(is_filesystem_name(name), expected, "{name}");
        }
    }
}
