//! The two kinds of account: what names mean in each, and where their files lie on disk.

use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::lake::name::PathName;

/// Whether the slashes in names part directories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// A name is a name; directories are what names have in common, or blobs that say they are one.
    Flat,
    /// Directories are entries of their own.
    #[default]
    Hierarchical,
}

impl Namespace {
    /// What entries are sorted and found by.
    pub(crate) fn key(self, path: &PathName) -> String {
        match self {
            Self::Flat => path.as_str().to_owned(),
            Self::Hierarchical => path.sort_key(),
        }
    }

    /// The beginning of the keys of names that begin with `text`.
    pub(crate) fn key_of_text(self, text: &str) -> String {
        match self {
            Self::Flat => text.to_owned(),
            Self::Hierarchical => text.replace('/', "\0"),
        }
    }

    /// Where a path lies below the folder of its filesystem.
    ///
    /// In a flat account `a` and `a/b` may both have content, which no disk allows: there the name
    /// is escaped to one without a slash, and one too long for a disk is cut into folders.
    pub(super) fn disk_name(self, path: &PathName) -> PathBuf {
        match self {
            Self::Hierarchical => PathBuf::from(path.as_str()),
            Self::Flat => {
                let escaped = utf8_percent_encode(path.as_str(), ESCAPED).to_string();
                let mut disk_name = PathBuf::new();
                let mut rest = escaped.as_str();
                while rest.len() > PIECE_BYTES {
                    // The escaped text is ASCII.
                    let (piece, left) = rest.split_at(PIECE_BYTES);
                    disk_name.push([piece, FOLDER_MARK].concat());
                    rest = left;
                }
                disk_name.push(rest);
                disk_name
            }
        }
    }

    /// The path of a [`disk_name`](Self::disk_name); `None` if it is none.
    pub(super) fn path_of_disk_name(self, disk_name: &Path) -> Option<PathName> {
        let text = match self {
            Self::Hierarchical => disk_name.to_str()?.to_owned(),
            Self::Flat => {
                let escaped: Vec<_> = disk_name
                    .to_str()?
                    .split('/')
                    .map(|piece| piece.strip_suffix(FOLDER_MARK).unwrap_or(piece))
                    .collect();
                percent_decode_str(&escaped.concat()).decode_utf8().ok()?.into_owned()
            }
        };
        let path = PathName::parse(&text).ok()?;
        (self.disk_name(&path) == disk_name).then_some(path)
    }
}

/// All but letters, digits and these two, so that no piece is a dot or two.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
/// No escaped name has it, so that no folder has the name of a file.
const FOLDER_MARK: &str = "+";
/// With the mark less than what common file systems hold.
const PIECE_BYTES: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_names_lie_beside_each_other_on_disk_and_come_back() {
        let long = ["x".repeat(240), "\u{e9}/".repeat(30), "end".to_owned()].concat();
        for text in ["a", "a/b", "a+", "a.b", "%2F", &long] {
            let path = PathName::parse(text).unwrap();
            let disk_name = Namespace::Flat.disk_name(&path);
            assert_eq!(Namespace::Flat.path_of_disk_name(&disk_name), Some(path), "{text}");
        }
        let disk_name = |text| Namespace::Flat.disk_name(&PathName::parse(text).unwrap());
        assert_eq!(disk_name("a/b"), Path::new("a%2Fb"));
        assert_eq!(disk_name("..."), Path::new("%2E%2E%2E"));
        assert!(disk_name(&long).iter().all(|piece| piece.len() <= 255));
        assert_eq!(Namespace::Flat.path_of_disk_name(Path::new("a/b")), None);
    }
}
