//! The one error of this crate: what kept the emulators from starting or from doing what a test
//! asked of them. What a service answers to a bad request is no error here but that service's job.

use std::{error::Error as StdError, fmt, path::Path};

/// What went wrong while the emulators were set up.
pub struct Error(Box<Inner>);

/// A result whose error is this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A certificate or a key could not be made, read or used.
    Certificate,
    /// The configuration, or an argument, is wrong.
    InvalidInput,
    /// A file or folder could not be read or written.
    Io,
    /// A port could not be opened.
    Listen,
    /// A principal, app or other thing that was named is not configured.
    NotFound,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    hint: Option<&'static str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, source: None }))
    }

    pub(crate) fn io(
        what: &str,
        path: &Path,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {what} \"{}\"", path.display())).caused_by(source)
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.0.hint = Some(hint);
        self
    }

    /// The kind of this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try next, in one sentence, if there is something.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint
    }

    /// Whether the same call could succeed later: never, for everything that is set up here is
    /// local.
    pub fn is_transient(&self) -> bool {
        false
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
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
