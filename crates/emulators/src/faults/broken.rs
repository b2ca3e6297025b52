//! Answers that are none: cut, swallowed, or somebody else's.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use futures::{StreamExt, stream};

use crate::serve::HangUp;

/// How much of a body arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// So many bytes; an answer that is shorter arrives whole.
    After(usize),
    /// The first half.
    Half,
}

/// No answer: the connection closes.
pub(crate) fn hang_up() -> Response {
    let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
    response.extensions_mut().insert(HangUp);
    response
}

/// 200, with a page that somebody on the way put in the answer's place.
pub(crate) fn not_json() -> Response {
    Html("<!DOCTYPE html><title>Sign in to the network</title>").into_response()
}

/// Promises the whole body and breaks off in it.
pub(crate) async fn cut(response: Response, at: Cut) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(whole) = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let after_bytes = match at {
        Cut::After(bytes) => bytes,
        Cut::Half => whole.len() / 2,
    };
    if whole.len() <= after_bytes {
        return Response::from_parts(parts, Body::from(whole));
    }
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let begun = whole.slice(..after_bytes);
    let broken = stream::once(async {
        // What was sent so far leaves while this waits; an error at once would take it along.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut on request"))
    });
    let body = Body::from_stream(stream::iter([Ok(begun)]).chain(broken));
    Response::from_parts(parts, body)
}

/// Far more than a token with its frame, or a page of secrets.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
