//! Blob Batch: up to 256 deletes in one request, each answered for itself.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/blob-batch>

mod parts;

use std::sync::Arc;

use axum::{
    body::Body,
    http::{HeaderMap, Method, Request, Response, StatusCode, header},
};

use self::parts::{Part, boundary};
use super::blobs;
use crate::lake::{
    Lake, access,
    body::receive_document,
    failure::{Code, Failure},
    reply::{Envelope, Reply},
    request::{Api, LakeRequest},
    store::Place,
};

/// Runs the operations of a batch one after the other.
pub(super) async fn run(
    lake: &Arc<Lake>,
    request: &LakeRequest,
    body: &mut Option<Body>,
) -> Result<Reply, Failure> {
    let length = request.content_length()?;
    if length > MAX_BATCH_BYTES as u64 {
        return Err(Failure::new(Code::RequestBodyTooLarge));
    }
    let content_type =
        request.header("content-type")?.ok_or_else(|| Failure::missing_header("Content-Type"))?;
    let boundary = boundary(content_type)
        .ok_or_else(|| Failure::header("Content-Type", content_type))?
        .to_owned();
    let document = receive_document(body.take().unwrap_or_default(), MAX_BATCH_BYTES).await?;
    let parts = Part::all(&document, &boundary)
        .ok_or_else(|| Failure::new(Code::InvalidInput).with_message(MALFORMED))?;
    if parts.is_empty() || parts.len() > MAX_PARTS {
        return Err(
            Failure::new(Code::InvalidInput).with_message("A batch has 1 to 256 operations.")
        );
    }
    let answer_boundary = ["batchresponse_", &uuid::Uuid::new_v4().to_string()].concat();
    let mut text = String::new();
    for part in &parts {
        text.push_str(&["--", &answer_boundary, "\r\nContent-Type: application/http\r\n"].concat());
        if let Some(id) = &part.content_id {
            text.push_str(&["Content-ID: ", id, "\r\n"].concat());
        }
        text.push_str("\r\n");
        text.push_str(&printed(answer(lake, request, part).await).await);
        text.push_str("\r\n");
    }
    text.push_str(&["--", &answer_boundary, "--\r\n"].concat());
    let content_type = ["multipart/mixed; boundary=", &answer_boundary].concat();
    Ok(Reply::text(StatusCode::ACCEPTED, &content_type, text))
}

/// What one operation would be answered by itself.
async fn answer(lake: &Arc<Lake>, batch: &LakeRequest, part: &Part) -> Response<Body> {
    let envelope = Envelope::new(&part.method, &part.headers);
    match delete(lake, batch, part).await {
        Ok(reply) => envelope.seal(reply),
        Err(failure) => envelope.refuse(Api::Blob, &failure),
    }
}

async fn delete(lake: &Arc<Lake>, batch: &LakeRequest, part: &Part) -> Result<Reply, Failure> {
    let mut request = inner_request(batch, part)?;
    access::authorize(lake, &mut request)?;
    request.refuse_unsupported()?;
    if batch.filesystem.is_some() && request.filesystem != batch.filesystem {
        return Err(Failure::new(Code::InvalidInput)
            .with_message("The operation is on another container than the batch."));
    }
    let (Some(filesystem), Some(path)) = (request.filesystem.clone(), request.path.clone()) else {
        return Err(Failure::new(Code::InvalidUri));
    };
    if request.method != Method::DELETE || request.query.get("comp").is_some() {
        return Err(Failure::not_implemented("this operation in a batch"));
    }
    let place = Place { account: request.account.clone(), filesystem, path };
    blobs::delete(lake, &request, place).await
}

/// The operation as a request of its own: its host is the batch's, its path begins with the
/// container even where the batch's begins with the account.
fn inner_request(batch: &LakeRequest, part: &Part) -> Result<LakeRequest, Failure> {
    let account = ["/", &batch.account].concat();
    let names_account =
        part.target.strip_prefix(&account).is_some_and(|rest| rest.starts_with('/'));
    let target = if batch.path_style && !names_account {
        [&account, part.target.as_str()].concat()
    } else {
        part.target.clone()
    };
    let mut builder = Request::builder().method(part.method.clone()).uri(target);
    if let Some(headers) = builder.headers_mut() {
        *headers = part.headers.clone();
        if let Some(host) = batch.headers.get(header::HOST) {
            headers.insert(header::HOST, host.clone());
        }
        // The version of the batch is that of its operations.
        if let Some(version) = batch.headers.get("x-ms-version") {
            headers.insert("x-ms-version", version.clone());
        }
    }
    let request = builder.body(()).map_err(|_| Failure::new(Code::InvalidUri))?;
    LakeRequest::parse(Api::Blob, request.into_parts().0)
}

/// An answer as it stands in the batch's.
async fn printed(response: Response<Body>) -> String {
    let (parts, body) = response.into_parts();
    let mut text = ["HTTP/1.1 ", parts.status.as_str()].concat();
    text.push_str(&[" ", parts.status.canonical_reason().unwrap_or_default(), "\r\n"].concat());
    text.push_str(&printed_headers(&parts.headers));
    text.push_str("\r\n");
    // Refusals are short, and theirs are the only bodies.
    let body = axum::body::to_bytes(body, MAX_BATCH_BYTES).await.unwrap_or_default();
    text.push_str(&String::from_utf8_lossy(&body));
    text
}

fn printed_headers(headers: &HeaderMap) -> String {
    headers
        .iter()
        .filter_map(|(name, value)| {
            Some([name.as_str(), ": ", value.to_str().ok()?, "\r\n"].concat())
        })
        .collect()
}

const MALFORMED: &str = "The body is no batch of requests.";
// Spec: <https://learn.microsoft.com/rest/api/storageservices/blob-batch#remarks>
const MAX_PARTS: usize = 256;
const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
