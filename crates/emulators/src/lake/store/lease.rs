//! Operations on leases, alone and around a write.

use std::sync::Arc;

use uuid::Uuid;

use super::{Place, Store, entry::Entry};
use crate::lake::{
    Lake,
    conditions::Conditions,
    failure::Failure,
    lease::{Lease, LeaseDuringWrite, LeaseOperation, LeaseOutcome},
};

/// The lease of a write under way. Dropping it before [`keep`](Self::keep) takes back what was
/// acquired, so that a write that failed or was cut leaves no lease behind.
#[derive(Debug)]
pub(crate) struct WriteLease {
    lake: Arc<Lake>,
    place: Place,
    /// What was acquired, and what was there before.
    acquired: Option<(Uuid, Lease)>,
    release: Option<Uuid>,
}

impl Store {
    /// Acquires, renews, changes, releases or breaks the lease of an entry; of the root directory,
    /// that of the container.
    pub(crate) fn lease(
        &self,
        place: &Place,
        conditions: &Conditions,
        operation: LeaseOperation,
    ) -> Result<(Entry, LeaseOutcome), Failure> {
        let now = self.clock.now();
        self.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing_mut(&place.path)?;
            conditions.check_write(Some(entry.stamp))?;
            let outcome = entry.lease.operate(operation, now)?;
            Ok((entry.clone(), outcome))
        })
    }
}

impl WriteLease {
    /// Does what is to be done before a write, and checks that the write may be done.
    pub(crate) fn begin(
        lake: &Arc<Lake>,
        place: &Place,
        conditions: &Conditions,
        during: LeaseDuringWrite,
    ) -> Result<Self, Failure> {
        let store = &lake.store;
        let now = store.clock.now();
        let before = store.with_filesystem(&place.account, &place.filesystem, |filesystem| {
            let entry = filesystem.existing_mut(&place.path)?;
            let before = entry.lease.clone();
            let begun = match during.before {
                Some(operation) => entry.lease.operate(operation, now).map(drop),
                None => Ok(()),
            };
            if let Err(failure) = begun.and_then(|()| conditions.check_lease(Some(entry), now)) {
                entry.lease = before;
                return Err(failure);
            }
            Ok(before)
        })?;
        let acquired = during.acquired_id().map(|id| (id, before));
        let (lake, place) = (Arc::clone(lake), place.clone());
        Ok(Self { lake, place, acquired, release: during.release })
    }

    /// Does what is to be done after a write that has succeeded.
    pub(crate) fn keep(mut self) {
        self.acquired = None;
        let Some(id) = self.release.take() else { return };
        let released = self.lake.store.lease(
            &self.place,
            &Conditions::default(),
            LeaseOperation::Release { id },
        );
        if let Err(failure) = released {
            // Somebody broke it meanwhile, which is as good.
            tracing::debug!(code = ?failure.code(), "a lease was gone before its release");
        }
    }
}

impl Drop for WriteLease {
    fn drop(&mut self) {
        let Some((id, before)) = self.acquired.take() else { return };
        let store = &self.lake.store;
        let now = store.clock.now();
        let undone =
            store.with_filesystem(&self.place.account, &self.place.filesystem, |filesystem| {
                let lease = &mut filesystem.existing_mut(&self.place.path)?.lease;
                // Only if it is still ours.
                lease.operate(LeaseOperation::Renew { id }, now)?;
                *lease = before;
                Ok(())
            });
        if let Err(failure) = undone {
            tracing::debug!(code = ?failure.code(), "a lease was gone before it was taken back");
        }
    }
}
