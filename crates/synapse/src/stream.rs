//! The consumer's end of a running query.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
};
use futures::Stream;
use tokio::sync::mpsc;

use crate::{
    error::{Error, ErrorKind, Operation, Result},
    message::ServerMessage,
};

/// How many informational messages are kept; the rest is dropped.
const MAX_MESSAGES: usize = 1_000;

/// What the thread that reads a result hands over.
pub(crate) enum Event {
    /// The result's shape; before the first batch.
    Schema(SchemaRef),
    /// Rows.
    Batch(RecordBatch),
    /// An informational message.
    Message(ServerMessage),
    /// The final word of the server; nothing follows.
    Done { rows_affected: Option<u64> },
    /// The query failed; nothing follows.
    Failed(Error),
}

/// Stops the thread behind a stream when the stream goes away.
pub(crate) trait Cancel: Send + Sync {
    /// Makes the thread end soon, wherever it is.
    fn cancel(&self);
}

/// The batches of one result, in order.
///
/// Ends without an error only after the server's final word; a connection that breaks before it
/// is an error, however many batches came. After an error the stream is over.
///
/// # Cancel safety
/// Awaiting the next batch may be dropped and repeated. Dropping the stream closes the connection
/// and ends the thread behind it.
pub struct RecordBatchStream {
    schema: SchemaRef,
    events: mpsc::Receiver<Event>,
    messages: Vec<ServerMessage>,
    rows_affected: Option<u64>,
    finished: bool,
    guard: Guard,
}

/// Cancels on drop, so that a future dropped before the stream exists cancels too.
pub(crate) struct Guard(Option<Arc<dyn Cancel>>);

impl Guard {
    pub(crate) fn new(cancel: Arc<dyn Cancel>) -> Self {
        Self(Some(cancel))
    }

    /// Nothing is left to cancel.
    fn release(&mut self) {
        self.0 = None;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

impl RecordBatchStream {
    /// Waits until the shape of the result is known, or the query is done without one.
    pub(crate) async fn start(mut events: mpsc::Receiver<Event>, mut guard: Guard) -> Result<Self> {
        let mut messages = Vec::new();
        loop {
            let (schema, finished, rows_affected) = match events.recv().await {
                Some(Event::Message(message)) => {
                    keep(&mut messages, message);
                    continue;
                }
                Some(Event::Schema(schema)) => (schema, false, None),
                Some(Event::Done { rows_affected }) => {
                    guard.release();
                    (Arc::new(Schema::empty()), true, rows_affected)
                }
                Some(Event::Failed(error)) => return Err(error),
                Some(Event::Batch(_)) | None => return Err(reader_is_gone()),
            };
            return Ok(Self { schema, events, messages, rows_affected, finished, guard });
        }
    }

    /// The columns of every batch, in the order of the result.
    ///
    /// Duplicate names are kept; a column without a name is called `column_N`, N counting from 1.
    /// Without columns if the statement returns no rows.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// How many rows the batch's statements inserted, changed or deleted in total; known once the
    /// stream has ended, and `None` if the server counted none.
    pub fn rows_affected(&self) -> Option<u64> {
        self.rows_affected
    }

    /// The informational messages that came so far (`PRINT`, warnings), up to 1,000 of them.
    pub fn messages(&self) -> &[ServerMessage] {
        &self.messages
    }
}

impl Stream for RecordBatchStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.finished {
            let event = match this.events.poll_recv(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(event) => event,
            };
            match event {
                Some(Event::Batch(batch)) => return Poll::Ready(Some(Ok(batch))),
                Some(Event::Message(message)) => keep(&mut this.messages, message),
                Some(Event::Done { rows_affected }) => {
                    this.finished = true;
                    this.rows_affected = rows_affected;
                    this.guard.release();
                }
                Some(Event::Failed(error)) => {
                    this.finished = true;
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Event::Schema(_)) | None => {
                    this.finished = true;
                    return Poll::Ready(Some(Err(reader_is_gone())));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl fmt::Debug for RecordBatchStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatchStream")
            .field("schema", &self.schema)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

fn keep(messages: &mut Vec<ServerMessage>, message: ServerMessage) {
    if messages.len() < MAX_MESSAGES {
        messages.push(message);
    }
}

/// A reader always ends with `Done` or `Failed`; without either it has panicked.
fn reader_is_gone() -> Error {
    Error::new(ErrorKind::Connect, Operation::Query, "the thread that reads the result has ended")
        .with_hint("this is a defect of azconnect-synapse: please report it with the query's types")
}
