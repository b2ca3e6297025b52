//! What is set on a file beside its bytes and properties: its end and its tags.

use super::{Place, Store, entry::Entry};
use crate::lake::{
    conditions::Conditions,
    expiry::Expiry,
    failure::{Code, Failure},
    tags::Tags,
};

impl Store {
    /// Has a file vanish at a time, or not.
    pub(crate) fn set_expiry(
        &self,
        place: &Place,
        conditions: &Conditions,
        expiry: Expiry,
    ) -> Result<Entry, Failure> {
        let stamp = self.clock.next();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            conditions.check_lease(Some(entry), stamp)?;
            if entry.is_directory() {
                return Err(Failure::new(Code::ResourceTypeMismatch));
            }
            let expires = expiry.moment(entry.created, stamp)?;
            filesystem.date(&place.path, stamp)?;
            filesystem.set_expiry(&place.path, expires)?;
            let entry = filesystem.existing_mut(&place.path)?;
            entry.stamp = stamp;
            entry.lease.after_write(stamp);
            Ok(entry.clone())
        })
    }

    /// Replaces the tags of a file, which keeps its entity tag.
    pub(crate) fn set_tags(
        &self,
        place: &Place,
        conditions: &Conditions,
        tags: Tags,
    ) -> Result<(), Failure> {
        let now = self.clock.now();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing_mut(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            conditions.check_lease(Some(entry), now)?;
            if entry.is_directory() {
                return Err(Failure::new(Code::ResourceTypeMismatch));
            }
            entry.tags = tags;
            Ok(())
        })
    }
}
