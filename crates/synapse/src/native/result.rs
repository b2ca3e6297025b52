//! Running a statement: its reply becomes batches.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema, SchemaRef},
};
use tokio::sync::mpsc;

use super::{
    channel::{Channel, ReceiveError},
    cursor::Fault,
    metadata::Column,
    packet::PacketType,
    session::{self, Session},
    tile::{ScanEnd, Tile},
    token::{Done, Token},
};
use crate::{
    decode::{self, Decoder, ValueFault},
    error::{Error, ErrorKind, Operation},
    message::ServerMessage,
    options::QueryOptions,
    stream::Event,
};

/// Rows for which columns allocate in advance; larger batches grow.
const MAX_EXPECTED_ROWS: usize = 65_536;
/// How many errors of one reply are kept.
const MAX_ERRORS: usize = 100;

/// Why reading stopped early.
pub(super) enum Stop {
    /// Nobody wants the rows any more.
    Dropped,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Sends `sql` and hands over what comes back; returns the rows changed.
pub(super) fn run(
    session: &mut Session,
    sql: &str,
    options: &QueryOptions,
    events: &mpsc::Sender<Event>,
) -> Result<Option<u64>, Stop> {
    session
        .channel
        .send(PacketType::SqlBatch, &sql_batch(sql))
        .map_err(|error| session::interrupted(Operation::Query, ReceiveError::Io(error)))?;
    Reply {
        session,
        options,
        events,
        rows: None,
        rows_received: 0,
        rows_affected: None,
        errors: Vec::new(),
    }
    .read()
}

/// The message of a SQL batch: a header that says "no transaction", then UTF-16 text.
///
/// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/f2026cd3-9a46-4a3f-9a08-f63140bcbbe3>
fn sql_batch(sql: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(22 + sql.len() * 2);
    message.extend_from_slice(&22_u32.to_le_bytes()); // all headers
    message.extend_from_slice(&18_u32.to_le_bytes()); // this header
    message.extend_from_slice(&2_u16.to_le_bytes()); // transaction descriptor
    message.extend_from_slice(&0_u64.to_le_bytes()); // no transaction
    message.extend_from_slice(&1_u32.to_le_bytes()); // one request at a time
    message.extend(sql.encode_utf16().flat_map(u16::to_le_bytes));
    message
}

/// A reply being read.
struct Reply<'a> {
    session: &'a mut Session,
    options: &'a QueryOptions,
    events: &'a mpsc::Sender<Event>,
    /// The result set, once its columns are known.
    rows: Option<Rows>,
    rows_received: u64,
    rows_affected: Option<u64>,
    errors: Vec<ServerMessage>,
}

impl Reply<'_> {
    fn read(mut self) -> Result<Option<u64>, Stop> {
        for message in std::mem::take(&mut self.session.messages) {
            self.send(Event::Message(message))?;
        }
        loop {
            let token = match session::next_token(&mut self.session.channel, Operation::Query) {
                Ok(token) => token,
                Err(error) => return Err(self.failed(error)),
            };
            match token {
                Token::Row => self.read_rows()?,
                Token::Columns(Some(columns)) => self.start_rows(&columns)?,
                Token::Info(message) => self.send(Event::Message(message))?,
                Token::Error(message) => self.keep_error(message),
                Token::Done(done) => {
                    let over = self.finish_statement(done)?;
                    if over {
                        return Ok(self.rows_affected);
                    }
                }
                _ => {}
            }
        }
    }

    fn keep_error(&mut self, message: ServerMessage) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(message);
        }
    }

    /// Returns whether all is done.
    fn finish_statement(&mut self, done: Done) -> Result<bool, Stop> {
        if !self.errors.is_empty() || done.failed {
            let errors = std::mem::take(&mut self.errors);
            return Err(self.with_rows(Error::from_server(Operation::Query, errors)).into());
        }
        match &mut self.rows {
            Some(rows) if rows.open => rows.open = false,
            _ => {
                if let Some(count) = done.row_count {
                    *self.rows_affected.get_or_insert(0) += count;
                }
            }
        }
        if !done.last {
            return Ok(false);
        }
        if let Some(rows) = &mut self.rows
            && let Some(batch) = rows.batch.finish()?
        {
            self.send(Event::Batch(batch))?;
        }
        Ok(true)
    }

    fn start_rows(&mut self, columns: &[Column]) -> Result<(), Stop> {
        if self.rows.is_some() {
            let detail = "the statement returns a second result, and one stream has one shape";
            let error = Error::new(ErrorKind::Unsupported, Operation::Query, detail)
                .with_hint("run statements that return rows one by one");
            return Err(self.with_rows(error).into());
        }
        let rows = Rows::new(columns, self.options)?;
        self.send(Event::Schema(Arc::clone(&rows.batch.schema)))?;
        self.rows = Some(rows);
        Ok(())
    }

    /// Reads rows until some other token comes.
    fn read_rows(&mut self) -> Result<(), Stop> {
        loop {
            let Some(rows) = self.rows.as_mut().filter(|rows| rows.open) else {
                let detail = "the server sent a row before its columns";
                return Err(Error::new(ErrorKind::InvalidResponse, Operation::Query, detail).into());
            };
            let channel = &mut self.session.channel;
            let wanted = self.options.batch_rows - rows.batch.rows;
            let scan = match rows.tile.scan(channel.pending_mut(), wanted) {
                Ok(scan) => scan,
                Err(Fault::Invalid(detail)) => {
                    let error = Error::new(ErrorKind::InvalidResponse, Operation::Query, detail);
                    return Err(self.failed(error));
                }
                // A scan turns it into `NeedsMore`.
                Err(Fault::Short) => continue,
            };
            let found = rows.tile.rows();
            if found > 0 {
                if let Err(error) = rows.batch.append(&rows.tile, channel.pending()) {
                    return Err(self.failed(error));
                }
                channel.consume(scan.length);
                self.rows_received += found as u64;
                let full = rows.batch.rows >= self.options.batch_rows
                    || rows.batch.byte_size() >= self.options.max_batch_bytes;
                if full && let Some(batch) = rows.batch.finish()? {
                    self.send(Event::Batch(batch))?;
                }
            }
            match scan.end {
                ScanEnd::Full => {}
                ScanEnd::OtherToken => return Ok(()),
                ScanEnd::NeedsMore => {
                    if let Err(error) = wait_for_row(&mut self.session.channel) {
                        return Err(self.failed(session::interrupted(Operation::Query, error)));
                    }
                }
            }
        }
    }

    /// The error for a reply that broke off: what the server said before, if it said why.
    fn failed(&mut self, error: Error) -> Stop {
        let error = match std::mem::take(&mut self.errors) {
            errors if errors.is_empty() => error,
            errors => Error::from_server(Operation::Query, errors).with_source(error),
        };
        Stop::Failed(self.with_rows(error))
    }

    fn with_rows(&self, error: Error) -> Error {
        if self.rows.is_some() { error.with_rows_received(self.rows_received) } else { error }
    }

    fn send(&self, event: Event) -> Result<(), Stop> {
        self.events.blocking_send(event).map_err(|_| Stop::Dropped)
    }
}

/// Waits until it is worth looking for a row again.
///
/// A large row is looked at again only when an eighth more of it is here, as each look begins at
/// the row's start.
fn wait_for_row(channel: &mut Channel) -> Result<(), ReceiveError> {
    const LARGE: usize = 1 << 20;

    let before = channel.pending().len();
    let enough = before + if before < LARGE { 1 } else { before / 8 };
    loop {
        channel.receive()?;
        if channel.pending().len() >= enough || channel.ended() {
            return Ok(());
        }
    }
}

/// A result set.
struct Rows {
    tile: Tile,
    batch: Batch,
    /// Its statement is not done yet.
    open: bool,
}

impl Rows {
    fn new(columns: &[Column], options: &QueryOptions) -> Result<Self, Error> {
        let tile = Tile::new(columns.iter().map(|column| column.layout).collect());
        Ok(Self { tile, batch: Batch::new(columns, options)?, open: true })
    }
}

/// The batch being built.
struct Batch {
    schema: SchemaRef,
    decoders: Vec<Box<dyn Decoder>>,
    rows: usize,
}

impl Batch {
    fn new(columns: &[Column], options: &QueryOptions) -> Result<Self, Error> {
        let expected_rows = options.batch_rows.min(MAX_EXPECTED_ROWS);
        let mut fields = Vec::with_capacity(columns.len());
        let mut decoders = Vec::with_capacity(columns.len());
        for column in columns {
            let (data_type, decoder) =
                decode::decoder(column, options, expected_rows).map_err(|what| {
                    let detail = format!("no Arrow type for {what}");
                    Error::new(ErrorKind::Unsupported, Operation::Query, detail)
                        .with_column(&column.name)
                        .with_hint(
                            "convert the column in the query, as in `CAST(c AS nvarchar(4000))`",
                        )
                })?;
            fields.push(Field::new(&column.name, data_type, column.nullable));
            decoders.push(decoder);
        }
        Ok(Self { schema: Arc::new(Schema::new(fields)), decoders, rows: 0 })
    }

    fn append(&mut self, tile: &Tile, data: &[u8]) -> Result<(), Error> {
        for (index, decoder) in self.decoders.iter_mut().enumerate() {
            decoder
                .append(tile.values(index, data))
                .map_err(|fault| value_error(fault, self.schema.field(index).name()))?;
        }
        self.rows += tile.rows();
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.decoders.iter().map(|decoder| decoder.byte_size()).sum()
    }

    /// Takes the rows appended so far, unless there are none.
    fn finish(&mut self) -> Result<Option<RecordBatch>, Error> {
        if self.rows == 0 {
            return Ok(None);
        }
        self.rows = 0;
        let mut arrays = Vec::<ArrayRef>::with_capacity(self.decoders.len());
        for (index, decoder) in self.decoders.iter_mut().enumerate() {
            let array = decoder
                .finish()
                .map_err(|fault| value_error(fault, self.schema.field(index).name()))?;
            arrays.push(array);
        }
        RecordBatch::try_new(Arc::clone(&self.schema), arrays).map(Some).map_err(|error| {
            let detail = "the rows do not fit the columns announced";
            Error::new(ErrorKind::InvalidResponse, Operation::Query, detail).with_source(error)
        })
    }
}

fn value_error(fault: ValueFault, column: &str) -> Error {
    match fault {
        ValueFault::Invalid(detail) => {
            Error::new(ErrorKind::InvalidResponse, Operation::Query, detail)
        }
        ValueFault::OutOfRange(detail) => {
            Error::new(ErrorKind::InvalidInput, Operation::Query, detail)
                .with_hint("read timestamps as microseconds")
        }
        ValueFault::TooLarge => {
            let detail = "one batch has more than 2 GiB of text or bytes";
            Error::new(ErrorKind::LimitExceeded, Operation::Query, detail)
                .with_hint("lower the bytes or rows of a batch")
        }
    }
    .with_column(column)
}
