//! Files that vanish by themselves.

use std::time::Duration;

use http::{HeaderName, Method};
use time::OffsetDateTime;

use crate::{
    client::LakeClient,
    error::Result,
    etag::ETag,
    lease::{LeaseId, leased},
    path::LakePath,
    properties::missing,
    wire::{Body, Endpoint, Headers, Request},
};

/// When a file vanishes. The service counts whole milliseconds, and of [`At`](Self::At) whole
/// seconds; the moment must lie ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expiry {
    /// So long after it was made (`RelativeToCreation`).
    AfterCreation(Duration),
    /// At this moment (`Absolute`).
    At(OffsetDateTime),
    /// So long from now (`RelativeToNow`).
    In(Duration),
    /// Never, which also takes back what was set before (`NeverExpire`).
    Never,
}

impl LakeClient {
    /// Has the file at `path` vanish at a time, or takes that back. `lease`: needed if the file is
    /// leased.
    ///
    /// Returns the new entity tag; [`properties`](Self::properties) tell the moment.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: the moment does not lie ahead.
    /// - `Conflict`: it is a directory, which cannot expire.
    /// - `PreconditionFailed`: it is leased.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether it was set; setting it again does no harm.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry>
    pub async fn set_expiry(
        &self,
        path: &LakePath,
        expiry: Expiry,
        lease: Option<&LeaseId>,
    ) -> Result<ETag> {
        let url = self.wire.url(Endpoint::Blob, path, &[("comp", "expiry")]);
        let request =
            Request::new("set expiry of", path.to_string(), Method::PUT, url).body(Body::empty());
        let (option, time) = expiry.wire();
        let mut request = request.header(HeaderName::from_static("x-ms-expiry-option"), option)?;
        if let Some(time) = time {
            request = request.header(HeaderName::from_static("x-ms-expiry-time"), &time)?;
        }
        let request = leased(request, lease);
        let (response, _) = self.wire.send(&request).await?;
        response.headers().etag().ok_or_else(|| missing(&request, "ETag"))
    }
}

impl Expiry {
    fn wire(self) -> (&'static str, Option<String>) {
        match self {
            Self::AfterCreation(span) => ("RelativeToCreation", Some(span.as_millis().to_string())),
            Self::At(moment) => ("Absolute", Some(httpdate::fmt_http_date(moment.into()))),
            Self::In(span) => ("RelativeToNow", Some(span.as_millis().to_string())),
            Self::Never => ("NeverExpire", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    // Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-expiry#request-headers>
    #[test]
    fn times_are_milliseconds_or_an_http_date() {
        let text = |time: Option<String>| time.unwrap_or_default();
        for (expiry, option, time) in [
            (Expiry::AfterCreation(Duration::from_secs(2)), "RelativeToCreation", "2000"),
            (
                Expiry::At(datetime!(1994-11-06 08:49:37 UTC)),
                "Absolute",
                "Sun, 06 Nov 1994 08:49:37 GMT",
            ),
            (Expiry::In(Duration::from_millis(1500)), "RelativeToNow", "1500"),
            (Expiry::Never, "NeverExpire", ""),
        ] {
            let (found, moment) = expiry.wire();
            assert_eq!((found, text(moment).as_str()), (option, time));
        }
    }
}
