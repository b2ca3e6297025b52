//! What List Blobs lists: blobs, what their names have in common up to a delimiter, and blobs of
//! which there are only blocks yet.

use std::{collections::BTreeSet, ops::Bound};

use super::{entry::Entry, filesystem::Filesystem};
use crate::lake::name::PathName;

/// Which blobs a page is to hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlobQuery {
    /// What the names begin with.
    pub(crate) prefix: String,
    /// Names that have the same beginning up to this are one item.
    pub(crate) delimiter: Option<String>,
    /// [`BlobPage::next`] of the page before.
    pub(crate) position: Option<String>,
    /// The name that the first page begins with, or the first one behind it.
    pub(crate) from: Option<String>,
    pub(crate) limit: usize,
    /// Whether blobs without a committed block are listed too.
    pub(crate) uncommitted: bool,
}

/// One item of a listing.
#[derive(Debug)]
pub(crate) enum ListedBlob {
    Blob(PathName, Entry),
    /// The common beginning, delimiter included.
    Prefix(String),
    Uncommitted(PathName),
}

/// A page of a listing.
#[derive(Debug)]
pub(crate) struct BlobPage {
    pub(crate) items: Vec<ListedBlob>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

impl Filesystem {
    pub(crate) fn blobs(&self, query: &BlobQuery) -> BlobPage {
        let key_of = |text: &str| self.namespace.key_of_text(text);
        let prefix = key_of(&query.prefix);
        let delimiter = query.delimiter.as_deref().map(key_of);
        let uncommitted = self.uncommitted_keys(query);
        let mut from = match (&query.position, &query.from) {
            (Some(position), _) => position.clone(),
            (None, Some(from)) => key_of(from).max(prefix.clone()),
            (None, None) => prefix.clone(),
        };
        let mut items = Vec::new();
        loop {
            let range = (Bound::Included(from.as_str()), Bound::Unbounded);
            let entry = self.entries.range::<str, _>(range).next();
            let waiting = uncommitted.range::<str, _>(range).next();
            let (key, entry) = match (entry, waiting) {
                (Some((key, entry)), Some(waiting)) if key < waiting => (key, Some(entry)),
                (_, Some(waiting)) => (waiting, None),
                (Some((key, entry)), None) => (key, Some(entry)),
                (None, None) => return BlobPage { items, next: None },
            };
            let Some(rest) = key.strip_prefix(&prefix) else {
                return BlobPage { items, next: None };
            };
            if items.len() == query.limit {
                return BlobPage { items, next: Some(from) };
            }
            let path = PathName::from_sort_key(key);
            let group = delimiter.as_ref().and_then(|delimiter| {
                let at = rest.find(delimiter.as_str())?;
                Some(prefix.len() + at + delimiter.len())
            });
            let next = match (group, entry) {
                (Some(end), _) => {
                    let group = &key[..end];
                    items.push(ListedBlob::Prefix(PathName::from_sort_key(group).to_string()));
                    after_prefix(group)
                }
                (None, Some(entry)) if delimiter.is_some() && entry.is_directory() => {
                    items.push(ListedBlob::Prefix([path.as_str(), "/"].concat()));
                    [key, "\u{1}"].concat()
                }
                (None, Some(entry)) => {
                    items.push(ListedBlob::Blob(path, entry.clone()));
                    [key, "\0"].concat()
                }
                (None, None) => {
                    items.push(ListedBlob::Uncommitted(path));
                    [key, "\0"].concat()
                }
            };
            from = next;
        }
    }

    fn uncommitted_keys(&self, query: &BlobQuery) -> BTreeSet<String> {
        if !query.uncommitted {
            return BTreeSet::new();
        }
        self.blocks
            .keys()
            .filter(|path| self.get(path).is_none())
            .map(|path| self.namespace.key(path))
            .collect()
    }
}

/// The first key that follows all that begin with `prefix`.
fn after_prefix(prefix: &str) -> String {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        let following = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(following) = following {
            text.push(following);
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_prefix_follows_all_that_begins_with_it() {
        assert_eq!(after_prefix("a/"), "a0");
        assert_eq!(after_prefix("a\0"), "a\u{1}");
        assert!(after_prefix("a\u{d7ff}").as_str() > "a\u{d7ff}\u{10ffff}");
        assert_eq!(after_prefix("a\u{10ffff}"), "b");
    }
}
