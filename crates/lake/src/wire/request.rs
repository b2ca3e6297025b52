//! One request, in a form that can be sent more than once.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::stream;
use reqwest::{
    Method,
    header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;
use uuid::Uuid;

use crate::error::{Error, ErrorKind};

/// A request and what it is for.
///
/// Every request of this crate asks for an end state, so that sending it again when its answer was
/// lost does no harm. Where the second answer may then be a refusal (`IfAbsent`, a rename), the
/// caller finds out whether the first one did it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) operation: &'static str,
    pub(crate) resource: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// The same for every attempt, so that the service's log shows them as one.
    pub(crate) client_request_id: String,
}

/// The bytes of a request. Copies share them.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// No body, as GET, HEAD and DELETE are sent.
    None,
    /// `Content-Length` and these pieces, one after the other.
    Pieces { pieces: Arc<[Bytes]>, length: u64 },
}

impl Request {
    pub(crate) fn new(
        operation: &'static str,
        resource: impl Into<String>,
        method: Method,
        url: Url,
    ) -> Self {
        Self {
            operation,
            resource: resource.into(),
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::None,
            client_request_id: Uuid::new_v4().to_string(),
        }
    }

    /// Adds a header; a value that cannot be one (a line break in it) is an `InvalidInput`.
    pub(crate) fn header(
        mut self,
        name: impl Into<HeaderName>,
        value: &str,
    ) -> Result<Self, Error> {
        let name = name.into();
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(name, value);
                Ok(self)
            }
            Err(_) => Err(self.error(ErrorKind::InvalidInput).with_detail(format!(
                "the value for the header `{name}` has a forbidden character"
            ))),
        }
    }

    pub(crate) fn static_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }

    pub(crate) fn body(mut self, body: Body) -> Self {
        if let Body::Pieces { length, .. } = &body {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(*length));
        }
        self.body = body;
        self
    }

    /// An error of this request.
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.operation, self.resource.as_str())
    }
}

impl Body {
    /// A body of no bytes, whose `Content-Length: 0` the service insists on for PUT.
    pub(crate) fn empty() -> Self {
        Self::Pieces { pieces: Arc::new([]), length: 0 }
    }

    pub(crate) fn pieces(pieces: Vec<Bytes>) -> Self {
        let length = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self::Pieces { pieces: pieces.into(), length }
    }

    pub(super) fn for_attempt(&self) -> Option<reqwest::Body> {
        let Self::Pieces { pieces, .. } = self else {
            return None;
        };
        match pieces.as_ref() {
            [] => Some(reqwest::Body::from(Bytes::new())),
            [only] => Some(reqwest::Body::from(only.clone())),
            _ => {
                let pieces = Arc::clone(pieces);
                let count = pieces.len();
                let clones = (0..count).filter_map(move |index| pieces.get(index).cloned());
                Some(reqwest::Body::wrap_stream(stream::iter(
                    clones.map(Ok::<_, std::convert::Infallible>),
                )))
            }
        }
    }

    /// How long sending takes on a link that is slow, but not given up on.
    pub(super) fn time_at_the_slowest(&self) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Pieces { length, .. } => Duration::from_secs(length / SLOWEST_BYTES_PER_SECOND),
        }
    }
}

/// The service's name for an id by which the outcome of a create or rename can be told later.
pub(crate) const X_MS_CLIENT_TRANSACTION_ID: HeaderName =
    HeaderName::from_static("x-ms-client-transaction-id");

const SLOWEST_BYTES_PER_SECOND: u64 = 32 * 1024;
