//! The one error of this crate.
//!
//! What an answer of the service comes down to is decided in `error/answer.rs`, what to try next in
//! `error/hint.rs`.

mod answer;
mod hint;

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use azure_core::error::ErrorKind as CoreErrorKind;

use self::answer::Answer;
use crate::operation::Operation;

/// What went wrong with a vault.
///
/// Cheap enough to clone: all who wait for one request are told of its one failure.
#[derive(Clone)]
pub struct Error(Box<Inner>);

/// A result whose error is this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The secret is in a state that forbids this: it exists already, or is being deleted or
    /// recovered at this moment.
    Conflict,
    /// The vault could not be reached, or the connection broke.
    Connect,
    /// The secret was deleted and can be recovered.
    Deleted,
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

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    operation: Option<Operation>,
    facts: Facts,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What the answer said.
#[derive(Debug, Clone, Default)]
struct Facts {
    http_status: Option<u16>,
    service_code: Option<String>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    vault_tenant: Option<String>,
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
        let what = facts.service_code.clone().unwrap_or_else(|| answer::described(kind).to_owned());
        let mut message = format!("cannot {} {resource}: {what}", operation.name());
        if let Some(status) = facts.http_status {
            message.push_str(&format!(" ({status})"));
        }
        let mut error = Self::new(kind, message);
        // What went wrong at a credential, that credential knows: its hint is the better one.
        if !matches!(source.kind(), CoreErrorKind::Credential) {
            error.0.hint = hint::of(operation, kind, &facts, vault);
        }
        error.0.operation = Some(operation);
        error.0.facts = facts;
        error.0.source = Some(match said {
            Some(said) => Arc::new(said),
            None => Arc::new(source),
        });
        error
    }

    /// What an answer with this status and code becomes.
    #[cfg(test)]
    pub(crate) fn of_code(status: u16, code: &str) -> Self {
        let mut error = Self::new(answer::kind_of(status, Some(code)), code.to_owned());
        error.0.facts.service_code = Some(code.to_owned());
        error
    }

    /// Waiting for something took longer than it may; `last` is what the vault said in the end.
    pub(crate) fn timed_out(message: String, last: Self) -> Self {
        let mut error = Self::new(ErrorKind::Timeout, message);
        error.0.hint.clone_from(&last.0.hint);
        error.0.operation = last.0.operation;
        error.0.facts = last.0.facts.clone();
        error.caused_by(last)
    }

    /// The same error as another kind, with another hint: somebody has found out more.
    pub(crate) fn known_better(mut self, kind: ErrorKind, hint: String) -> Self {
        self.0.kind = kind;
        self.with_hint(hint)
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
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

    /// What the client was doing: `get secret`, `list secrets`, `set secret` and so on. `None` if it
    /// was not talking to a vault yet.
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

    /// How long the vault asks to wait before the next request, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.facts.retry_after
    }

    /// The tenant that the vault belongs to, if it refused a token and said so.
    pub fn vault_tenant(&self) -> Option<&str> {
        self.0.facts.vault_tenant.as_deref()
    }

    /// Whether this is a role that is missing, or that was given so recently that this part of the
    /// service does not know of it yet. No other refusal passes by waiting.
    pub fn is_missing_role(&self) -> bool {
        self.0.kind == ErrorKind::PermissionDenied && self.service_code() == Some("ForbiddenByRbac")
    }

    /// Whether the vault is deleting or recovering the secret at this moment.
    pub(crate) fn is_limbo(&self) -> bool {
        self.0.kind == ErrorKind::Conflict
            && matches!(
                self.service_code(),
                Some("ObjectIsBeingDeleted" | "ObjectIsBeingRecovered")
            )
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
