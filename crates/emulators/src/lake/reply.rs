//! Builds answers: the headers that every answer has, and the two shapes of a refusal.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{failure::Failure, request::Api, stamp::http_date, xml::XmlWriter};

/// An answer in the making.
#[derive(Debug)]
pub(crate) struct Reply(Response);

impl Reply {
    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        Self(response)
    }

    /// An answer whose body is streamed; `length` is what it will have.
    pub(crate) fn streamed(status: StatusCode, length: u64, body: Body) -> Self {
        let mut reply = Self::empty(status).with("content-length", &length.to_string());
        *reply.0.body_mut() = body;
        reply
    }

    pub(crate) fn xml(status: StatusCode, document: XmlWriter) -> Self {
        Self::text(status, "application/xml", document.finish())
    }

    pub(crate) fn json(status: StatusCode, document: &serde_json::Value) -> Self {
        Self::text(status, "application/json;charset=utf-8", document.to_string())
    }

    pub(crate) fn text(status: StatusCode, content_type: &str, text: String) -> Self {
        Self::streamed(status, text.len() as u64, Body::from(text))
            .with("content-type", content_type)
    }

    /// Sets a header; a value that cannot stand in one is left out.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => drop(self.0.headers_mut().insert(HeaderName::from_static(name), value)),
            Err(_) => tracing::warn!(name, "a value does not fit into a header"),
        }
        self
    }

    /// Sets a header whose value came as a header.
    pub(crate) fn with_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    /// An answer that is there already.
    pub(crate) fn of(response: Response) -> Self {
        Self(response)
    }

    pub(crate) fn into_response(self) -> Response {
        self.0
    }
}

/// What the answer must repeat of the request, kept before the request is consumed.
#[derive(Debug)]
pub(crate) struct Envelope {
    request_id: String,
    is_head: bool,
    version: Option<HeaderValue>,
    client_request_id: Option<HeaderValue>,
}

impl Envelope {
    pub(crate) fn new(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            request_id: uuid::Uuid::new_v4().to_string(),
            is_head: method == Method::HEAD,
            version: headers.get("x-ms-version").cloned(),
            client_request_id: headers
                .get("x-ms-client-request-id")
                .filter(|id| id.len() <= MAX_CLIENT_REQUEST_ID)
                .cloned(),
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Adds the headers that every answer has.
    pub(crate) fn seal(&self, reply: Reply) -> Response {
        let mut reply = reply
            .with("date", &http_date(OffsetDateTime::now_utc()))
            .with("server", "azconnect-lake-emulator")
            .with("x-ms-request-id", &self.request_id);
        if let Some(version) = &self.version {
            reply = reply.with_value(HeaderName::from_static("x-ms-version"), version.clone());
        }
        if let Some(id) = &self.client_request_id {
            reply = reply.with_value(HeaderName::from_static("x-ms-client-request-id"), id.clone());
        }
        reply.into_response()
    }

    /// The answer to a request that failed.
    pub(crate) fn refuse(&self, api: Api, failure: &Failure) -> Response {
        let status = failure.status();
        // These two have no body, so the code in the header is all that a client gets.
        let has_body = !self.is_head && status != StatusCode::NOT_MODIFIED;
        let mut reply = match api {
            _ if !has_body => {
                let mut reply = Reply::empty(status);
                reply.0.headers_mut().remove(header::CONTENT_LENGTH);
                reply
            }
            Api::Dfs => Reply::json(status, &self.json_error(failure)),
            Api::Blob => Reply::xml(status, self.xml_error(failure)),
        };
        for (name, value) in failure.headers() {
            reply = reply.with_value(name.clone(), value.clone());
        }
        self.seal(reply.with("x-ms-error-code", failure.code().name(api)))
    }

    fn json_error(&self, failure: &Failure) -> serde_json::Value {
        let mut error = json!({
            "code": failure.code().name(Api::Dfs),
            "message": self.message(Api::Dfs, failure),
        });
        if !failure.details().is_empty() {
            error["detail"] = failure
                .details()
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect::<serde_json::Map<_, _>>()
                .into();
        }
        json!({ "error": error })
    }

    fn xml_error(&self, failure: &Failure) -> XmlWriter {
        let mut document = XmlWriter::new();
        document.open("Error");
        document.leaf("Code", failure.code().name(Api::Blob));
        document.leaf("Message", &self.message(Api::Blob, failure));
        for (name, value) in failure.details() {
            document.leaf(name, value);
        }
        document.close("Error");
        document
    }

    /// The message with the two lines that the service adds for its support.
    fn message(&self, api: Api, failure: &Failure) -> String {
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        [failure.message(api), "\nRequestId:", &self.request_id, "\nTime:", &now].concat()
    }
}

// Spec: <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-request-response-headers>
const MAX_CLIENT_REQUEST_ID: usize = 1024;
