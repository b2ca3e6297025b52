//! What becomes of requests to a blob endpoint that cannot be reached, as with a private endpoint
//! for dfs alone: reads go to the dfs endpoint, which answers them alike.

use http::Method;
use reqwest::Response;

use super::{Endpoint, Request, Wire};
use crate::{
    error::{Error, ErrorKind, Result},
    path::LakePath,
};

impl Wire {
    /// Sends a request to its endpoint, or a read to the dfs endpoint where the blob endpoint is
    /// out of reach, which is remembered once the dfs endpoint has answered.
    pub(super) async fn send_to_whom_it_reaches(&self, request: &Request) -> Result<Response> {
        let Some(at_dfs) = self.at_dfs(request) else {
            return self.send_to_endpoint(request).await;
        };
        if self.learned.blob_is_unreachable() {
            return self.send_to_endpoint(&at_dfs).await.map_err(as_blob_says);
        }
        let failed = match self.send_to_endpoint(request).await {
            Err(error) if is_out_of_reach(&error) => error,
            answered => return answered,
        };
        let answered = self.send_to_endpoint(&at_dfs).await;
        match &answered {
            // It is not the endpoint, then.
            Err(error) if is_out_of_reach(error) => return Err(failed),
            _ => self.learned.set_blob_unreachable(),
        }
        answered.map_err(as_blob_says)
    }

    /// Whether writes to `path` must go by the dfs endpoint; `error` is what the blob endpoint gave.
    ///
    /// Looks at the dfs endpoint before it says so.
    pub(crate) async fn must_write_by_dfs(&self, path: &LakePath, error: &Error) -> bool {
        if self.learned.blob_is_unreachable() {
            return true;
        }
        if !is_out_of_reach(error) {
            return false;
        }
        let root = LakePath::root(path.filesystem().clone());
        let url = self.url(Endpoint::Dfs, &root, &[("resource", "filesystem")]);
        let request = Request::new("look at", root.to_string(), Method::HEAD, url);
        match self.send_to_endpoint(&request).await {
            Err(error) if is_out_of_reach(&error) => false,
            _ => {
                self.learned.set_blob_unreachable();
                true
            }
        }
    }

    /// The same read at the dfs endpoint; `None` for what only the blob endpoint knows.
    fn at_dfs(&self, request: &Request) -> Option<Request> {
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        if !is_read || request.url.query().is_some() {
            return None;
        }
        if self.dfs == self.blob || request.url.origin() != self.blob.origin() {
            return None;
        }
        let below = request.url.path().strip_prefix(self.blob.path().trim_end_matches('/'))?;
        let mut url = self.dfs.clone();
        url.set_path(&[self.dfs.path().trim_end_matches('/'), below].concat());
        Some(Request {
            operation: request.operation,
            resource: request.resource.clone(),
            method: request.method.clone(),
            url,
            headers: request.headers.clone(),
            body: request.body.clone(),
            client_request_id: request.client_request_id.clone(),
        })
    }
}

/// Whether an endpoint did not answer at all, or as one whose public network access is off.
fn is_out_of_reach(error: &Error) -> bool {
    // A connection that broke later is no sign of an endpoint that is closed.
    error.is_unreached() || error.service_code() == Some("AuthorizationFailure")
}

/// The dfs endpoint calls a directory that is read a conflict; the blob endpoint sends an empty one.
fn as_blob_says(error: Error) -> Error {
    if error.service_code() == Some("ResourceTypeMismatch") {
        error
            .with_kind(ErrorKind::InvalidInput)
            .with_detail("it is a directory")
            .with_hint("name a file in it; a listing shows what is there")
    } else {
        error
    }
}
