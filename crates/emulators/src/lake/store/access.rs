//! Changes of access control, on one entry and on all below a directory.

use std::sync::Arc;

use super::{Entry, Place, Store};
use crate::lake::{
    acl::AccessControl,
    conditions::Conditions,
    failure::{Code, Failure},
    name::PathName,
};

/// Which part of a tree is changed at once.
#[derive(Debug)]
pub(crate) struct AccessPage {
    /// What [`AccessChanged::next_after`] said, to go on from there.
    pub(crate) after: Option<String>,
    pub(crate) limit: usize,
    /// Whether to go on when an entry cannot be changed.
    pub(crate) goes_on: bool,
}

/// What was changed.
#[derive(Debug, Default)]
pub(crate) struct AccessChanged {
    pub(crate) directories: u64,
    pub(crate) files: u64,
    /// Where it was not, whether that is a directory, and why.
    pub(crate) failures: Vec<(PathName, bool, Failure)>,
    /// There if something is left.
    pub(crate) next_after: Option<String>,
}

impl Store {
    /// Changes the access control of one entry, whose entity tag stays.
    pub(crate) fn set_access_control(
        &self,
        place: &Place,
        conditions: &Conditions,
        change: impl FnOnce(&AccessControl, bool) -> Result<AccessControl, Failure>,
    ) -> Result<Entry, Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing_mut(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            entry.access = Arc::new(change(&entry.access, entry.is_directory())?);
            Ok(entry.clone())
        })
    }

    /// Changes the access control of an entry and of all below it, a page at a time.
    pub(crate) fn set_access_control_below(
        &self,
        place: &Place,
        page: &AccessPage,
        change: impl Fn(&AccessControl, bool) -> Result<AccessControl, Failure>,
    ) -> Result<AccessChanged, Failure> {
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            filesystem.existing(&place.path)?;
            let top = place.path.sort_key();
            let is_below =
                |key: &str| key == top || PathName::from_sort_key(key).is_below(&place.path);
            if let Some(foreign) = page.after.as_deref().filter(|after| !is_below(after)) {
                return Err(Failure::new(Code::InvalidQueryParameterValue)
                    .with_detail("QueryParameterName", "continuation")
                    .with_detail("QueryParameterValue", foreign));
            }
            let mut paths =
                filesystem.paths_from(&place.path, page.after.as_deref(), page.limit + 1);
            let is_more = paths.len() > page.limit;
            paths.truncate(page.limit);
            let last = paths.last().map(PathName::sort_key).filter(|_| is_more);
            let mut done = AccessChanged::default();
            for path in paths {
                let entry = filesystem.existing_mut(&path)?;
                let is_directory = entry.is_directory();
                match change(&entry.access, is_directory) {
                    Ok(changed) => {
                        entry.access = Arc::new(changed);
                        *if is_directory { &mut done.directories } else { &mut done.files } += 1;
                    }
                    Err(failure) => {
                        done.failures.push((path, is_directory, failure));
                        if !page.goes_on {
                            return Ok(done);
                        }
                    }
                }
            }
            done.next_after = last;
            Ok(done)
        })
    }
}
