//! Exports: the result of a query becomes one Parquet file in the lake.
//!
//! ```text
//! server ─TDS→ decode thread ─batches→ encode thread ─blocks→ uploads ─block list→ the file
//! ```
//!
//! The first stage is the SQL client's, the others are the lake's. They run beside each other,
//! joined by bounded channels, and whoever is ahead waits. Only the last request makes the file
//! visible, so that a failure anywhere before it leaves the lake as it was.

use std::{fmt, time::Instant};

use azconnect_lake::{LakeClient, LakePath, ParquetUpload, ParquetWriteOptions, UploadOptions};
use azconnect_synapse::{QueryOptions, RecordBatchStream, SynapseClient};
use futures::StreamExt;

use crate::{
    error::{Error, ErrorKind, Result, Stage},
    progress::{Counter, ExportProgress, ProgressCallback},
    report::{ExportOutcome, ExportReport},
    target::{IfExists, Publication, Target},
};

/// One export, ready to run.
///
/// # Memory
/// At any time an export holds at most
/// - seven batches of the result: one being decoded and two finished ones in the SQL client, one
///   on its way, two that wait for the encoder, and the one it works on; [`QueryOptions`] bounds
///   each in rows and bytes,
/// - one row group, encoded ([`ParquetWriteOptions::with_row_group_bytes`]), and of each of its
///   columns a page and, where values repeat, a dictionary of a mebibyte at most,
/// - the blocks of the upload: `block_bytes` times three more than `concurrency`
///   ([`UploadOptions`]).
///
/// With the defaults that is 16 MiB of row group and 14 MiB of blocks, beside dictionaries, and
/// batches that are small unless rows are wide: some 75 MB for the whole program and the 16
/// columns of TPC-H `lineitem`. None of it grows with the size of the result, up to the 19 GiB of
/// Parquet beyond which blocks begin to double, because a file has at most 50,000 of them.
pub struct Export {
    source: SynapseClient,
    sql: String,
    query: QueryOptions,
    target: Target,
    progress: Option<Box<ProgressCallback>>,
}

/// Sets up an [`Export`].
pub struct ExportBuilder {
    source: SynapseClient,
    sql: String,
    lake: LakeClient,
    path: LakePath,
    query: QueryOptions,
    parquet: ParquetWriteOptions,
    upload: UploadOptions,
    if_exists: IfExists,
    progress: Option<Box<ProgressCallback>>,
}

impl Export {
    /// Starts from what every export needs: the server, the statement, the lake, and the path of
    /// the file.
    ///
    /// `sql`: one statement that returns rows;
    /// [`TableName::select_all`](crate::TableName::select_all) makes one for a whole table.
    pub fn builder(
        source: SynapseClient,
        sql: impl Into<String>,
        lake: LakeClient,
        path: LakePath,
    ) -> ExportBuilder {
        ExportBuilder {
            source,
            sql: sql.into(),
            lake,
            path,
            query: QueryOptions::default().with_batch_rows(BATCH_ROWS),
            parquet: ParquetWriteOptions::default().with_row_group_bytes(ROW_GROUP_BYTES),
            upload: UploadOptions::default().with_block_bytes(BLOCK_BYTES),
            if_exists: IfExists::default(),
            progress: None,
        }
    }

    /// Runs the export and publishes the file.
    ///
    /// An empty result makes a file with the schema and no rows.
    ///
    /// # Errors
    /// - `AlreadyExists`: the file exists and [`IfExists::Fail`] holds.
    /// - `Unsupported`: the statement returns no columns.
    /// - Every kind of the SQL client and of the lake; their own errors are the source. No file
    ///   was published, except that `Connect` and `Timeout` at [`Stage::Publish`] leave it open.
    ///
    /// # Cancel safety
    /// Dropping the future stops the query and the upload and publishes nothing, unless the last
    /// request was under way: then the whole file may appear. Blocks that had been sent stay
    /// invisible and are removed by the service after a week.
    pub async fn run(self) -> Result<ExportReport> {
        let Self { source, sql, query, target, progress } = self;
        let started = Instant::now();
        if !target.is_wanted().await? {
            return Ok(ExportReport::skipped(started.elapsed()));
        }
        let result = source.query_opts(&sql, query).await;
        let result = result.map_err(|error| Error::read(target.name(), error))?;
        if result.schema().fields().is_empty() {
            return Err(no_columns(&target));
        }
        let counter = Counter::new(progress);
        let mut upload = target.begin(result.schema(), &counter)?;
        copy(result, &mut upload, &target, &counter).await?;
        let Publication::Done(published) = target.publish(upload).await? else {
            return Ok(ExportReport::skipped(started.elapsed()));
        };
        tracing::info!(
            target_file = target.name(),
            rows = published.rows,
            bytes = published.bytes,
            "exported"
        );
        Ok(ExportReport {
            outcome: ExportOutcome::Exported,
            rows: published.rows,
            batches: counter.now().batches,
            row_groups: published.row_groups as u64,
            bytes: published.bytes,
            etag: Some(published.etag.to_string()),
            elapsed: started.elapsed(),
        })
    }
}

impl ExportBuilder {
    /// How the result is read: rows and bytes of a batch, forms of some types. Default: that of
    /// the SQL client, with batches of at most 4,096 rows.
    #[must_use]
    pub fn with_query_options(mut self, options: QueryOptions) -> Self {
        self.query = options;
        self
    }

    /// How the file is written: compression, size of a row group. Default: that of the lake, with
    /// row groups of at most 16 MiB, which are this job's largest buffer.
    ///
    /// The upload options in it are replaced by those of
    /// [`with_upload_options`](Self::with_upload_options).
    #[must_use]
    pub fn with_parquet_options(mut self, options: ParquetWriteOptions) -> Self {
        self.parquet = options;
        self
    }

    /// How the file is sent: size of a block, requests at a time. Default: four of 2 MiB, which
    /// carry more than one encoder makes.
    ///
    /// The condition in it is replaced by the one that follows from
    /// [`with_if_exists`](Self::with_if_exists), the content type by Parquet's, and the progress
    /// hook by that of [`with_progress`](Self::with_progress).
    #[must_use]
    pub fn with_upload_options(mut self, options: UploadOptions) -> Self {
        self.upload = options;
        self
    }

    /// What to do if the file exists. Default: fail.
    #[must_use]
    pub fn with_if_exists(mut self, if_exists: IfExists) -> Self {
        self.if_exists = if_exists;
        self
    }

    /// Called with what has been done so far, after each batch that was read and each block that
    /// was sent, from the tasks that do it. It must return quickly.
    #[must_use]
    pub fn with_progress(
        mut self,
        callback: impl Fn(ExportProgress) + Send + Sync + 'static,
    ) -> Self {
        self.progress = Some(Box::new(callback));
        self
    }

    /// Checks the options. Nothing is sent yet.
    ///
    /// # Errors
    /// - `InvalidInput`: the statement is empty, or the path is that of a filesystem.
    pub fn build(self) -> Result<Export> {
        if self.sql.trim().is_empty() {
            return Err(Error::invalid_input("the statement to export is empty"));
        }
        if self.path.is_root() {
            return Err(Error::invalid_input(format!("`{}` names no file", self.path))
                .with_hint("add a file name, such as `orders.parquet`"));
        }
        let target = Target::new(self.lake, self.path, self.if_exists, self.parquet, self.upload);
        Ok(Export {
            source: self.source,
            sql: self.sql,
            query: self.query,
            target,
            progress: self.progress,
        })
    }
}

/// Hands every batch on. Returns an error, and never early, if the result has no end.
async fn copy(
    mut result: RecordBatchStream,
    upload: &mut ParquetUpload,
    target: &Target,
    counter: &Counter,
) -> Result<()> {
    while let Some(batch) = result.next().await {
        let batch = batch.map_err(|error| Error::read(target.name(), error))?;
        counter.add_batch(batch.num_rows());
        let written = upload.write(batch).await;
        written.map_err(|error| Error::lake(Stage::Upload, target.name(), error))?;
    }
    Ok(())
}

fn no_columns(target: &Target) -> Error {
    let message = format!("cannot export to {}: the statement returns no columns", target.name());
    Error::new(ErrorKind::Unsupported, Stage::Read, message)
        .with_hint("export a SELECT; run statements that change data by `azconnect sql query`")
}

impl fmt::Debug for Export {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Export")
            .field("source", &self.source)
            .field("target", &self.target.name())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ExportBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExportBuilder")
            .field("source", &self.source)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Seven batches are under way at a time; smaller ones cost no time, and larger ones save none.
const BATCH_ROWS: usize = 4096;
/// Large enough for readers that work by row group, small enough for small containers.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// At 20 ms and 60 MB/s a connection, four of them carry 150 MB/s.
const BLOCK_BYTES: usize = 2 << 20;
