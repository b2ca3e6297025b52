//! One request to the service about a lease.

use std::time::Duration;

use http::{HeaderName, Method};
use reqwest::header::HeaderMap;

use super::{LeaseDuration, LeaseId, X_MS_LEASE_ID};
use crate::{
    client::LakeClient,
    error::{ErrorKind, Result},
    path::LakePath,
    properties::missing,
    wire::{Body, Endpoint, Headers, Request, Wire},
};

/// What is done to a lease. Each may be repeated with the same outcome.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Acquire { id: LeaseId, duration: LeaseDuration },
    Break { period: Option<Duration> },
    Change { id: LeaseId, proposed: LeaseId },
    Release { id: LeaseId },
    Renew { id: LeaseId },
}

impl Operation {
    /// Does it to the lease of `path`; of a root, to that of its filesystem.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/lease>
    /// and <https://learn.microsoft.com/rest/api/storageservices/lease-container>
    pub(super) async fn send(self, wire: &Wire, path: &LakePath) -> Result<HeaderMap> {
        let (method, url) = if path.is_root() {
            let pairs = [("restype", "container"), ("comp", "lease")];
            (Method::PUT, wire.url(Endpoint::Blob, path, &pairs))
        } else {
            (Method::POST, wire.url(Endpoint::Dfs, path, &[]))
        };
        let (verb, action, headers) = self.wire();
        let mut request = Request::new(verb, path.to_string(), method, url)
            .static_header("x-ms-lease-action", action)
            .body(Body::empty());
        for (name, value) in headers {
            request = request.header(name, &value)?;
        }
        let sent = wire.send(&request).await;
        Ok(sent?.0.headers().clone())
    }

    fn wire(self) -> (&'static str, &'static str, Vec<(HeaderName, String)>) {
        match self {
            Self::Acquire { id, duration } => (
                "acquire the lease of",
                "acquire",
                vec![(PROPOSED, id.to_string()), (DURATION, duration.wire())],
            ),
            Self::Break { period } => {
                let seconds = period.map(|period| period.as_secs().min(60).to_string());
                let headers = seconds.map(|seconds| (BREAK_PERIOD, seconds)).into_iter().collect();
                ("break the lease of", "break", headers)
            }
            Self::Change { id, proposed } => (
                "change the lease of",
                "change",
                vec![(X_MS_LEASE_ID, id.to_string()), (PROPOSED, proposed.to_string())],
            ),
            Self::Release { id } => {
                ("release the lease of", "release", vec![(X_MS_LEASE_ID, id.to_string())])
            }
            Self::Renew { id } => {
                ("renew the lease of", "renew", vec![(X_MS_LEASE_ID, id.to_string())])
            }
        }
    }
}

impl LakeClient {
    /// Breaks the lease of `path`, whoever holds it: for when its holder is gone. Of a root, that
    /// of its filesystem.
    ///
    /// `period`: for how long the holder may still write, whole seconds up to 60; `None` means
    /// until the lease would end by itself, and for an infinite one that it ends at once.
    ///
    /// Returns after how long the path can be leased again.
    ///
    /// # Errors
    /// - `Conflict`: nobody holds a lease (`LeaseNotPresentWithLeaseOperation`).
    /// - `NotFound`: there is nothing at `path`.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was broken.
    pub async fn break_lease(&self, path: &LakePath, period: Option<Duration>) -> Result<Duration> {
        let headers = Operation::Break { period }.send(&self.wire, path).await?;
        let rest = headers.text("x-ms-lease-time").and_then(|text| text.parse().ok());
        rest.map(Duration::from_secs).ok_or_else(|| {
            let url = self.wire.url(Endpoint::Dfs, path, &[]);
            missing(
                &Request::new("break the lease of", path.to_string(), Method::POST, url),
                "x-ms-lease-time",
            )
        })
    }
}

/// Whether the service says that there is no such lease, which a release wants to reach.
pub(super) fn is_gone(error: &crate::error::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || matches!(
            error.service_code(),
            Some("LeaseNotPresentWithLeaseOperation" | "LeaseIdMismatchWithLeaseOperation")
        )
}

const BREAK_PERIOD: HeaderName = HeaderName::from_static("x-ms-lease-break-period");
const DURATION: HeaderName = HeaderName::from_static("x-ms-lease-duration");
const PROPOSED: HeaderName = HeaderName::from_static("x-ms-proposed-lease-id");
