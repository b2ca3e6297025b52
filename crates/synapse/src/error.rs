//! The crate's error: what was being done, to which server, what it answered.

mod known;

use std::{borrow::Cow, error::Error as StdError, fmt};

use crate::{address::ServerAddress, message::ServerMessage};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, with the facts a person on call needs.
///
/// `Display` says what this level was doing; the cause, if there is one, is in
/// [`source`](StdError::source), and advice is in [`hint`](Self::hint).
pub struct Error(Box<Facts>);

/// The sort of an [`Error`], to branch on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What a statement wanted to create is there already.
    AlreadyExists,
    /// The statement lost against another one (a deadlock).
    Conflict,
    /// The server could not be reached, or the connection broke.
    Connect,
    /// The statement, an option or the configuration is wrong.
    InvalidInput,
    /// The server sent bytes that the protocol does not allow.
    InvalidResponse,
    /// A limit that the caller set, or the 2 GiB of an Arrow column, was exceeded.
    LimitExceeded,
    /// The database, table or column does not exist, or is not visible to this login.
    NotFound,
    /// The login is known but may not do this.
    PermissionDenied,
    /// Too many requests or too little of the resources paid for.
    Throttled,
    /// The time set for it was over.
    Timeout,
    /// The login was refused.
    Unauthenticated,
    /// The server is starting, paused or moving.
    Unavailable,
    /// Neither the statement's shape nor the column's type has a counterpart here.
    Unsupported,
}

/// What was being done when an [`Error`] occurred.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Operation {
    /// Checking options before anything is sent.
    Configure,
    /// Opening the connection, including TLS.
    Connect,
    /// Logging in.
    Login,
    /// Running a statement and reading its result.
    Query,
    /// Asking the credential for an access token.
    Token,
}

#[derive(Debug)]
struct Facts {
    kind: ErrorKind,
    operation: Operation,
    detail: Cow<'static, str>,
    server: Option<ServerAddress>,
    database: Option<String>,
    column: Option<String>,
    rows_received: Option<u64>,
    messages: Vec<ServerMessage>,
    hint: Option<Cow<'static, str>>,
    transient: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        operation: Operation,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        let transient = matches!(
            kind,
            ErrorKind::Connect
                | ErrorKind::Conflict
                | ErrorKind::Throttled
                | ErrorKind::Timeout
                | ErrorKind::Unavailable
        );
        Self(Box::new(Facts {
            kind,
            operation,
            detail: detail.into(),
            server: None,
            database: None,
            column: None,
            rows_received: None,
            messages: Vec::new(),
            hint: None,
            transient,
            source: None,
        }))
    }

    /// The error for what a server answered; `messages` holds at least one error.
    pub(crate) fn from_server(operation: Operation, messages: Vec<ServerMessage>) -> Self {
        // The first error is the cause, what follows it are consequences
        // ("statement could not be prepared"); information comes first or last.
        let cause = messages.iter().find(|message| message.class > 10).or(messages.first());
        let mut error = match cause {
            None => Self::new(
                ErrorKind::InvalidResponse,
                operation,
                "the server reported an error without saying which",
            ),
            Some(cause) => {
                let known = known::lookup(cause);
                let mut error = Self::new(known.kind, operation, cause.to_string());
                error.0.transient = known.transient;
                error.0.hint = known.hint.map(Cow::Borrowed);
                error
            }
        };
        error.0.messages = messages;
        error
    }

    pub(crate) fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_column(mut self, column: &str) -> Self {
        self.0.column = Some(column.to_owned());
        self
    }

    pub(crate) fn with_rows_received(mut self, rows: u64) -> Self {
        self.0.rows_received = Some(rows);
        self
    }

    /// Trying again changes nothing, whatever the kind says.
    pub(crate) fn permanent(mut self) -> Self {
        self.0.transient = false;
        self
    }

    /// Names the place, unless a place nearer to the cause is named already.
    pub(crate) fn at(mut self, server: &ServerAddress, database: &str) -> Self {
        self.0.server.get_or_insert_with(|| server.clone());
        self.0.database.get_or_insert_with(|| database.to_owned());
        self
    }

    /// The sort of the error, to branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The server it was done to; after a redirect, the one redirected to.
    pub fn server(&self) -> Option<&ServerAddress> {
        self.0.server.as_ref()
    }

    /// The database named at login.
    pub fn database(&self) -> Option<&str> {
        self.0.database.as_deref()
    }

    /// The result column concerned.
    pub fn column(&self) -> Option<&str> {
        self.0.column.as_deref()
    }

    /// How many rows of the result had arrived before it broke.
    pub fn rows_received(&self) -> Option<u64> {
        self.0.rows_received
    }

    /// Everything the server said about it, in order.
    pub fn server_messages(&self) -> &[ServerMessage] {
        &self.0.messages
    }

    /// The number of the server's error, as in `sys.messages`.
    pub fn server_number(&self) -> Option<u32> {
        self.0.messages.iter().find(|message| message.class > 10).map(|message| message.number)
    }

    /// What to try next, for a person who meets this for the first time.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Whether the same call could succeed later.
    ///
    /// A result cannot be resumed: repeating means to run the whole statement again.
    pub fn is_transient(&self) -> bool {
        self.0.transient
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.operation {
            Operation::Configure => "cannot set up the SQL client",
            Operation::Connect => "cannot connect",
            Operation::Login => "cannot log in",
            Operation::Query => "cannot run the query",
            Operation::Token => "cannot get an access token",
        })?;
        if let Some(server) = &self.0.server {
            f.write_str(match self.0.operation {
                Operation::Configure | Operation::Token => " for",
                Operation::Connect | Operation::Login => " to",
                Operation::Query => " on",
            })?;
            write!(f, " `{server}`")?;
            if let Some(database) = &self.0.database {
                write!(f, ", database `{database}`")?;
            }
        }
        write!(f, ": {}", self.0.detail)?;
        if let Some(column) = &self.0.column {
            write!(f, " in column `{column}`")?;
        }
        match self.0.rows_received {
            None => Ok(()),
            Some(1) => f.write_str(" after 1 row"),
            Some(rows) => write!(f, " after {rows} rows"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
