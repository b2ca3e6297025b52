//! Acquire, break, change, release, renew: what each does in each state.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/lease-blob#outcomes-of-lease-operations-on-blobs-by-lease-state>

use std::time::Duration;

use uuid::Uuid;

use super::{Held, Lease, LeaseDuration, LeaseState};
use crate::lake::{
    failure::{Code, Failure},
    stamp::Stamp,
};

/// One operation on a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseOperation {
    Acquire {
        /// `None`: the service makes one.
        proposed: Option<Uuid>,
        duration: LeaseDuration,
    },
    Break {
        /// `None`: when the lease would end by itself, an infinite one at once.
        period: Option<Duration>,
    },
    Change {
        id: Uuid,
        proposed: Uuid,
    },
    Release {
        id: Uuid,
    },
    Renew {
        id: Uuid,
    },
}

/// What an operation on a lease answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseOutcome {
    Acquired(Uuid),
    /// How long it is still held.
    Breaking(Duration),
    Changed(Uuid),
    Released,
    Renewed(Uuid),
}

impl Lease {
    /// Does `operation`; a refused one changes nothing.
    pub(crate) fn operate(
        &mut self,
        operation: LeaseOperation,
        now: Stamp,
    ) -> Result<LeaseOutcome, Failure> {
        match operation {
            LeaseOperation::Acquire { proposed, duration } => {
                self.acquire(proposed, duration, now).map(LeaseOutcome::Acquired)
            }
            LeaseOperation::Break { period } => {
                self.break_off(period, now).map(LeaseOutcome::Breaking)
            }
            LeaseOperation::Change { id, proposed } => {
                self.change(id, proposed, now).map(LeaseOutcome::Changed)
            }
            LeaseOperation::Release { id } => {
                self.matching(id)?;
                self.0 = None;
                Ok(LeaseOutcome::Released)
            }
            LeaseOperation::Renew { id } => self.renew(id, now).map(LeaseOutcome::Renewed),
        }
    }

    fn acquire(
        &mut self,
        proposed: Option<Uuid>,
        duration: LeaseDuration,
        now: Stamp,
    ) -> Result<Uuid, Failure> {
        let is_holder = matches!((&self.0, proposed), (Some(held), Some(id)) if held.id == id);
        let id = match self.state(now) {
            LeaseState::Available | LeaseState::Broken | LeaseState::Expired => {
                proposed.unwrap_or_else(Uuid::new_v4)
            }
            LeaseState::Breaking if is_holder => {
                return Err(Failure::new(Code::LeaseIsBreakingAndCannotBeAcquired));
            }
            LeaseState::Leased if is_holder => proposed.unwrap_or_default(),
            LeaseState::Breaking | LeaseState::Leased => {
                return Err(Failure::new(Code::LeaseAlreadyPresent));
            }
        };
        self.0 = Some(Held { id, duration, ends: duration.end(now), breaks: None });
        Ok(id)
    }

    fn break_off(&mut self, period: Option<Duration>, now: Stamp) -> Result<Duration, Failure> {
        let state = self.state(now);
        let held =
            self.0.as_mut().ok_or_else(|| Failure::new(Code::LeaseNotPresentWithLeaseOperation))?;
        if matches!(state, LeaseState::Broken | LeaseState::Expired) {
            held.breaks = Some(held.breaks.unwrap_or(now));
            return Ok(Duration::ZERO);
        }
        // No break makes a lease longer, neither the lease itself nor an earlier break.
        let natural = match (held.breaks, held.ends) {
            (Some(breaks), _) => Some(breaks),
            (None, ends) => ends,
        };
        let asked = match (period, natural) {
            (Some(period), _) => now.after(period),
            (None, Some(natural)) => natural,
            (None, None) => now,
        };
        let breaks = natural.map_or(asked, |natural| natural.min(asked));
        held.breaks = Some(breaks);
        Ok(breaks.since(now))
    }

    fn change(&mut self, id: Uuid, proposed: Uuid, now: Stamp) -> Result<Uuid, Failure> {
        let state = self.state(now);
        let not_present = || Failure::new(Code::LeaseNotPresentWithLeaseOperation);
        let held = self.0.as_mut().ok_or_else(not_present)?;
        let is_known = held.id == id || held.id == proposed;
        match state {
            // Said twice, it has the same outcome.
            LeaseState::Leased if is_known => {
                held.id = proposed;
                Ok(proposed)
            }
            LeaseState::Breaking if is_known => {
                Err(Failure::new(Code::LeaseIsBreakingAndCannotBeChanged))
            }
            LeaseState::Leased | LeaseState::Breaking => {
                Err(Failure::new(Code::LeaseIdMismatchWithLeaseOperation))
            }
            LeaseState::Available | LeaseState::Broken | LeaseState::Expired => Err(not_present()),
        }
    }

    fn renew(&mut self, id: Uuid, now: Stamp) -> Result<Uuid, Failure> {
        let state = self.state(now);
        let held = self.matching(id)?;
        match state {
            LeaseState::Breaking | LeaseState::Broken => {
                Err(Failure::new(Code::LeaseIsBrokenAndCannotBeRenewed))
            }
            // An expired one too: nobody has written or leased since, or it would be gone.
            LeaseState::Available | LeaseState::Expired | LeaseState::Leased => {
                held.ends = held.duration.end(now);
                Ok(id)
            }
        }
    }

    fn matching(&mut self, id: Uuid) -> Result<&mut Held, Failure> {
        match &mut self.0 {
            None => Err(Failure::new(Code::LeaseNotPresentWithLeaseOperation)),
            Some(held) if held.id != id => {
                Err(Failure::new(Code::LeaseIdMismatchWithLeaseOperation))
            }
            Some(held) => Ok(held),
        }
    }
}

impl LeaseDuration {
    fn end(self, now: Stamp) -> Option<Stamp> {
        match self {
            Self::Infinite => None,
            Self::Fixed(duration) => Some(now.after(duration)),
        }
    }
}
