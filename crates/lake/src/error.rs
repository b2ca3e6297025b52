//! The one error type of this crate: what was being done to which resource, what went wrong, and
//! what to try next.

mod status;

use std::{borrow::Cow, error::Error as StdError, fmt, time::Duration};

pub(crate) use self::status::{ServiceFailure, is_retryable};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An operation on the data lake that did not succeed.
///
/// `Display` says what this level was doing; what the layer below said is reached through
/// [`source`](StdError::source), and what a person can do about it through [`hint`](Self::hint).
/// Tokens, signatures and request bodies are never part of it.
pub struct Error(Box<Inner>);

/// What sort of failure an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The target exists already and was not to be replaced.
    AlreadyExists,
    /// The resource is in a state that does not allow the operation: not empty, leased, a directory.
    Conflict,
    /// The service was not reached, or the connection broke.
    Connect,
    /// A value that the caller gave is not acceptable, by our rules or by the service's.
    InvalidInput,
    /// The service, or a file in the lake, holds something that breaks its own format.
    InvalidResponse,
    /// A local file or directory could not be read or written.
    LocalFile,
    /// The path, filesystem or account does not exist.
    NotFound,
    /// The identity is known, but may not do this.
    PermissionDenied,
    /// A condition of the request (an entity tag, usually) did not hold.
    PreconditionFailed,
    /// The caller's own stream of bytes or batches failed.
    Source,
    /// The account is over a limit and asked for patience.
    Throttled,
    /// The service did not answer in time.
    Timeout,
    /// There was no token, or the service refused it.
    Unauthenticated,
    /// The service failed on its side.
    Unavailable,
    /// The service or this crate does not do that.
    Unsupported,
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done, as a verb: `read`, `list`, `rename`.
    pub fn operation(&self) -> &str {
        self.0.operation
    }

    /// What it was being done to: `filesystem/path` in the lake, or a local path.
    pub fn resource(&self) -> &str {
        &self.0.resource
    }

    /// The HTTP status, if the service answered.
    pub fn http_status(&self) -> Option<u16> {
        self.service().map(|failure| failure.status)
    }

    /// The service's own name of the failure (`x-ms-error-code`), such as `PathNotFound`.
    pub fn service_code(&self) -> Option<&str> {
        self.service().and_then(|failure| failure.code.as_deref())
    }

    /// The service's id of the request (`x-ms-request-id`), which its support asks for.
    pub fn request_id(&self) -> Option<&str> {
        self.service().and_then(|failure| failure.request_id.as_deref())
    }

    /// How often the request was sent; 0 if it never was.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// How long all attempts took together, pauses included.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// What a newcomer should do next, if that is known.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether trying again later could help. An error that already used up its retries says no.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }

    pub(crate) fn new(
        kind: ErrorKind,
        operation: &'static str,
        resource: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            resource: resource.into(),
            detail: None,
            hint: None,
            cause: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            transient: false,
            retry_after: None,
            existing: None,
            unreached: false,
        }))
    }

    /// A value that cannot be what it has to be; `operation` is `parse` or the like.
    pub(crate) fn invalid_input(
        operation: &'static str,
        resource: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self::new(ErrorKind::InvalidInput, operation, resource).with_detail(detail)
    }

    pub(crate) fn local(
        operation: &'static str,
        path: &std::path::Path,
        source: std::io::Error,
    ) -> Self {
        let (kind, hint) = match source.kind() {
            std::io::ErrorKind::AlreadyExists => (
                ErrorKind::AlreadyExists,
                Some("choose another name, or allow what is there to be replaced"),
            ),
            std::io::ErrorKind::StorageFull => (
                ErrorKind::LocalFile,
                Some("free space on that disk, or choose another place; nothing was replaced"),
            ),
            _ => (ErrorKind::LocalFile, None),
        };
        let error = Self::new(kind, operation, path.display().to_string()).with_source(source);
        match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// The same failure as that of what it was a part of.
    pub(crate) fn named(mut self, operation: &'static str, resource: String) -> Self {
        self.0.operation = operation;
        self.0.resource = resource;
        self
    }

    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync + 'static>>,
    ) -> Self {
        self.0.cause = Some(Cause::Other(source.into()));
        self
    }

    pub(crate) fn with_service(mut self, failure: ServiceFailure) -> Self {
        self.0.cause = Some(Cause::Service(failure));
        self
    }

    pub(crate) fn with_transient(mut self, retry_after: Option<Duration>) -> Self {
        self.0.transient = true;
        self.0.retry_after = retry_after;
        self
    }

    pub(crate) fn with_attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.0.attempts = attempts;
        self.0.elapsed = elapsed;
        self
    }

    /// Marks that no further attempt will be made, and none should be.
    pub(crate) fn given_up(mut self) -> Self {
        self.0.transient = false;
        self
    }

    /// What is already there where something was to be made: `file` or `directory`.
    pub(crate) fn with_existing(mut self, resource_type: String) -> Self {
        self.0.existing = Some(resource_type);
        self
    }

    pub(crate) fn existing(&self) -> Option<&str> {
        self.0.existing.as_deref()
    }

    /// Marks that no connection was made, so that the request cannot have done anything.
    pub(crate) fn with_unreached(mut self) -> Self {
        self.0.unreached = true;
        self
    }

    pub(crate) fn is_unreached(&self) -> bool {
        self.0.unreached
    }

    /// How long the service asked us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    fn service(&self) -> Option<&ServiceFailure> {
        match &self.0.cause {
            Some(Cause::Service(failure)) => Some(failure),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, resource, detail, attempts, elapsed, .. } = &*self.0;
        write!(f, "cannot {operation} `{resource}`")?;
        if let Some(failure) = self.service() {
            write!(f, ": {}", failure.status)?;
            if let Some(code) = &failure.code {
                write!(f, " {code}")?;
            }
        }
        if let Some(detail) = detail {
            write!(f, ": {detail}")?;
        }
        if *attempts > 1 {
            write!(f, " ({attempts} attempts in {:.1} s)", elapsed.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("display", &format_args!("{self}"))
            .field("request_id", &self.request_id())
            .field("hint", &self.0.hint)
            .field("source", &self.0.cause)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.cause {
            Some(Cause::Service(failure)) => Some(failure),
            Some(Cause::Other(source)) => Some(&**source),
            None => None,
        }
    }
}

struct Inner {
    kind: ErrorKind,
    operation: &'static str,
    resource: String,
    detail: Option<String>,
    hint: Option<Cow<'static, str>>,
    cause: Option<Cause>,
    attempts: u32,
    elapsed: Duration,
    transient: bool,
    retry_after: Option<Duration>,
    existing: Option<String>,
    unreached: bool,
}

#[derive(Debug)]
enum Cause {
    Service(ServiceFailure),
    Other(Box<dyn StdError + Send + Sync + 'static>),
}
