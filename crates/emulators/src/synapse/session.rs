//! A session after its login: takes requests, one at a time, until the client goes.

use std::{collections::HashMap, io, sync::Arc};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    connection::Server,
    cursor::ProtocolError,
    packet::{Message, MessageReader, MessageWriter, kind},
    params::TypedValue,
    rpc::{self, Call, TransactionRequest},
    sql_error::SqlError,
    token::{self, Done, DoneKind, EnvChange},
    tsql::{Globals, SetOption},
};

/// A logged-in connection.
pub(super) struct Session<R, W> {
    pub(super) server: Arc<Server>,
    pub(super) writer: MessageWriter<W>,
    pub(super) globals: Globals,
    pub(super) options: Options,
    pub(super) prepared: HashMap<i32, Prepared>,
    pub(super) last_handle: i32,
    reader: MessageReader<R>,
    transaction: Option<u64>,
    last_transaction: u64,
    /// The fault under way: after how many bytes of a result to end the connection.
    cut: Option<u64>,
}

/// What SET has set.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) no_count: bool,
    pub(super) format_only: bool,
    /// 0: all rows.
    pub(super) row_count: u64,
}

/// A statement that was prepared, and the names and types of its parameters.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) statement: String,
    pub(super) declarations: String,
}

/// Why a request came to an early end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client has cancelled it.
    Cancelled,
    /// It was wrong, or failed; the client is to be told.
    Failed(SqlError),
    /// The connection is of no use any more.
    Lost(io::Error),
}

pub(super) type Outcome<T> = Result<T, Stop>;

impl Stop {
    /// Says in which line of the batch it was.
    pub(super) fn at_line(self, line: u32) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(error.at_line(line)),
            other => other,
        }
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    pub(super) fn new(
        server: Arc<Server>,
        reader: MessageReader<R>,
        writer: MessageWriter<W>,
        globals: Globals,
    ) -> Self {
        Self {
            server,
            writer,
            globals,
            options: Options::default(),
            prepared: HashMap::new(),
            last_handle: 0,
            reader,
            transaction: None,
            last_transaction: 0,
            cut: None,
        }
    }

    /// Answers requests until the client closes the connection.
    pub(super) async fn run(mut self) -> io::Result<()> {
        while let Some(Message { kind, payload }) = self.reader.next().await? {
            match self.answer(kind, &payload).await {
                Ok(()) => {}
                Err(Stop::Failed(error)) => {
                    tracing::debug!(session = self.globals.session, %error, "a request failed");
                    self.put_error(&error);
                    Done::failed(DoneKind::Statement).write(self.writer.payload());
                }
                // What was sent of the result is complete up to its last row.
                Err(Stop::Cancelled) => token::done_attention(self.writer.payload()),
                Err(Stop::Lost(error)) => return Err(error),
            }
            self.writer.finish().await?;
            self.end_cut();
        }
        Ok(())
    }

    async fn answer(&mut self, kind: u8, payload: &[u8]) -> Outcome<()> {
        match kind {
            kind::SQL_BATCH => {
                let batch = rpc::parse_batch(payload)?;
                tracing::debug!(session = self.globals.session, batch, "batch");
                self.batch(&batch, &HashMap::new(), DoneKind::Statement).await
            }
            kind::RPC => {
                let calls = Call::parse_all(payload)?;
                let count = calls.len();
                for (position, call) in calls.into_iter().enumerate() {
                    self.call(call, position + 1 < count).await?;
                }
                Ok(())
            }
            kind::TRANSACTION_MANAGER => {
                let request = TransactionRequest::parse(payload)?
                    .ok_or_else(|| SqlError::unsupported("DISTRIBUTED TRANSACTION"))?;
                self.transaction(request)?;
                Done::new(DoneKind::Statement).write(self.writer.payload());
                Ok(())
            }
            kind::ATTENTION => Err(Stop::Cancelled),
            _ => Err(ProtocolError("a request of this kind is not supported").into()),
        }
    }

    /// Waits for `future`, or for the client to cancel it or to go away.
    pub(super) async fn unless_cancelled<T>(
        &mut self,
        future: impl Future<Output = T>,
    ) -> Outcome<T> {
        tokio::select! {
            biased;
            message = self.reader.next() => match message {
                Ok(Some(Message { kind: kind::ATTENTION, .. })) => Err(Stop::Cancelled),
                Ok(Some(_)) => Err(ProtocolError("a request comes while another one runs").into()),
                Ok(None) => Err(Stop::Lost(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => Err(Stop::Lost(error)),
            },
            value = future => Ok(value),
        }
    }

    pub(super) fn put_error(&mut self, error: &SqlError) {
        token::error(self.writer.payload(), self.server.name(), error);
    }

    pub(super) fn set(&mut self, option: SetOption) {
        match option {
            SetOption::FormatOnly(on) => self.options.format_only = on,
            SetOption::NoCount(on) => self.options.no_count = on,
            SetOption::RowCount(rows) => self.options.row_count = rows,
        }
    }

    /// Begins or ends a transaction. There is nothing to commit, but clients count on the tokens.
    pub(super) fn transaction(&mut self, request: TransactionRequest) -> Result<(), SqlError> {
        let begin = match request {
            TransactionRequest::Begin => true,
            TransactionRequest::Commit { begin } => {
                let ended = self.end_transaction("COMMIT", 3902)?;
                EnvChange::CommitTransaction(ended).write(self.writer.payload());
                begin
            }
            TransactionRequest::Rollback { begin } => {
                let ended = self.end_transaction("ROLLBACK", 3903)?;
                EnvChange::RollbackTransaction(ended).write(self.writer.payload());
                begin
            }
        };
        if begin {
            if self.transaction.is_some() {
                return Err(SqlError::unsupported("nested transactions"));
            }
            self.last_transaction += 1;
            self.transaction = Some(self.last_transaction);
            EnvChange::BeginTransaction(self.last_transaction).write(self.writer.payload());
        }
        self.globals.transactions = i32::from(self.transaction.is_some());
        Ok(())
    }

    fn end_transaction(&mut self, what: &str, number: i32) -> Result<u64, SqlError> {
        self.transaction.take().ok_or_else(|| {
            let message =
                format!("The {what} TRANSACTION request has no corresponding BEGIN TRANSACTION.");
            SqlError::new(number, message)
        })
    }

    /// Begins the fault that was asked for, if one was: the result about to be sent is cut.
    pub(super) fn begin_cut(&mut self) {
        if self.cut.is_none() {
            self.cut = self.server.state.faults.take_synapse_cut();
            self.writer.cut_after(self.cut);
        }
    }

    /// Leaves the fault for another result if this one was too short for it.
    fn end_cut(&mut self) {
        if let Some(bytes) = self.cut.take() {
            self.server.state.faults.cut_synapse_result(Some(bytes));
            self.writer.cut_after(None);
        }
    }
}

/// Variables by name in lower case.
pub(super) type Variables = HashMap<String, TypedValue>;

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        Self::Failed(error)
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::Lost(error.into())
    }
}
