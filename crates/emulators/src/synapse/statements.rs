//! Runs the statements of a batch, and sends the rows of those that have some.

use std::collections::VecDeque;

use datafusion::{
    arrow::array::RecordBatch, error::DataFusionError, execution::SendableRecordBatchStream,
    sql::sqlparser::ast::Query,
};
use futures::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    encode::BatchEncoder,
    engine::Plan,
    metadata::col_metadata,
    procedures,
    rpc::TransactionRequest,
    session::{Outcome, Session, Variables},
    sql_error::SqlError,
    token::{Done, DoneKind, EnvChange},
    tsql::{self, Statement, StatementKind},
};

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Session<R, W> {
    /// Runs all statements of `batch`, up to the first that fails.
    ///
    /// `done`: how the end of each statement is told; within a procedure more always follows.
    pub(super) async fn batch(
        &mut self,
        batch: &str,
        variables: &Variables,
        done: DoneKind,
    ) -> Outcome<()> {
        let mut waiting: VecDeque<Statement> = tsql::parse(batch)?.into();
        if waiting.is_empty() && done == DoneKind::Statement {
            Done::new(done).write(self.writer.payload());
        }
        while let Some(Statement { line, kind }) = waiting.pop_front() {
            if let StatementKind::If { condition, then, otherwise } = kind {
                let branch =
                    if self.is_true(*condition, variables).await? { then } else { otherwise };
                for statement in branch.into_iter().rev() {
                    waiting.push_front(statement);
                }
                if waiting.is_empty() && done == DoneKind::Statement {
                    Done::new(done).write(self.writer.payload());
                }
                continue;
            }
            let more = done == DoneKind::InProcedure || !waiting.is_empty();
            self.statement(kind, variables, done, more).await.map_err(|stop| stop.at_line(line))?;
        }
        Ok(())
    }

    async fn statement(
        &mut self,
        kind: StatementKind,
        variables: &Variables,
        done: DoneKind,
        more: bool,
    ) -> Outcome<()> {
        match kind {
            StatementKind::Select(query) => {
                return self.select(*query, variables, done, more).await;
            }
            StatementKind::Execute { procedure, arguments } => {
                let call = procedures::call_of(&procedure, &arguments)?;
                return Box::pin(self.call(call, more)).await;
            }
            StatementKind::Begin => self.transaction(TransactionRequest::Begin)?,
            StatementKind::Commit => {
                self.transaction(TransactionRequest::Commit { begin: false })?
            }
            StatementKind::Rollback => {
                self.transaction(TransactionRequest::Rollback { begin: false })?;
            }
            StatementKind::Set(options) => options.into_iter().for_each(|one| self.set(one)),
            StatementKind::Use(database) => self.use_database(&database)?,
            StatementKind::If { .. } => {}
        }
        Done::new(done).with_more(more).write(self.writer.payload());
        Ok(())
    }

    fn use_database(&mut self, name: &str) -> Result<(), SqlError> {
        let current = &self.globals.database;
        if !name.eq_ignore_ascii_case(current) {
            let message = format!(
                "Database '{name}' does not exist. Make sure that the name is entered correctly."
            );
            return Err(SqlError::new(911, message));
        }
        EnvChange::Database { new: current, old: current }.write(self.writer.payload());
        Ok(())
    }

    async fn is_true(
        &mut self,
        condition: datafusion::sql::sqlparser::ast::Expr,
        variables: &Variables,
    ) -> Outcome<bool> {
        let plan = self.plan(tsql::one_row_if(condition), variables).await?;
        let mut rows = self.start(&plan).await?;
        while let Some(batch) = self.unless_cancelled(rows.next()).await? {
            if batch?.num_rows() > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn select(
        &mut self,
        query: Query,
        variables: &Variables,
        done: DoneKind,
        more: bool,
    ) -> Outcome<()> {
        let plan = self.plan(query, variables).await?;
        if self.options.format_only {
            col_metadata(&plan.columns, self.writer.payload());
            Done::selected(done, Some(0)).with_more(more).write(self.writer.payload());
            return Ok(());
        }
        let mut rows = self.start(&plan).await?;
        // The first batch is waited for, so that most errors come instead of a result.
        let mut next = self.unless_cancelled(rows.next()).await?.transpose()?;
        self.begin_cut();
        col_metadata(&plan.columns, self.writer.payload());
        let mut sent = 0;
        while let Some(batch) = next {
            sent += self.send(&plan, &batch, self.rows_left(sent)).await?;
            if self.rows_left(sent) == 0 {
                break;
            }
            next = self.unless_cancelled(rows.next()).await?.transpose()?;
        }
        self.globals.rows = sent;
        let counted = (!self.options.no_count).then_some(sent);
        Done::selected(done, counted).with_more(more).write(self.writer.payload());
        Ok(())
    }

    fn rows_left(&self, sent: u64) -> u64 {
        match self.options.row_count {
            0 => u64::MAX,
            most => most.saturating_sub(sent),
        }
    }

    /// Sends at most `most` rows of a batch, a few packets at a time; returns how many it were.
    async fn send(&mut self, plan: &Plan, batch: &RecordBatch, most: u64) -> Outcome<u64> {
        let mut encoder = BatchEncoder::new(&plan.columns, batch)?;
        let rows = encoder.rows().min(usize::try_from(most).unwrap_or(usize::MAX));
        for row in 0..rows {
            encoder.row(row, self.writer.payload())?;
            if self.writer.is_full() {
                self.writer.send_full_packets().await?;
            }
        }
        Ok(rows as u64)
    }

    pub(super) async fn plan(&mut self, query: Query, variables: &Variables) -> Outcome<Plan> {
        let server = std::sync::Arc::clone(&self.server);
        let globals = self.globals.clone();
        let plan = server.engine.plan(query, variables, &globals);
        Ok(self.unless_cancelled(plan).await??)
    }

    async fn start(&mut self, plan: &Plan) -> Outcome<Rows> {
        let server = std::sync::Arc::clone(&self.server);
        let stream = self.unless_cancelled(server.engine.run(plan)).await??;
        Ok(Rows::new(stream))
    }
}

/// The batches of a result, computed a little ahead of their sending.
#[derive(Debug)]
struct Rows {
    batches: mpsc::Receiver<Result<RecordBatch, DataFusionError>>,
    _task: AbortOnDropHandle<()>,
}

impl Rows {
    fn new(mut stream: SendableRecordBatchStream) -> Self {
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        let task = tokio::spawn(async move {
            while let Some(batch) = stream.next().await {
                let failed = batch.is_err();
                if sender.send(batch).await.is_err() || failed {
                    break;
                }
            }
        });
        Self { batches, _task: AbortOnDropHandle::new(task) }
    }

    /// Cancel safe.
    async fn next(&mut self) -> Option<Result<RecordBatch, SqlError>> {
        Some(self.batches.recv().await?.map_err(SqlError::from))
    }
}

/// How many batches of some thousand rows may wait to be sent.
const BATCHES_AHEAD: usize = 2;
