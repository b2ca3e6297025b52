//! Leases: to be the only one who may write to a file, directory or filesystem.

mod held;
mod operation;

use std::{fmt, str::FromStr, time::Duration};

use reqwest::header::{HeaderName, HeaderValue};
use uuid::Uuid;

pub use self::held::Lease;
use crate::{
    error::{Error, Result},
    wire::Request,
};

/// The name of a lease, which whoever writes to the leased path must give.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseId(Uuid);

/// How a lease is acquired.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseOptions {
    pub(crate) id: Option<LeaseId>,
    pub(crate) duration: LeaseDuration,
    pub(crate) renewal: LeaseRenewal,
}

/// How long a lease is held without being renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseDuration {
    /// Until it is released or broken. A program that ends without doing so leaves the path leased.
    Infinite,
    /// So many whole seconds, 15 to 60.
    Seconds(u8),
}

/// Whether a lease renews itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// A task renews it each time half of its duration is over, as long as the [`Lease`] is there.
    #[default]
    InBackground,
    /// Only [`Lease::renew`] does.
    ByHand,
}

/// What there is to know of the lease of a path, without being the one who holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseState {
    /// Nobody holds one.
    Available,
    /// It is being broken, and still held.
    Breaking,
    /// It was broken.
    Broken,
    /// It was not renewed in time.
    Expired,
    /// Somebody holds one.
    Leased,
}

impl Default for LeaseOptions {
    /// 60 seconds, renewed in the background, with an id that nobody else has.
    fn default() -> Self {
        Self { id: None, duration: LeaseDuration::Seconds(60), renewal: LeaseRenewal::InBackground }
    }
}

impl LeaseOptions {
    /// The id that the lease is to have (`x-ms-proposed-lease-id`). Default: a random one. Whoever
    /// holds a lease of this id acquires it again.
    #[must_use]
    pub fn with_id(mut self, id: LeaseId) -> Self {
        self.id = Some(id);
        self
    }

    /// How long it is held without being renewed (`x-ms-lease-duration`). Default 60 s; seconds
    /// outside of 15 to 60 are taken as the nearest of these.
    #[must_use]
    pub fn with_duration(mut self, duration: LeaseDuration) -> Self {
        self.duration = match duration {
            LeaseDuration::Seconds(seconds) => LeaseDuration::Seconds(seconds.clamp(15, 60)),
            LeaseDuration::Infinite => duration,
        };
        self
    }

    /// Whether it renews itself. Default [`LeaseRenewal::InBackground`]; an infinite one needs
    /// none.
    #[must_use]
    pub fn with_renewal(mut self, renewal: LeaseRenewal) -> Self {
        self.renewal = renewal;
        self
    }
}

impl LeaseDuration {
    fn wire(self) -> String {
        match self {
            Self::Infinite => "-1".to_owned(),
            Self::Seconds(seconds) => seconds.to_string(),
        }
    }

    /// When a background task renews it.
    fn half(self) -> Option<Duration> {
        match self {
            Self::Infinite => None,
            Self::Seconds(seconds) => Some(Duration::from_secs(seconds.into()) / 2),
        }
    }
}

impl LeaseId {
    /// A random id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl LeaseState {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "available" => Self::Available,
            "breaking" => Self::Breaking,
            "broken" => Self::Broken,
            "expired" => Self::Expired,
            "leased" => Self::Leased,
            _ => return None,
        })
    }
}

impl FromStr for LeaseId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::try_parse(text).map(Self).map_err(|source| {
            Error::invalid_input("use the lease id", text, "a lease id is a GUID")
                .with_source(source)
        })
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeaseId({})", self.0)
    }
}

/// `request`, made under a lease.
pub(crate) fn leased(request: Request, lease: Option<&LeaseId>) -> Request {
    with_id(request, X_MS_LEASE_ID, lease)
}

/// A rename, whose source is under a lease.
pub(crate) fn source_leased(request: Request, lease: Option<&LeaseId>) -> Request {
    with_id(request, HeaderName::from_static("x-ms-source-lease-id"), lease)
}

fn with_id(mut request: Request, name: HeaderName, lease: Option<&LeaseId>) -> Request {
    // A GUID is a header value always.
    if let Some(value) = lease.and_then(|id| HeaderValue::from_str(&id.to_string()).ok()) {
        request.headers.insert(name, value);
    }
    request
}

pub(crate) const X_MS_LEASE_ID: HeaderName = HeaderName::from_static("x-ms-lease-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_guids_and_durations_stay_within_what_the_service_takes() {
        let id: LeaseId = "{0F8FAD5B-D9CB-469F-A165-70867728950E}".parse().unwrap();
        assert_eq!(id.to_string(), "0f8fad5b-d9cb-469f-a165-70867728950e");
        assert!("lease".parse::<LeaseId>().is_err());
        for (asked, wire) in [
            (LeaseDuration::Infinite, "-1"),
            (LeaseDuration::Seconds(0), "15"),
            (LeaseDuration::Seconds(15), "15"),
            (LeaseDuration::Seconds(30), "30"),
            (LeaseDuration::Seconds(255), "60"),
        ] {
            let options = LeaseOptions::default().with_duration(asked);
            assert_eq!(options.duration.wire(), wire);
        }
    }
}
