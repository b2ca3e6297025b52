//! The one error of this crate, and the one place where an answer of the service becomes a kind
//! and a hint.

use std::{error::Error as StdError, fmt};

use azure_core::{
    error::ErrorKind as CoreErrorKind,
    http::{RawResponse, headers::HeaderName},
};
use serde::Deserialize;

/// What went wrong with a vault.
pub struct Error(Box<Inner>);

/// A result whose error is this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret is in a state that forbids this: deleted but recoverable, or being deleted.
    Conflict,
    /// The vault could not be reached, or the connection broke.
    Connect,
    /// The secret, or this version of it, is disabled.
    Disabled,
    /// A name, a URL or a reference is wrong.
    InvalidInput,
    /// The vault answered something that this client cannot read.
    InvalidResponse,
    /// There is no such secret or version.
    NotFound,
    /// The caller may not do this.
    PermissionDenied,
    /// The vault got too many requests.
    Throttled,
    /// The vault did not answer in time.
    Timeout,
    /// No token could be got for the vault, or it refused the token.
    Unauthenticated,
    /// The vault is out of order for now (5xx).
    Unavailable,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    operation: Option<Operation>,
    facts: Facts,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What the client was doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    GetSecret,
    ListSecrets,
    ListVersions,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::GetSecret => "get secret",
            Self::ListSecrets => "list secrets",
            Self::ListVersions => "list versions of secret",
        }
    }
}

/// What the answer said.
#[derive(Debug, Default)]
struct Facts {
    http_status: Option<u16>,
    service_code: Option<String>,
    request_id: Option<String>,
}

impl Error {
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message.into())
    }

    pub(crate) fn invalid_response(operation: Operation, resource: &str, why: &str) -> Self {
        let message = format!("cannot {} {resource}: {why}", operation.name());
        let mut error = Self::new(ErrorKind::InvalidResponse, message);
        error.0.operation = Some(operation);
        error
    }

    /// An error of the official client. `resource`: `"name" of https://vault…`; `vault`: its host.
    pub(crate) fn from_core(
        operation: Operation,
        resource: &str,
        vault: &str,
        source: azure_core::Error,
    ) -> Self {
        let Answer { kind, facts, message: said } = Answer::of(&source);
        let what = facts.service_code.clone().unwrap_or_else(|| described(kind).to_owned());
        let mut message = format!("cannot {} {resource}: {what}", operation.name());
        if let Some(status) = facts.http_status {
            message.push_str(&format!(" ({status})"));
        }
        let mut error = Self::new(kind, message);
        // What went wrong at a credential, that credential knows: its hint is the better one.
        if !matches!(source.kind(), CoreErrorKind::Credential) {
            error.0.hint = hint(kind, facts.service_code.as_deref(), vault);
        }
        error.0.operation = Some(operation);
        error.0.facts = facts;
        error.0.source = Some(match said {
            Some(said) => Box::new(said),
            None => Box::new(source),
        });
        error
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    fn new(kind: ErrorKind, message: String) -> Self {
        Self(Box::new(Inner {
            kind,
            message,
            hint: None,
            operation: None,
            facts: Facts::default(),
            source: None,
        }))
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try next, in one sentence, if there is something.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// What the client was doing: `get secret`, `list secrets` or `list versions of secret`.
    /// `None` if it was not talking to a vault yet.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation.map(Operation::name)
    }

    /// The status of the vault's answer, if there was one.
    pub fn http_status(&self) -> Option<u16> {
        self.0.facts.http_status
    }

    /// The vault's own code, the inner one if there is one: `SecretNotFound`, `ForbiddenByRbac`.
    ///
    /// Spec: <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>
    pub fn service_code(&self) -> Option<&str> {
        self.0.facts.service_code.as_deref()
    }

    /// The answer's `x-ms-request-id`, which Azure's support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.0.facts.request_id.as_deref()
    }

    /// Whether the same call could succeed later.
    ///
    /// The client has tried several times before it gives up on one of these, so wait for minutes
    /// rather than seconds.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Connect | ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("facts", &self.0.facts)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// What the vault said, on one line. The official client's own error shows the raw JSON of an
/// answer whose text has line feeds, as that of every missing role.
#[derive(Debug)]
struct VaultMessage(String);

impl VaultMessage {
    fn new(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Self(lines.collect::<Vec<_>>().join("; "))
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

/// What an error of the official client comes down to.
struct Answer {
    kind: ErrorKind,
    facts: Facts,
    message: Option<VaultMessage>,
}

impl Answer {
    fn of(error: &azure_core::Error) -> Self {
        match error.kind() {
            CoreErrorKind::HttpResponse { status, error_code, raw_response } => {
                Self::of_response(u16::from(*status), error_code, raw_response.as_deref())
            }
            // A token is asked for in the middle of a call; what else has no kind of its own there
            // is a challenge that the client does not answer: its resource is not the vault's.
            CoreErrorKind::Credential | CoreErrorKind::Other => {
                Self::without_response(ErrorKind::Unauthenticated)
            }
            CoreErrorKind::DataConversion => Self::without_response(ErrorKind::InvalidResponse),
            CoreErrorKind::Connection | CoreErrorKind::Io => {
                Self::without_response(ErrorKind::Connect)
            }
        }
    }

    fn of_response(status: u16, code: &Option<String>, response: Option<&RawResponse>) -> Self {
        let body = response
            .and_then(|response| serde_json::from_slice::<Body>(response.body().as_ref()).ok());
        let message = body.as_ref().and_then(|body| body.error.message.as_deref());
        let message = message.map(VaultMessage::new);
        let service_code = body.and_then(|body| body.error.code()).or_else(|| code.clone());
        let request_id =
            response.and_then(|response| response.headers().get_optional_string(&X_MS_REQUEST_ID));
        Self {
            kind: kind_of(status, service_code.as_deref()),
            facts: Facts { http_status: Some(status), service_code, request_id },
            message,
        }
    }

    fn without_response(kind: ErrorKind) -> Self {
        Self { kind, facts: Facts::default(), message: None }
    }
}

fn kind_of(status: u16, code: Option<&str>) -> ErrorKind {
    match (status, code) {
        (_, Some("SecretDisabled")) => ErrorKind::Disabled,
        (400, _) => ErrorKind::InvalidInput,
        (401, _) => ErrorKind::Unauthenticated,
        (403, _) => ErrorKind::PermissionDenied,
        (404, _) => ErrorKind::NotFound,
        (408 | 504, _) => ErrorKind::Timeout,
        (409, _) => ErrorKind::Conflict,
        (429, _) => ErrorKind::Throttled,
        (500..=599, _) => ErrorKind::Unavailable,
        _ => ErrorKind::InvalidResponse,
    }
}

fn described(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Connect => "the connection failed",
        ErrorKind::InvalidResponse => "the answer cannot be read",
        ErrorKind::Unauthenticated => "there is no token for it",
        _ => "the vault refused",
    }
}

fn hint(kind: ErrorKind, code: Option<&str>, vault: &str) -> Option<String> {
    let hint = match (kind, code) {
        (ErrorKind::PermissionDenied, Some("ForbiddenByFirewall")) => format!(
            "the firewall of {vault} does not let this network in: add its address, or use the \
             vault's private endpoint"
        ),
        (ErrorKind::PermissionDenied, Some("ForbiddenByPolicy")) => format!(
            "{vault} uses access policies: give the identity `Get` and `List` on secrets there"
        ),
        (ErrorKind::PermissionDenied, _) => format!(
            "assign the role `Key Vault Secrets User` on {vault} to the identity, whose ids the \
             cause names; a new assignment can take ten minutes to work"
        ),
        (ErrorKind::NotFound, _) => format!(
            "check the spelling, and that {vault} is the vault you mean; a deleted secret can be \
             recovered for some days"
        ),
        (ErrorKind::Disabled, _) => "enable it again, or ask for another version".to_owned(),
        (ErrorKind::Connect, _) => format!(
            "check the name {vault}, the network, and whether the vault lets this network in"
        ),
        (ErrorKind::Unauthenticated, Some(_)) => {
            "the vault does not accept the token: it must be for Key Vault, not expired, and of \
             the vault's own tenant"
                .to_owned()
        }
        (ErrorKind::Unauthenticated, None) => format!(
            "either the identity gets no token, or {vault} is no vault: tokens for another \
             service are not sent to it"
        ),
        (ErrorKind::Throttled, _) => {
            "read each secret once per process, and let processes that start together wait a \
             random time first"
                .to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

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
            (403, None, ErrorKind::PermissionDenied),
            (404, Some("SecretNotFound"), ErrorKind::NotFound),
            (408, None, ErrorKind::Timeout),
            (409, Some("ObjectIsDeletedButRecoverable"), ErrorKind::Conflict),
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
    fn a_missing_role_is_named_by_the_hint_and_a_firewall_is_no_missing_role() {
        let hint = |code| hint(ErrorKind::PermissionDenied, Some(code), "kv").unwrap();
        assert!(hint("ForbiddenByRbac").contains("`Key Vault Secrets User`"));
        assert!(!hint("ForbiddenByFirewall").contains("Key Vault Secrets User"));
        assert!(!hint("ForbiddenByPolicy").contains("Key Vault Secrets User"));
    }
}
