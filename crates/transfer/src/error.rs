//! The error of this crate: which stage of a transfer failed, and why.

use std::{error::Error as StdError, fmt};

/// A result whose error is this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed transfer.
///
/// `Display` says which stage failed; what happened there is in [`source`](StdError::source), often an error of
/// [`lake`](crate::lake) or [`synapse`](crate::synapse).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    stage: Stage,
    message: String,
    hint: Option<String>,
    transient: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The sort of an [`Error`], to branch on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The target exists already and was not to be replaced.
    AlreadyExists,
    /// Another writer was faster, or the resource is busy.
    Conflict,
    /// A service was not reached, or a connection broke.
    Connect,
    /// The statement, a name or an option is wrong.
    InvalidInput,
    /// A service answered what its protocol does not allow.
    InvalidResponse,
    /// A limit was exceeded.
    LimitExceeded,
    /// The table, database, filesystem or account does not exist.
    NotFound,
    /// The identity is known but may not do this.
    PermissionDenied,
    /// A condition did not hold when the file was to be published.
    PreconditionFailed,
    /// A service asked for patience for longer than was allowed.
    Throttled,
    /// A service did not answer in time.
    Timeout,
    /// There was no token, or it was refused.
    Unauthenticated,
    /// A service failed on its side.
    Unavailable,
    /// A type, a statement or an operation has no counterpart here.
    Unsupported,
}

/// What was being done when a transfer failed.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// Checking the options.
    Configure,
    /// Sending the rest and making the finished file visible.
    Publish,
    /// Running the query and reading its result.
    Read,
    /// Looking whether the target exists.
    Stat,
    /// Encoding batches and sending blocks to the lake.
    Upload,
}

impl Error {
    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, Stage::Configure, message)
    }

    pub(crate) fn new(kind: ErrorKind, stage: Stage, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            stage,
            message: message.into(),
            hint: None,
            transient: false,
            source: None,
        }))
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Reading failed with an error of the SQL client.
    pub(crate) fn read(target: &str, source: azconnect_synapse::Error) -> Self {
        let message =
            format!("cannot export to {target}: reading the result failed, no file was published");
        let mut error = Self::new(kind_of_synapse(source.kind()), Stage::Read, message);
        error.0.transient = source.is_transient();
        error.0.hint = match source.hint() {
            Some(hint) => Some(hint.to_owned()),
            None => source.is_transient().then(|| RUN_AGAIN.to_owned()),
        };
        error.with_source(source)
    }

    /// A step in the lake failed with an error of its client.
    pub(crate) fn lake(stage: Stage, target: &str, source: azconnect_lake::Error) -> Self {
        let what = match stage {
            Stage::Stat => "looking whether it exists failed",
            Stage::Publish => "publishing the finished file failed",
            _ => "the upload failed, no file was published",
        };
        let message = format!("cannot export to {target}: {what}");
        let mut error = Self::new(kind_of_lake(source.kind()), stage, message);
        error.0.hint = source.hint().map(str::to_owned);
        error.0.transient = source.is_transient();
        error.with_source(source)
    }

    /// The sort of the error, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stage that failed.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What to try next, for a person who meets this for the first time.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether running the whole transfer again later could help.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("stage", &self.0.stage)
            .field("message", &self.0.message)
            .field("hint", &self.0.hint)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

fn kind_of_synapse(kind: azconnect_synapse::ErrorKind) -> ErrorKind {
    use azconnect_synapse::ErrorKind as From;
    match kind {
        From::AlreadyExists => ErrorKind::AlreadyExists,
        From::Conflict => ErrorKind::Conflict,
        From::Connect => ErrorKind::Connect,
        From::InvalidInput => ErrorKind::InvalidInput,
        From::InvalidResponse => ErrorKind::InvalidResponse,
        From::LimitExceeded => ErrorKind::LimitExceeded,
        From::NotFound => ErrorKind::NotFound,
        From::PermissionDenied => ErrorKind::PermissionDenied,
        From::Throttled => ErrorKind::Throttled,
        From::Timeout => ErrorKind::Timeout,
        From::Unauthenticated => ErrorKind::Unauthenticated,
        From::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Unavailable,
    }
}

fn kind_of_lake(kind: azconnect_lake::ErrorKind) -> ErrorKind {
    use azconnect_lake::ErrorKind as From;
    match kind {
        From::AlreadyExists => ErrorKind::AlreadyExists,
        From::Conflict => ErrorKind::Conflict,
        From::Connect => ErrorKind::Connect,
        From::InvalidInput => ErrorKind::InvalidInput,
        From::InvalidResponse => ErrorKind::InvalidResponse,
        From::NotFound => ErrorKind::NotFound,
        From::PermissionDenied => ErrorKind::PermissionDenied,
        From::PreconditionFailed => ErrorKind::PreconditionFailed,
        From::Throttled => ErrorKind::Throttled,
        From::Timeout => ErrorKind::Timeout,
        From::Unauthenticated => ErrorKind::Unauthenticated,
        From::Unsupported => ErrorKind::Unsupported,
        _ => ErrorKind::Unavailable,
    }
}

const RUN_AGAIN: &str = "run the export again: nothing was published, and a result cannot be read on from where it broke";
