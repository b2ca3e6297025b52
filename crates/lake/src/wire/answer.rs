//! Reads answers: headers as values, bodies with a limit.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, LAST_MODIFIED},
};
use time::OffsetDateTime;

use super::request::Request;
use crate::{
    error::{Error, ErrorKind, Result},
    etag::ETag,
};

/// The headers that answers of the service carry.
pub(crate) trait Headers {
    fn text(&self, name: &str) -> Option<&str>;

    fn etag(&self) -> Option<ETag> {
        self.text(ETAG.as_str()).map(ETag::from_header)
    }

    fn content_length(&self) -> Option<u64> {
        self.text(CONTENT_LENGTH.as_str())?.parse().ok()
    }

    fn content_type(&self) -> Option<String> {
        self.text(CONTENT_TYPE.as_str()).map(str::to_owned)
    }

    fn last_modified(&self) -> Option<OffsetDateTime> {
        self.date(LAST_MODIFIED.as_str())
    }

    fn date(&self, name: &str) -> Option<OffsetDateTime> {
        httpdate::parse_http_date(self.text(name)?).ok().map(Into::into)
    }

    /// The dfs endpoint names the type; the blob endpoint marks directories by metadata.
    fn is_directory(&self) -> bool {
        let is = |name, value| self.text(name).is_some_and(|v: &str| v.eq_ignore_ascii_case(value));
        is("x-ms-resource-type", "directory") || is("x-ms-meta-hdi_isfolder", "true")
    }
}

impl Headers for HeaderMap {
    fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().ok()
    }
}

/// The whole body of `response`, which may have at most `limit` bytes.
pub(crate) async fn collect(
    mut response: Response,
    request: &Request,
    limit: usize,
) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = next_chunk(&mut response, request).await? {
        if body.len() + chunk.len() > limit {
            return Err(request
                .error(ErrorKind::InvalidResponse)
                .with_detail(format!("the answer is longer than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The next piece of a body; `None` at its end. A connection that stalls or breaks is transient.
pub(crate) async fn next_chunk(
    response: &mut Response,
    request: &Request,
) -> Result<Option<Bytes>, Error> {
    match tokio::time::timeout(IDLE_TIMEOUT, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(source)) => Err(request
            .error(ErrorKind::Connect)
            .with_detail("the connection broke while the answer was read")
            .with_source(source.without_url())
            .with_transient(None)),
        Err(_) => Err(request
            .error(ErrorKind::Timeout)
            .with_detail(format!("no byte came for {} s", IDLE_TIMEOUT.as_secs()))
            .with_transient(None)),
    }
}

const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
