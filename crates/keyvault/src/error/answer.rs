//! What an error of the official client comes down to: the answer's status and codes as a kind.

use std::{error::Error as StdError, fmt};

use azure_core::{
    error::ErrorKind as CoreErrorKind,
    http::{
        RawResponse,
        headers::{HeaderName, WWW_AUTHENTICATE},
    },
};
use serde::Deserialize;

use super::{ErrorKind, Facts};
use crate::policy::{Challenge, Foreign, retry_after};

/// What an error of the official client comes down to.
pub(super) struct Answer {
    pub(super) kind: ErrorKind,
    pub(super) facts: Facts,
    pub(super) message: Option<VaultMessage>,
}

impl Answer {
    pub(super) fn of(error: &azure_core::Error) -> Self {
        match error.kind() {
            CoreErrorKind::HttpResponse { status, error_code, raw_response } => {
                Self::of_response(u16::from(*status), error_code, raw_response.as_deref())
            }
            CoreErrorKind::Other if matches!(error.downcast_ref(), Some(Foreign::Page { .. })) => {
                Self::without_response(ErrorKind::InvalidResponse)
            }
            // A token is asked for in the middle of a call; what else has no kind of its own there
            // is a challenge that is not answered: its resource is not the vault's.
            CoreErrorKind::Credential | CoreErrorKind::Other => {
                Self::without_response(ErrorKind::Unauthenticated)
            }
            // The reader of JSON quotes what it cannot read, which may be a part of a secret.
            CoreErrorKind::DataConversion => Self {
                message: Some(VaultMessage::new("it has not the form of a vault's answer")),
                ..Self::without_response(ErrorKind::InvalidResponse)
            },
            CoreErrorKind::Connection | CoreErrorKind::Io => {
                Self::without_response(ErrorKind::Connect)
            }
        }
    }

    fn of_response(status: u16, code: &Option<String>, response: Option<&RawResponse>) -> Self {
        let body = response
            .and_then(|response| serde_json::from_slice::<Body>(response.body().as_ref()).ok());
        let message = body.as_ref().and_then(|body| body.error.message.as_deref());
        // The official client's error would quote the whole body, whatever that is.
        let message = message.map_or_else(
            || VaultMessage::new("it is not told why in the form of a vault"),
            VaultMessage::new,
        );
        let service_code = message
            .code()
            .or_else(|| body.and_then(|body| body.error.code()))
            .or_else(|| code.clone());
        let headers = response.map(RawResponse::headers);
        let header = |name| headers.and_then(|headers| headers.get_optional_string(&name));
        let challenge = header(WWW_AUTHENTICATE).unwrap_or_default();
        Self {
            kind: kind_of(status, service_code.as_deref()),
            facts: Facts {
                http_status: Some(status),
                service_code,
                request_id: header(X_MS_REQUEST_ID),
                retry_after: headers.and_then(retry_after),
                vault_tenant: Challenge::parse(&challenge).tenant().map(str::to_owned),
            },
            message: Some(message),
        }
    }

    fn without_response(kind: ErrorKind) -> Self {
        Self { kind, facts: Facts::default(), message: None }
    }
}

pub(super) fn kind_of(status: u16, code: Option<&str>) -> ErrorKind {
    match (status, code) {
        (_, Some("SecretDisabled")) => ErrorKind::Disabled,
        // A 403, but no role would help: it is the certificate that has to be changed.
        (_, Some(MANAGED)) => ErrorKind::Conflict,
        (400, _) => ErrorKind::InvalidInput,
        (401, _) => ErrorKind::Unauthenticated,
        (403, _) => ErrorKind::PermissionDenied,
        (404, _) => ErrorKind::NotFound,
        (408 | 504, _) => ErrorKind::Timeout,
        (409, Some("ObjectIsDeletedButRecoverable")) => ErrorKind::Deleted,
        (409, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::Throttled,
        (500..=599, _) => ErrorKind::Unavailable,
        _ => ErrorKind::InvalidResponse,
    }
}

pub(super) fn described(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "the connection failed",
        ErrorKind::InvalidResponse => "the answer cannot be read",
        ErrorKind::Unauthenticated => "there is no token for it",
        _ => "the vault refused",
    }
}

/// What the vault said, on one line. The official client's own error shows the raw JSON of an
/// answer whose text has line feeds, as that of every missing role.
#[derive(Debug)]
pub(super) struct VaultMessage(String);

impl VaultMessage {
    fn new(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self(lines.collect::<Vec<_>>().join("; "))
    }

    /// The code that the vault's refusals of tokens begin with, and have nowhere else:
    /// `AKV10032: Invalid issuer. …`.
    fn code(&self) -> Option<String> {
        let (code, _) = self.0.split_once(':')?;
        let digits = code.strip_prefix("AKV")?;
        let is_code = digits.len() == 5 && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_code.then(|| code.to_owned())
    }
}

impl fmt::Display for VaultMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for VaultMessage {}

/// The body of an error answer.
#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: Option<String>,
    message: Option<String>,
    innererror: Option<Box<Detail>>,
}

impl Detail {
    /// The innermost code, which says most.
    fn code(self) -> Option<String> {
        self.innererror.and_then(|inner| inner.code()).or(self.code)
    }
}

/// The secret is the private key of a certificate.
pub(super) const MANAGED: &str = "SecretManagedByKeyVault";

const X_MS_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_answer_has_its_kind() {
        for (status, code, kind) in [
            (400, Some("BadParameter"), ErrorKind::InvalidInput),
            (401, Some("Unauthorized"), ErrorKind::Unauthenticated),
            (403, Some("ForbiddenByRbac"), ErrorKind::PermissionDenied),
            (403, Some("ForbiddenByPolicy"), ErrorKind::PermissionDenied),
            (403, Some("ForbiddenByFirewall"), ErrorKind::PermissionDenied),
            (403, Some("SecretDisabled"), ErrorKind::Disabled),
            (403, Some("SecretManagedByKeyVault"), ErrorKind::Conflict),
            (403, None, ErrorKind::PermissionDenied),
            (404, Some("SecretNotFound"), ErrorKind::NotFound),
            (408, None, ErrorKind::Timeout),
            (409, Some("ObjectIsDeletedButRecoverable"), ErrorKind::Deleted),
            (409, Some("ObjectIsBeingDeleted"), ErrorKind::Conflict),
            (429, Some("Throttled"), ErrorKind::Throttled),
            (500, None, ErrorKind::Unavailable),
            (503, None, ErrorKind::Unavailable),
            (504, None, ErrorKind::Timeout),
            (302, None, ErrorKind::InvalidResponse),
        ] {
            assert_eq!(kind_of(status, code), kind, "{status} {code:?}");
        }
    }

    #[test]
    fn the_innermost_code_is_the_one_that_counts() {
        let body = br#"{"error":{"code":"Forbidden","message":"no","innererror":{"code":"ForbiddenByRbac"}}}"#;
        let body: Body = serde_json::from_slice(body).unwrap();
        assert_eq!(body.error.code().as_deref(), Some("ForbiddenByRbac"));
    }

    #[test]
    fn a_message_of_many_lines_becomes_one() {
        let message = VaultMessage::new("Caller is not authorized.\r\nCaller: appid=1\r\n\r\n");
        assert_eq!(message.to_string(), "Caller is not authorized.; Caller: appid=1");
    }

    #[test]
    fn a_code_at_the_head_of_the_message_is_found() {
        for (message, code) in [
            ("AKV10032: Invalid issuer. Expected one of …", Some("AKV10032")),
            ("AKV1003: no", None),
            ("AKV100322: no", None),
            ("Caller: appid=1", None),
            ("no colon", None),
        ] {
            assert_eq!(VaultMessage::new(message).code().as_deref(), code, "{message}");
        }
    }
}
