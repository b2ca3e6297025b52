//! The HTTP headers that a file is served with, and that writers may choose.

use http::{HeaderName, Method};
use reqwest::header::HeaderMap;

use crate::{
    client::LakeClient,
    error::Result,
    etag::{ETag, WriteCondition},
    lease::{LeaseId, leased},
    names::conditional,
    path::LakePath,
    properties::missing,
    wire::{Body, Endpoint, Headers, Request},
};

/// The content headers of a file. What is `None` is the service's default, or left as it is.
///
/// Values are header values: visible ASCII and spaces.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/set-blob-properties#request-headers>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContentHeaders {
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub disposition: Option<String>,
    /// `Content-Encoding`: the service stores the name and encodes nothing.
    pub encoding: Option<String>,
    /// `Content-Language`.
    pub language: Option<String>,
    /// `Content-Type`; the service's default is `application/octet-stream`.
    pub content_type: Option<String>,
}

impl ContentHeaders {
    /// Sets `Cache-Control`.
    #[must_use]
    pub fn with_cache_control(mut self, value: impl Into<String>) -> Self {
        self.cache_control = Some(value.into());
        self
    }

    /// Sets `Content-Disposition`.
    #[must_use]
    pub fn with_disposition(mut self, value: impl Into<String>) -> Self {
        self.disposition = Some(value.into());
        self
    }

    /// Sets `Content-Encoding`.
    #[must_use]
    pub fn with_encoding(mut self, value: impl Into<String>) -> Self {
        self.encoding = Some(value.into());
        self
    }

    /// Sets `Content-Language`.
    #[must_use]
    pub fn with_language(mut self, value: impl Into<String>) -> Self {
        self.language = Some(value.into());
        self
    }

    /// Sets `Content-Type`.
    #[must_use]
    pub fn with_content_type(mut self, value: impl Into<String>) -> Self {
        self.content_type = Some(value.into());
        self
    }

    pub(crate) fn of_answer(headers: &HeaderMap) -> Self {
        let text = |name| headers.text(name).map(str::to_owned);
        Self {
            cache_control: text("cache-control"),
            disposition: text("content-disposition"),
            encoding: text("content-encoding"),
            language: text("content-language"),
            content_type: text("content-type"),
        }
    }

    /// Adds them to a write at an endpoint, each of which has its own names for them.
    pub(crate) fn add_to(&self, mut request: Request, endpoint: Endpoint) -> Result<Request> {
        let values = [
            (&self.cache_control, CACHE_CONTROL),
            (&self.disposition, CONTENT_DISPOSITION),
            (&self.encoding, CONTENT_ENCODING),
            (&self.language, CONTENT_LANGUAGE),
            (&self.content_type, CONTENT_TYPE),
        ];
        for (value, [blob, dfs]) in values {
            if let Some(value) = value {
                let name = if endpoint == Endpoint::Blob { blob } else { dfs };
                request = request.header(HeaderName::from_static(name), value)?;
            }
        }
        Ok(request)
    }
}

impl LakeClient {
    /// Sets those content headers of a file that are given, and keeps the others.
    ///
    /// `lease`: needed if the file is leased. Returns the new entity tag.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `PreconditionFailed`: by `condition`, or the file is leased (`LeaseIdMissing`).
    /// - `InvalidInput`: a value cannot be that of a header.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether they were set; setting them again does no harm.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>
    pub async fn set_headers(
        &self,
        path: &LakePath,
        headers: &ContentHeaders,
        condition: &WriteCondition,
        lease: Option<&LeaseId>,
    ) -> Result<ETag> {
        let url = self.wire.url(Endpoint::Dfs, path, &[("action", "setProperties")]);
        let request = Request::new("set headers of", path.to_string(), Method::PATCH, url)
            .body(Body::empty());
        let request = headers.add_to(request, Endpoint::Dfs)?;
        let request = leased(conditional(request, condition)?, lease);
        let (response, _) = self.wire.send(&request).await?;
        response.headers().etag().ok_or_else(|| missing(&request, "ETag"))
    }
}

const CACHE_CONTROL: [&str; 2] = ["x-ms-blob-cache-control", "x-ms-cache-control"];
const CONTENT_DISPOSITION: [&str; 2] =
    ["x-ms-blob-content-disposition", "x-ms-content-disposition"];
const CONTENT_ENCODING: [&str; 2] = ["x-ms-blob-content-encoding", "x-ms-content-encoding"];
const CONTENT_LANGUAGE: [&str; 2] = ["x-ms-blob-content-language", "x-ms-content-language"];
const CONTENT_TYPE: [&str; 2] = ["x-ms-blob-content-type", "x-ms-content-type"];
