//! Leases: who alone may write to a blob, path or container, and until when.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/lease-blob>,
//! <https://learn.microsoft.com/rest/api/storageservices/lease-container> and
//! <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/lease>

mod headers;
mod operation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use uuid::Uuid;

pub(crate) use self::{
    headers::{LeaseDuringWrite, NewLease, lease_id},
    operation::{LeaseOperation, LeaseOutcome},
};
use super::{
    failure::{Code, Failure},
    reply::Reply,
    stamp::Stamp,
};

/// The lease of one entry; the default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lease(Option<Held>);

/// What is known of a lease until somebody releases it, takes another or writes after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    id: Uuid,
    duration: LeaseDuration,
    /// When it ends by itself; never, if infinite.
    ends: Option<Stamp>,
    /// When somebody's break takes effect.
    breaks: Option<Stamp>,
}

/// How long a lease is held without being renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseDuration {
    Infinite,
    Fixed(Duration),
}

/// The states of the vendor's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeaseState {
    Available,
    Breaking,
    Broken,
    Expired,
    Leased,
}

/// What a lease is on, which some codes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leased {
    Blob,
    Container,
}

impl Lease {
    pub(crate) fn state(&self, now: Stamp) -> LeaseState {
        match &self.0 {
            None => LeaseState::Available,
            Some(Held { breaks: Some(breaks), .. }) if now < *breaks => LeaseState::Breaking,
            Some(Held { breaks: Some(_), .. }) => LeaseState::Broken,
            Some(Held { ends: Some(ends), .. }) if now >= *ends => LeaseState::Expired,
            Some(_) => LeaseState::Leased,
        }
    }

    /// Whether a write with this lease id, or with none, may be done now.
    pub(crate) fn check_write(
        &self,
        what: Leased,
        given: Option<Uuid>,
        now: Stamp,
    ) -> Result<(), Failure> {
        let is_active = matches!(self.state(now), LeaseState::Leased | LeaseState::Breaking);
        match given {
            Some(_) => self.check_given(what, given, now),
            None if is_active => Err(Failure::new(Code::LeaseIdMissing)),
            None => Ok(()),
        }
    }

    /// Whether an operation that asks for no lease may be done with this lease id: a read, or a
    /// change to what is said of a container.
    pub(crate) fn check_given(
        &self,
        what: Leased,
        given: Option<Uuid>,
        now: Stamp,
    ) -> Result<(), Failure> {
        let Some(given) = given else { return Ok(()) };
        let (not_present, mismatch) = match what {
            Leased::Blob => {
                (Code::LeaseNotPresentWithBlobOperation, Code::LeaseIdMismatchWithBlobOperation)
            }
            Leased::Container => (
                Code::LeaseNotPresentWithContainerOperation,
                Code::LeaseIdMismatchWithContainerOperation,
            ),
        };
        match (&self.0, self.state(now)) {
            (None, _) => Err(Failure::new(not_present)),
            (Some(held), _) if held.id != given => Err(Failure::new(mismatch)),
            (Some(_), LeaseState::Leased | LeaseState::Breaking) => Ok(()),
            (Some(_), _) => Err(Failure::new(Code::LeaseLost)),
        }
    }

    /// What is left after a write: one that had ended cannot be renewed any more.
    pub(crate) fn after_write(&mut self, now: Stamp) {
        if matches!(self.state(now), LeaseState::Broken | LeaseState::Expired) {
            self.0 = None;
        }
    }

    /// The words of headers and listings: status, state, and the sort of duration while leased.
    pub(crate) fn words(&self, now: Stamp) -> (&'static str, &'static str, Option<&'static str>) {
        let state = self.state(now);
        let status = match state {
            LeaseState::Leased | LeaseState::Breaking => "locked",
            LeaseState::Available | LeaseState::Broken | LeaseState::Expired => "unlocked",
        };
        let duration = match &self.0 {
            Some(held) if state == LeaseState::Leased => Some(match held.duration {
                LeaseDuration::Infinite => "infinite",
                LeaseDuration::Fixed(_) => "fixed",
            }),
            _ => None,
        };
        (status, state.word(), duration)
    }

    /// Adds what reads and HEAD say of a lease.
    pub(crate) fn describe(&self, reply: Reply, now: Stamp) -> Reply {
        let (status, state, duration) = self.words(now);
        let reply = reply.with("x-ms-lease-status", status).with("x-ms-lease-state", state);
        match duration {
            Some(duration) => reply.with("x-ms-lease-duration", duration),
            None => reply,
        }
    }
}

impl LeaseState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Breaking => "breaking",
            Self::Broken => "broken",
            Self::Expired => "expired",
            Self::Leased => "leased",
        }
    }
}
