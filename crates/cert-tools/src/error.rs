//! The one error of this crate: a kind to act on, a sentence to read, a hint, and OpenSSL's own words as the cause.

use std::{borrow::Cow, error::Error as StdError, fmt};

use openssl::error::ErrorStack;

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be done.
///
/// `Display` says what this level was doing; what OpenSSL said about it is in [`source`](StdError::source).
/// Neither ever holds key material, a password, or the text that could not be parsed.
pub struct Error(Box<Inner>);

/// What a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are of the right sort of file, but damaged, cut short or altered.
    Corrupt,
    /// OpenSSL failed for a reason that is not the caller's, such as a lack of memory or of randomness.
    Crypto,
    /// An argument is outside its limits, or the bytes are another sort of file.
    InvalidInput,
    /// The private key does not belong to the certificate.
    KeyMismatch,
    /// Opening the file would take more key-derivation rounds than the caller allows, or the file is larger, or holds
    /// more, than any in use.
    LimitExceeded,
    /// The file is sound but lacks the key or the certificate that was asked for.
    NotFound,
    /// The file is protected, and no password was given.
    PasswordRequired,
    /// The file, the key or the algorithm is one this crate cannot handle.
    Unsupported,
    /// The file is protected by another password than the one given.
    WrongPassword,
}

struct Inner {
    kind: ErrorKind,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What went wrong, as a word that code can match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What to try next, in one sentence for a newcomer, where there is something to try.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, source: None }))
    }

    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    pub(crate) fn crypto(message: &'static str, stack: ErrorStack) -> Self {
        Self::new(ErrorKind::Crypto, message).with_openssl(stack)
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says the same of something else: what stands before the colon is replaced by `doing`.
    pub(crate) fn while_doing(mut self, doing: &str) -> Self {
        if let Some((_, how)) = self.0.message.split_once(": ") {
            self.0.message = format!("{doing}: {how}").into();
        }
        self
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    pub(crate) fn with_openssl(mut self, stack: ErrorStack) -> Self {
        // An empty stack would be a cause that says nothing.
        if !stack.errors().is_empty() {
            self.0.source = Some(Box::new(OpensslReasons(stack)));
        }
        self
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
            .field("message", &self.0.message)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// OpenSSL's reasons without the source file and line of each, which mean nothing to our callers.
struct OpensslReasons(ErrorStack);

impl fmt::Display for OpensslReasons {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OpenSSL: ")?;
        for (index, error) in self.0.errors().iter().enumerate() {
            if index > 0 {
                formatter.write_str("; ")?;
            }
            formatter.write_str(error.reason().unwrap_or("unknown reason"))?;
            // The extra data names algorithms and fields ("Algorithm (RC2-40-CBC : 0)").
            if let Some(data) = error.data().filter(|data| !data.is_empty()) {
                write!(formatter, " ({data})")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for OpensslReasons {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl StdError for OpensslReasons {}
