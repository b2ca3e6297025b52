//! What requests say of leases.

use std::time::Duration;

use uuid::Uuid;

use super::{Lease, LeaseDuration, LeaseOperation, LeaseOutcome};
use crate::lake::{
    failure::{Code, Failure},
    reply::Reply,
    request::{Api, LakeRequest},
    stamp::Stamp,
};

/// A lease that a create takes on what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NewLease {
    pub(crate) id: Uuid,
    pub(crate) duration: LeaseDuration,
}

/// What an append or flush does with the lease of its file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeaseDuringWrite {
    /// Before it; taken back if the write fails.
    pub(crate) before: Option<LeaseOperation>,
    /// After it has succeeded: the lease to release.
    pub(crate) release: Option<Uuid>,
}

/// The lease id under the name `x-ms-lease-id` or `x-ms-source-lease-id`. An empty one is none:
/// Azure's SDK for Python sends it with each rename.
pub(crate) fn lease_id(request: &LakeRequest, name: &'static str) -> Result<Option<Uuid>, Failure> {
    request
        .header(name)?
        .filter(|text| !text.is_empty())
        .map(|text| Uuid::try_parse(text).map_err(|_| Failure::header(name, text)))
        .transpose()
}

impl LeaseOperation {
    /// The operation that a request to lease, renew and so on means.
    pub(crate) fn of(request: &LakeRequest) -> Result<Self, Failure> {
        let action = required(request.header(ACTION)?, ACTION)?;
        Ok(match action.to_ascii_lowercase().as_str() {
            "acquire" => {
                let proposed = lease_id(request, PROPOSED)?;
                if request.api == Api::Dfs && proposed.is_none() {
                    return Err(Failure::missing_header(PROPOSED));
                }
                Self::Acquire { proposed, duration: duration(request)? }
            }
            "break" => Self::Break { period: period(request)? },
            "change" => Self::Change {
                id: required(lease_id(request, ID)?, ID)?,
                proposed: required(lease_id(request, PROPOSED)?, PROPOSED)?,
            },
            "release" => Self::Release { id: required(lease_id(request, ID)?, ID)? },
            "renew" => Self::Renew { id: required(lease_id(request, ID)?, ID)? },
            _ => return Err(Failure::header(ACTION, action)),
        })
    }
}

impl NewLease {
    /// The lease that a create asks for, if it does.
    pub(crate) fn of_create(request: &LakeRequest) -> Result<Option<Self>, Failure> {
        match lease_id(request, PROPOSED)? {
            Some(id) => Ok(Some(Self { id, duration: duration(request)? })),
            None => Ok(None),
        }
    }

    /// The lease itself, acquired now.
    pub(crate) fn acquired(self, now: Stamp) -> Result<Lease, Failure> {
        let mut lease = Lease::default();
        let Self { id, duration } = self;
        lease.operate(LeaseOperation::Acquire { proposed: Some(id), duration }, now)?;
        Ok(lease)
    }
}

impl LeaseDuringWrite {
    /// `flushes`: whether the write makes its data visible; without, nothing can be released.
    pub(crate) fn of(request: &LakeRequest, flushes: bool) -> Result<Self, Failure> {
        let Some(action) = request.header(ACTION)? else { return Ok(Self::default()) };
        let acquire = || {
            let id = required(lease_id(request, PROPOSED)?, PROPOSED)?;
            let duration = duration(request)?;
            Ok::<_, Failure>((id, LeaseOperation::Acquire { proposed: Some(id), duration }))
        };
        match action.to_ascii_lowercase().as_str() {
            "acquire" => Ok(Self { before: Some(acquire()?.1), release: None }),
            "auto-renew" => {
                let id = required(lease_id(request, ID)?, ID)?;
                Ok(Self { before: Some(LeaseOperation::Renew { id }), release: None })
            }
            "release" if flushes => {
                Ok(Self { before: None, release: Some(required(lease_id(request, ID)?, ID)?) })
            }
            "acquire-release" if flushes => {
                let (id, acquire) = acquire()?;
                Ok(Self { before: Some(acquire), release: Some(id) })
            }
            _ => Err(Failure::header(ACTION, action)),
        }
    }

    /// The lease id that the write itself is done with, where the request names none.
    pub(crate) fn acquired_id(&self) -> Option<Uuid> {
        match self.before {
            Some(LeaseOperation::Acquire { proposed, .. }) => proposed,
            _ => None,
        }
    }
}

impl LeaseOutcome {
    /// The answer to an operation on a lease, less what the entry says of itself.
    pub(crate) fn reply(self) -> Reply {
        use axum::http::StatusCode;
        match self {
            Self::Acquired(id) => {
                Reply::empty(StatusCode::CREATED).with("x-ms-lease-id", &id.to_string())
            }
            // Rounded up: whoever waits that long finds the lease broken.
            Self::Breaking(rest) => Reply::empty(StatusCode::ACCEPTED)
                .with("x-ms-lease-time", &rest.as_millis().div_ceil(1000).to_string()),
            Self::Changed(id) | Self::Renewed(id) => {
                Reply::empty(StatusCode::OK).with("x-ms-lease-id", &id.to_string())
            }
            Self::Released => Reply::empty(StatusCode::OK),
        }
    }
}

fn duration(request: &LakeRequest) -> Result<LeaseDuration, Failure> {
    let text = required(request.header(DURATION)?, DURATION)?;
    match text.parse::<i64>() {
        Ok(-1) => Ok(LeaseDuration::Infinite),
        Ok(seconds @ 15..=60) => Ok(LeaseDuration::Fixed(Duration::from_secs(seconds as u64))),
        _ => Err(Failure::header(DURATION, text)),
    }
}

fn period(request: &LakeRequest) -> Result<Option<Duration>, Failure> {
    let Some(text) = request.header(BREAK_PERIOD)? else { return Ok(None) };
    match text.parse() {
        Ok(seconds @ 0..=60) => Ok(Some(Duration::from_secs(seconds))),
        _ => Err(Failure::header(BREAK_PERIOD, text)),
    }
}

fn required<T>(value: Option<T>, name: &'static str) -> Result<T, Failure> {
    value.ok_or_else(|| Failure::new(Code::MissingRequiredHeader).with_detail("HeaderName", name))
}

const ACTION: &str = "x-ms-lease-action";
const BREAK_PERIOD: &str = "x-ms-lease-break-period";
const DURATION: &str = "x-ms-lease-duration";
const ID: &str = "x-ms-lease-id";
const PROPOSED: &str = "x-ms-proposed-lease-id";
