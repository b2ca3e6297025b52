//! Patterns of paths: only directories that can hold a match are listed.

use std::{fmt, str::FromStr, sync::Arc};

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use globset::{GlobBuilder, GlobMatcher};

use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    list::{ListDepth, ListOptions, Pages, PathEntry, Visit, Walk},
    path::{FilesystemName, LakePath},
    properties::PathType,
};

/// A pattern of paths in one filesystem, `raw/sales/year=20*/**/*.parquet`.
///
/// | | matches |
/// | --- | --- |
/// | `*` | any text without a slash |
/// | `**` | as a whole segment: any number of segments, none included |
/// | `?` | one character |
/// | `[a-z]`, `[!a-z]` | one of these characters, or one that is not |
/// | `{a,b}` | either of these, which may be patterns |
/// | `[*]` | a star itself, and so on |
///
/// Letters count as written. The filesystem's name is no pattern.
#[derive(Clone)]
pub struct LakeGlob {
    filesystem: FilesystemName,
    pattern: String,
    whole: GlobMatcher,
    segments: Arc<[Segment]>,
}

/// How many directories are listed at a time. Each is one request for 5,000 entries.
const PARALLELISM: usize = 8;

/// One part of a pattern between slashes.
#[derive(Clone)]
enum Segment {
    /// A name, which is not looked for in a listing.
    Literal(String),
    /// The names in one directory that match.
    Names(GlobMatcher),
    /// All that is below, held to the whole pattern.
    Deep,
}

impl LakeGlob {
    /// A pattern in `filesystem`. Slashes at either end and doubled ones are dropped.
    ///
    /// # Errors
    /// `InvalidInput`: a bracket or brace is not closed, a segment is `.` or `..`, or the pattern
    /// is empty.
    pub fn new(filesystem: FilesystemName, pattern: &str) -> Result<Self> {
        let shown = format!("{filesystem}/{pattern}");
        let refuse = |detail: String| Error::invalid_input(USE, shown.as_str(), detail);
        let parts: Vec<_> = split(pattern).into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Err(refuse("it has no pattern behind the filesystem".to_owned()));
        }
        if parts.iter().any(|part| *part == "." || *part == "..") {
            return Err(refuse("`.` and `..` have no meaning in the lake".to_owned()));
        }
        let pattern = parts.join("/");
        let matcher = |text: &str| {
            GlobBuilder::new(text)
                .literal_separator(true)
                .backslash_escape(false)
                .build()
                .map(|glob| glob.compile_matcher())
                .map_err(|source| {
                    refuse(source.kind().to_string()).with_hint(
                        "brackets and braces must be closed; write [[] or [{] for one that is meant \
                         itself",
                    )
                })
        };
        let whole = matcher(&pattern)?;
        let segments = parts
            .iter()
            .map(|part| {
                // A slash in braces parts segments too, and `a**` is not one of ours to guess.
                if part.contains("**") || part.contains('/') {
                    Ok(Segment::Deep)
                } else if part.contains(SPECIAL) {
                    matcher(part).map(Segment::Names)
                } else {
                    Ok(Segment::Literal((*part).to_owned()))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { filesystem, pattern, whole, segments: segments.into() })
    }

    /// Whether `path` matches.
    pub fn matches(&self, path: &LakePath) -> bool {
        *path.filesystem() == self.filesystem && self.whole.is_match(path.path())
    }

    /// Whether `text` has a character that means something in a pattern.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(SPECIAL)
    }

    /// The directory that all matches are below, and the number of segments that name it.
    fn base(&self) -> Result<(LakePath, usize)> {
        let literals = self.segments.iter().map_while(|segment| match segment {
            Segment::Literal(name) => Some(name.as_str()),
            _ => None,
        });
        let names: Vec<_> = literals.collect();
        let count = names.len().min(self.segments.len().saturating_sub(1));
        Ok((LakePath::new(self.filesystem.clone(), &names[..count].join("/"))?, count))
    }
}

impl FromStr for LakeGlob {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (filesystem, pattern) = text.split_once('/').unwrap_or((text, ""));
        Self::new(filesystem.parse()?, pattern)
    }
}

impl fmt::Display for LakeGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.filesystem, self.pattern)
    }
}

impl fmt::Debug for LakeGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LakeGlob({self})")
    }
}

impl LakeClient {
    /// The files and directories that match `glob`, in no order.
    ///
    /// Lists only directories that can hold a match: `2024/*/a.csv` asks for one listing of `2024`
    /// and for the properties of each `2024/…/a.csv`; `**` lists all that is below it. At most 8
    /// directories are listed at a time.
    ///
    /// # Errors
    /// What keeps the service from answering, also `NotFound` for the filesystem. A directory that
    /// is not there holds no match, which is no error.
    ///
    /// # Cancel safety
    /// Safe: dropping the stream, or the future of its next item, changes nothing.
    pub fn glob(&self, glob: &LakeGlob) -> BoxStream<'static, Result<PathEntry>> {
        let (client, glob) = (self.clone(), glob.clone());
        stream::once(async move { client.begin_glob(glob).await })
            .flat_map(|begun| match begun {
                Ok(stream) => stream,
                Err(error) => stream::once(async { Err(error) }).boxed(),
            })
            .boxed()
    }

    async fn begin_glob(&self, glob: LakeGlob) -> Result<BoxStream<'static, Result<PathEntry>>> {
        let (base, at) = glob.base()?;
        if let [.., Segment::Literal(name)] = &*glob.segments
            && at + 1 == glob.segments.len()
        {
            // No pattern at all: one path.
            let found = self.entry(&base.join(name)?).await?;
            return Ok(stream::iter(found.map(Ok)).boxed());
        }
        if base.is_root() {
            // An absent filesystem is a mistake, not a pattern without a match.
            self.root_is_there(&base).await?;
        }
        let client = self.clone();
        let walk = Walk::new(client.pages(base, glob.depth_at(at)), at, PARALLELISM, {
            let (client, glob) = (client.clone(), glob.clone());
            move |at, entry| client.visit(&glob, at, entry)
        });
        // Names behind the last pattern are looked for one by one, and only there.
        let tail = glob.literal_tail();
        let stream = walk.forgiving_absence().into_stream();
        if tail.is_empty() {
            return Ok(stream);
        }
        Ok(stream
            .map(move |entry| {
                let (client, tail) = (client.clone(), tail.clone());
                async move {
                    let path = entry?.path.join(&tail)?;
                    client.entry(&path).await
                }
            })
            .buffer_unordered(PARALLELISM)
            .filter_map(|found| std::future::ready(found.transpose()))
            .boxed())
    }

    fn visit(&self, glob: &LakeGlob, at: usize, entry: &PathEntry) -> Visit<usize> {
        match &glob.segments[at.min(glob.segments.len() - 1)] {
            Segment::Deep if glob.whole.is_match(entry.path.path()) => Visit::Yield,
            Segment::Names(names) => {
                if !entry.path.name().is_some_and(|name| names.is_match(name)) {
                    return Visit::Skip;
                }
                let tail_begins = glob.segments.len() - glob.tail_length();
                if at + 1 == glob.segments.len() {
                    return Visit::Yield;
                }
                if !entry.is_directory() {
                    return Visit::Skip;
                }
                if at + 1 == tail_begins {
                    return Visit::Yield;
                }
                // Names between two patterns need no listing.
                let (mut directory, mut at) = (entry.path.clone(), at + 1);
                while let Some(Segment::Literal(name)) = glob.segments.get(at) {
                    match directory.join(name) {
                        Ok(below) => directory = below,
                        Err(_) => return Visit::Skip,
                    }
                    at += 1;
                }
                Visit::Enter(self.pages(directory, glob.depth_at(at)), at)
            }
            _ => Visit::Skip,
        }
    }

    fn pages(&self, directory: LakePath, depth: ListDepth) -> Pages {
        let options = ListOptions::default().with_depth(depth);
        Pages::new(Arc::clone(&self.wire), directory, options)
    }

    /// The entry of one path, as a listing would show it.
    async fn entry(&self, path: &LakePath) -> Result<Option<PathEntry>> {
        match self.properties(path).await {
            Ok(found) => Ok(Some(PathEntry {
                path: found.path,
                path_type: found.path_type,
                size: if found.path_type == PathType::File { found.size } else { 0 },
                etag: Some(found.etag),
                last_modified: found.last_modified,
            })),
            Err(error) if error.service_code() == Some("FilesystemNotFound") => Err(error),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn root_is_there(&self, root: &LakePath) -> Result<()> {
        self.properties(root).await.map(drop)
    }
}

impl LakeGlob {
    fn depth_at(&self, at: usize) -> ListDepth {
        match self.segments.get(at) {
            Some(Segment::Deep) => ListDepth::Recursive,
            _ => ListDepth::Directory,
        }
    }

    /// How many segments at the end are names, none of them behind a `**`.
    fn tail_length(&self) -> usize {
        if self.segments.iter().any(|segment| matches!(segment, Segment::Deep)) {
            return 0;
        }
        let names = self.segments.iter().rev();
        names.take_while(|segment| matches!(segment, Segment::Literal(_))).count()
    }

    fn literal_tail(&self) -> String {
        let begin = self.segments.len() - self.tail_length();
        let names: Vec<_> = self.segments[begin..]
            .iter()
            .filter_map(|segment| match segment {
                Segment::Literal(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        names.join("/")
    }
}

/// The parts of a pattern between slashes, but for those in brackets and braces.
fn split(pattern: &str) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut braces, mut in_brackets) = (0_usize, false);
    for (at, letter) in pattern.char_indices() {
        match letter {
            '[' if !in_brackets => in_brackets = true,
            // The first bracket of a class may be one of its members, which `globset` decides; a
            // class that is split wrongly is refused there as unclosed.
            ']' => in_brackets = false,
            '{' if !in_brackets => braces += 1,
            '}' if !in_brackets => braces = braces.saturating_sub(1),
            '/' if braces == 0 && !in_brackets => {
                parts.push(&pattern[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&pattern[begin..]);
    parts
}

const USE: &str = "use the pattern";
const SPECIAL: [char; 4] = ['*', '?', '[', '{'];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, path: &str, expected: bool) {
        let glob: LakeGlob = pattern.parse().unwrap();
        assert_eq!(glob.matches(&path.parse().unwrap()), expected, "{pattern} {path}");
    }

    #[test]
    fn patterns_match_as_the_table_says() {
        for (pattern, path, expected) in [
            ("raw/*.csv", "raw/a.csv", true),
            ("raw/*.csv", "raw/d/a.csv", false),
            ("raw/**/*.csv", "raw/a.csv", true),
            ("raw/**/*.csv", "raw/d/e/a.csv", true),
            ("raw/**", "raw/d/e", true),
            ("raw/a?c", "raw/abc", true),
            ("raw/a?c", "raw/a/c", false),
            ("raw/[a-c]x", "raw/bx", true),
            ("raw/[!a-c]x", "raw/bx", false),
            ("raw/{a,b*}/x", "raw/bcd/x", true),
            ("raw/{a,b/c}/x", "raw/b/c/x", true),
            ("raw/[*]", "raw/*", true),
            ("raw/[*]", "raw/a", false),
            ("raw/a\\*", "raw/a\\b", true),
            ("raw/A", "raw/a", false),
            ("raw/a", "other/a", false),
            ("raw//a/", "raw/a", true),
        ] {
            check(pattern, path, expected);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["raw", "raw/", "raw/[a", "raw/{a,b", "raw/a/../b", "raw/{{{{", "r*w/a"] {
            let error = pattern.parse::<LakeGlob>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{pattern}");
        }
    }

    #[test]
    fn the_base_is_what_is_named() {
        for (pattern, base) in [
            ("raw/a/b/*.csv", "raw/a/b"),
            ("raw/*/b", "raw/"),
            ("raw/a/b", "raw/a"),
            ("raw/**", "raw/"),
        ] {
            let glob: LakeGlob = pattern.parse().unwrap();
            assert_eq!(glob.base().unwrap().0, base.parse().unwrap(), "{pattern}");
        }
    }
}
