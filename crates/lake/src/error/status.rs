//! Turns an answer of the service that is no success into an [`ErrorKind`] and a hint.

use std::fmt;

use serde::Deserialize;

use super::{Error, ErrorKind};

/// What the service said when it refused, as the `source` of an [`Error`].
#[derive(Debug)]
pub(crate) struct ServiceFailure {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl ServiceFailure {
    /// Reads the body of a refusal: JSON from the dfs endpoint, XML from the blob endpoint, and
    /// anything at all from what may stand between. `code` is the header's value, which is there
    /// even where a body is not (HEAD).
    pub(crate) fn new(
        status: u16,
        code: Option<String>,
        request_id: Option<String>,
        body: &[u8],
    ) -> Self {
        let parsed = parse_body(body).unwrap_or_default();
        Self {
            status,
            code: code.or(parsed.code),
            message: parsed.message.as_deref().map(first_line).filter(|line| !line.is_empty()),
            request_id,
        }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        kind_of(self.status, self.code.as_deref())
    }

    /// The error of `operation` on `resource`, with what to do about it.
    pub(crate) fn into_error(
        self,
        operation: &'static str,
        resource: &str,
        account: &str,
        scope: &str,
    ) -> Error {
        let hint = hint_for(self.kind(), self.code.as_deref(), resource, account, scope);
        let error = Error::new(self.kind(), operation, resource).with_service(self);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl fmt::Display for ServiceFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "the service said: {message}")?,
            None => write!(f, "the service sent no message")?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ServiceFailure {}

/// Whether the same request may succeed when it is sent again.
///
/// Spec: <https://learn.microsoft.com/azure/architecture/best-practices/retry-service-specific>
pub(crate) fn is_retryable(status: u16, code: Option<&str>) -> bool {
    match status {
        408 | 429 | 500 | 502 | 503 | 504 => true,
        409 => code.is_some_and(|code| code.ends_with("BeingDeleted")),
        _ => false,
    }
}

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/data-lake-storage-gen2-error-codes>
/// and <https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes>
fn kind_of(status: u16, code: Option<&str>) -> ErrorKind {
    match (status, code) {
        (_, Some("ServerBusy")) => ErrorKind::Throttled,
        (_, Some("OperationTimedOut")) => ErrorKind::Timeout,
        // The blob endpoint says 403 where a token cannot be read at all.
        (403, Some("AuthenticationFailed")) => ErrorKind::Unauthenticated,
        (
            409,
            Some(
                "BlobAlreadyExists"
                | "ContainerAlreadyExists"
                | "FilesystemAlreadyExists"
                | "PathAlreadyExists",
            ),
        ) => ErrorKind::AlreadyExists,
        (401, _) => ErrorKind::Unauthenticated,
        (403, _) => ErrorKind::PermissionDenied,
        (404, _) => ErrorKind::NotFound,
        (405 | 501 | 505, _) => ErrorKind::Unsupported,
        (408 | 504, _) => ErrorKind::Timeout,
        (409, _) => ErrorKind::Conflict,
        (304 | 412, _) => ErrorKind::PreconditionFailed,
        (429, _) => ErrorKind::Throttled,
        (400..=499, _) => ErrorKind::InvalidInput,
        (500..=599, _) => ErrorKind::Unavailable,
        _ => ErrorKind::InvalidResponse,
    }
}

fn hint_for(
    kind: ErrorKind,
    code: Option<&str>,
    resource: &str,
    account: &str,
    scope: &str,
) -> Option<String> {
    let filesystem = resource.split('/').next().unwrap_or(resource);
    Some(match (kind, code) {
        (ErrorKind::PermissionDenied, Some("AuthorizationPermissionMismatch")) => format!(
            "the identity is known but has no role for this: ask for `Storage Blob Data Reader` (to \
             read) or `Storage Blob Data Contributor` (to write too) on the storage account \
             `{account}`; a new role takes some minutes to work"
        ),
        (ErrorKind::PermissionDenied, Some("AuthorizationFailure")) => format!(
            "the storage account `{account}` may refuse this network (firewall, private endpoint), \
             or the identity lacks `Storage Blob Data Reader` or `Storage Blob Data Contributor`"
        ),
        (ErrorKind::Unauthenticated, _) => format!(
            "the token was refused: it must be one for `{scope}`, of the tenant that owns the \
             account `{account}`, and not expired; check the scope, the tenant and this clock"
        ),
        (ErrorKind::NotFound, Some("FilesystemNotFound" | "ContainerNotFound")) => format!(
            "the account `{account}` has no filesystem `{filesystem}`: check its spelling, or \
             create it first"
        ),
        (ErrorKind::NotFound, Some("RenameDestinationParentPathNotFound")) => {
            "create the directory that the new name is in first".to_owned()
        }
        (ErrorKind::NotFound, _) => "check the spelling: names are case-sensitive; listing the \
             directory above shows what is there"
            .to_owned(),
        (ErrorKind::AlreadyExists, _) => {
            "choose another name, or allow what is there to be replaced".to_owned()
        }
        (ErrorKind::Conflict, Some("DirectoryNotEmpty")) => {
            "the directory holds something: delete it recursively if that may go too".to_owned()
        }
        (ErrorKind::PreconditionFailed, Some("LeaseLost")) => {
            "the lease ended or was broken before this: acquire it anew and look at what others \
             have written meanwhile"
                .to_owned()
        }
        (_, Some(code)) if code.starts_with("LeaseNotPresent") => {
            "nobody holds a lease there: it ended, or was never acquired".to_owned()
        }
        (_, Some(code)) if code.starts_with("LeaseIdMismatch") => {
            "it is leased under another id: somebody else holds the lease".to_owned()
        }
        (ErrorKind::Conflict | ErrorKind::PreconditionFailed, Some(code))
            if code.starts_with("Lease") =>
        {
            "somebody holds a lease on it: wait until it ends, or break it".to_owned()
        }
        (ErrorKind::PreconditionFailed, _) => {
            "it was changed by somebody else meanwhile: start again from its present state"
                .to_owned()
        }
        (ErrorKind::InvalidInput, Some("InvalidBlobOrBlock" | "InvalidBlockId")) => {
            "another program left unfinished blocks there, whose ids have another length: publish \
             under another name, or wait a week until they are gone"
                .to_owned()
        }
        (ErrorKind::Throttled, _) => format!(
            "the storage account `{account}` is over its limit of requests or bytes a second: use \
             a smaller concurrency"
        ),
        _ => return None,
    })
}

#[derive(Default)]
struct Body {
    code: Option<String>,
    message: Option<String>,
}

fn parse_body(body: &[u8]) -> Option<Body> {
    #[derive(Deserialize)]
    struct Json {
        error: JsonError,
    }
    #[derive(Deserialize)]
    struct JsonError {
        code: Option<String>,
        message: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Xml {
        code: Option<String>,
        message: Option<String>,
    }

    let text = std::str::from_utf8(body).ok()?.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('{') {
        let Json { error } = serde_json::from_str(text).ok()?;
        Some(Body { code: error.code, message: error.message })
    } else if text.starts_with('<') {
        let Xml { code, message } = quick_xml::de::from_str(text).ok()?;
        Some(Body { code, message })
    } else {
        None
    }
}

/// The service appends lines with the request id and the time, which an [`Error`] has apart.
fn first_line(message: &str) -> String {
    const LONGEST: usize = 400;
    message.lines().next().unwrap_or_default().trim().chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_status_and_code_has_its_kind() {
        use ErrorKind::*;
        let table = [
            (304, None, PreconditionFailed, false),
            (307, None, InvalidResponse, false),
            (400, Some("InvalidFlushPosition"), InvalidInput, false),
            (400, Some("InvalidQueryParameterValue"), InvalidInput, false),
            (400, Some("InvalidUri"), InvalidInput, false),
            (400, Some("Md5Mismatch"), InvalidInput, false),
            (400, Some("InvalidBlockList"), InvalidInput, false),
            (401, Some("InvalidAuthenticationInfo"), Unauthenticated, false),
            (401, Some("NoAuthenticationInformation"), Unauthenticated, false),
            (403, Some("AuthenticationFailed"), Unauthenticated, false),
            (403, Some("AuthorizationPermissionMismatch"), PermissionDenied, false),
            (403, Some("AuthorizationFailure"), PermissionDenied, false),
            (403, None, PermissionDenied, false),
            (404, Some("FilesystemNotFound"), NotFound, false),
            (404, Some("ContainerNotFound"), NotFound, false),
            (404, Some("PathNotFound"), NotFound, false),
            (404, Some("BlobNotFound"), NotFound, false),
            (404, Some("SourcePathNotFound"), NotFound, false),
            (404, Some("RenameDestinationParentPathNotFound"), NotFound, false),
            (405, Some("UnsupportedHttpVerb"), Unsupported, false),
            (408, None, Timeout, true),
            (409, Some("PathAlreadyExists"), AlreadyExists, false),
            (409, Some("BlobAlreadyExists"), AlreadyExists, false),
            (409, Some("FilesystemAlreadyExists"), AlreadyExists, false),
            (409, Some("ContainerAlreadyExists"), AlreadyExists, false),
            (409, Some("FilesystemBeingDeleted"), Conflict, true),
            (409, Some("ContainerBeingDeleted"), Conflict, true),
            (409, Some("SourcePathIsBeingDeleted"), Conflict, true),
            (409, Some("DestinationPathIsBeingDeleted"), Conflict, true),
            (409, Some("DirectoryNotEmpty"), Conflict, false),
            (409, Some("PathConflict"), Conflict, false),
            (409, Some("ResourceTypeMismatch"), Conflict, false),
            (409, Some("LeaseIdMismatchWithBlobOperation"), Conflict, false),
            (411, Some("MissingContentLengthHeader"), InvalidInput, false),
            (412, Some("ConditionNotMet"), PreconditionFailed, false),
            (412, Some("LeaseIdMissing"), PreconditionFailed, false),
            (413, Some("RequestBodyTooLarge"), InvalidInput, false),
            (416, Some("InvalidRange"), InvalidInput, false),
            (429, None, Throttled, true),
            (500, Some("InternalError"), Unavailable, true),
            (500, Some("OperationTimedOut"), Timeout, true),
            (501, None, Unsupported, false),
            (502, None, Unavailable, true),
            (503, Some("ServerBusy"), Throttled, true),
            (503, None, Unavailable, true),
            (504, None, Timeout, true),
            (505, None, Unsupported, false),
            (599, None, Unavailable, false),
        ];
        for (status, code, kind, retryable) in table {
            assert_eq!(kind_of(status, code), kind, "{status} {code:?}");
            assert_eq!(is_retryable(status, code), retryable, "{status} {code:?}");
        }
    }

    #[test]
    fn both_kinds_of_body_give_code_and_first_line() {
        let json = br#"{"error":{"code":"PathNotFound","message":"The specified path does not exist.\nRequestId:1\nTime:2"}}"#;
        let xml = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Error><Code>BlobNotFound</Code><Message>The specified blob does not exist.\nRequestId:1</Message></Error>";
        for (body, code, message) in [
            (&json[..], "PathNotFound", "The specified path does not exist."),
            (xml.as_bytes(), "BlobNotFound", "The specified blob does not exist."),
        ] {
            let failure = ServiceFailure::new(404, None, None, body);
            assert_eq!(failure.code.as_deref(), Some(code));
            assert_eq!(failure.message.as_deref(), Some(message));
        }
    }

    #[test]
    fn a_body_that_is_neither_is_no_reason_to_fail() {
        for body in [&b""[..], b"<html><body>Bad gateway", b"{\"error\":1}", b"\xff\xfe", b"busy"] {
            let failure = ServiceFailure::new(502, None, None, body);
            assert_eq!((failure.code, failure.message), (None, None), "{body:?}");
        }
    }

    #[test]
    fn a_missing_role_names_roles_and_account() {
        let failure =
            ServiceFailure::new(403, Some("AuthorizationPermissionMismatch".into()), None, b"");
        let error = failure.into_error("read", "raw/a", "lakedemo", "scope");
        let hint = error.hint().unwrap();
        for part in ["Storage Blob Data Reader", "Storage Blob Data Contributor", "`lakedemo`"] {
            assert!(hint.contains(part), "{hint}");
        }
        assert_eq!(error.to_string(), "cannot read `raw/a`: 403 AuthorizationPermissionMismatch");
    }
}
