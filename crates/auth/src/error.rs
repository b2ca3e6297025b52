//! The error of this crate: one kind to act on, the facts a person on call asks for, and a hint.
//!
//! What a status or a service code means is decided where it is received: `managed_identity/failure.rs` for
//! the identity endpoints, `entra/failure.rs` for the token endpoint.

use std::{
    error::Error as StdError,
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

/// The result of this crate's operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why no token could be had.
///
/// Cheap to clone, so that all callers who waited for one request can be told of its failure.
///
/// Credentials implement [`azure_core::credentials::TokenCredential`], whose error type is
/// [`azure_core::Error`]; this error travels inside it:
/// ```
/// # use azconnect_auth::{Error, ErrorKind};
/// fn kind_of(error: &azure_core::Error) -> Option<ErrorKind> {
///     error.downcast_ref::<Error>().map(Error::kind)
/// }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Facts>);

/// What kind of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Several user-assigned identities exist on this machine and none was named.
    AmbiguousIdentity,
    /// The tenant has no application with this client id (AADSTS700016).
    ApplicationNotFound,
    /// The client assertion came too late or too early: a clock is wrong (AADSTS700024).
    AssertionExpired,
    /// The client assertion was refused: unknown certificate or bad signature (AADSTS700027, 50013, 50027).
    AssertionRejected,
    /// The token that vouches for the application could not be had; nothing was sent.
    AssertionUnavailable,
    /// The certificate's `not_after` has passed; nothing was sent.
    CertificateExpired,
    /// No connection could be made, or it broke.
    Connect,
    /// This credential does not exist here: the developer tool is not installed, or nobody is signed in to it.
    CredentialUnavailable,
    /// The machine has no identity with the id that was given.
    IdentityNotFound,
    /// A setting or an argument cannot be right.
    InvalidInput,
    /// The service answered with something that is not a token.
    InvalidResponse,
    /// The service knows the caller and says no.
    PermissionDenied,
    /// No resource is known under the scope that was asked for (AADSTS500011).
    ResourceNotFound,
    /// The client secret has expired (AADSTS7000222).
    SecretExpired,
    /// The client secret is wrong (AADSTS7000215).
    SecretRejected,
    /// There is no tenant with this id or domain (AADSTS90002).
    TenantNotFound,
    /// The service asked to slow down until the time for retries was used up.
    Throttled,
    /// No answer came in the time allowed.
    Timeout,
    /// The service refused the proof of identity for a reason that has no kind of its own.
    Unauthenticated,
    /// The service is there and cannot answer now (404, 410 and 5xx of the identity endpoint, 5xx of Entra ID).
    Unavailable,
    /// The environment or key is of a sort that this crate does not handle.
    Unsupported,
}

impl Error {
    /// The kind of failure; what programs decide by.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try next, in one or two sentences for a person.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The scope that a token was asked for; `None` for mistakes found when a credential was built.
    pub fn scope(&self) -> Option<&str> {
        self.0.scope.as_deref()
    }

    /// The HTTP status of the last answer.
    pub fn http_status(&self) -> Option<u16> {
        self.0.status
    }

    /// The service's own code for the failure: `AADSTS…` of Entra ID, `invalid_request` of IMDS.
    pub fn service_code(&self) -> Option<&str> {
        self.0.service_code.as_deref()
    }

    /// The service's trace id, which its support asks for.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// The service's correlation id, by which sign-in logs can be searched.
    pub fn correlation_id(&self) -> Option<&str> {
        self.0.correlation_id.as_deref()
    }

    /// The id to quote to the service's support: the trace id if there is one, else the correlation id.
    pub fn request_id(&self) -> Option<&str> {
        self.trace_id().or(self.correlation_id())
    }

    /// Whether the credential does not exist on this machine, as opposed to one that exists and failed: no metadata
    /// service answers, the machine has no identity, or a developer tool is not there. A
    /// [`ChainedTokenCredential`](crate::ChainedTokenCredential) goes on to the next one only then.
    pub fn is_credential_absent(&self) -> bool {
        self.0.absent || self.0.kind == ErrorKind::CredentialUnavailable
    }

    /// How many requests were sent; 0 if the failure was found before any.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// The time from the first request to giving up, pauses included; zero if none was sent.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Whether trying again later could help. False once this crate's own retries are used up.
    pub fn is_transient(&self) -> bool {
        !self.0.exhausted
            && matches!(
                self.0.kind,
                ErrorKind::Connect
                    | ErrorKind::Throttled
                    | ErrorKind::Timeout
                    | ErrorKind::Unavailable
            )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        if let Some(id) = &self.0.trace_id {
            write!(formatter, " (trace id {id})")?;
        }
        if let Some(id) = &self.0.correlation_id {
            write!(formatter, " (correlation id {id})")?;
        }
        if self.0.attempts > 1 {
            write!(
                formatter,
                " (gave up after {} attempts in {} s)",
                self.0.attempts,
                self.0.elapsed.as_secs()
            )?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}

/// Hands the error to callers who know only azure_core.
///
/// The outer message names the step and the inner error explains it, so that a report which walks `source()`
/// says each thing once.
impl From<Error> for azure_core::Error {
    fn from(error: Error) -> Self {
        Self::with_error(
            azure_core::error::ErrorKind::Credential,
            error,
            "the credential could not provide an access token",
        )
    }
}

/// An error in the making: the part of the crate that finds a failure fills in what it knows.
#[derive(Debug)]
pub(crate) struct Failure(Box<Facts>);

/// What is known of a failure.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) service_code: Option<String>,
    pub(crate) trace_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) elapsed: Duration,
    pub(crate) exhausted: bool,
    pub(crate) absent: bool,
    pub(crate) source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            kind,
            message: message.into(),
            hint: None,
            scope: None,
            status: None,
            service_code: None,
            trace_id: None,
            correlation_id: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            exhausted: false,
            absent: false,
            source: None,
        }))
    }

    /// A mistake in what the caller gave.
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl Deref for Failure {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.0
    }
}

impl From<Failure> for Error {
    /// Some of the words are a service's: it must not be able to write lines of its own into a log.
    fn from(failure: Failure) -> Self {
        let mut facts = failure.0;
        let texts = [&mut facts.service_code, &mut facts.trace_id, &mut facts.correlation_id];
        for text in texts.into_iter().flatten().chain([&mut facts.message]) {
            if text.contains(char::is_control) {
                *text = text.replace(char::is_control, " ");
            }
        }
        Self(Arc::from(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_over_sources_says_each_thing_once() {
        let ours: Error = Failure::new(ErrorKind::Connect, "cannot reach `a`").into();
        let theirs = azure_core::Error::from(ours);
        let mut lines = vec![theirs.to_string()];
        let mut next = theirs.source();
        while let Some(error) = next {
            lines.push(error.to_string());
            next = error.source();
        }
        assert_eq!(lines, ["the credential could not provide an access token", "cannot reach `a`"]);
        assert_eq!(theirs.downcast_ref::<Error>().map(Error::kind), Some(ErrorKind::Connect));
    }

    #[test]
    fn a_service_cannot_write_lines_of_its_own() {
        let mut failure = Failure::new(ErrorKind::Unauthenticated, "it says `a\r\nb`");
        failure.trace_id = Some("1\n2".to_owned());
        failure.service_code = Some("\u{1b}[31m".to_owned());
        let error = Error::from(failure);
        assert_eq!(error.to_string(), "it says `a  b` (trace id 1 2)");
        assert_eq!(error.service_code(), Some(" [31m"));
    }

    #[test]
    fn retries_that_are_used_up_are_not_transient_any_more() {
        for exhausted in [false, true] {
            let mut failure = Failure::new(ErrorKind::Timeout, "late");
            failure.exhausted = exhausted;
            assert_eq!(Error::from(failure).is_transient(), !exhausted);
        }
        assert!(!Error::from(Failure::invalid_input("x")).is_transient());
    }
}
