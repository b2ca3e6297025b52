//! Batches into a Parquet file in the lake: producing, encoding and uploading at the same time.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use futures::{Stream, StreamExt, pin_mut};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    encoder::{Encoded, Encoder, Work},
    options::ParquetWriteOptions,
    sink::BlockSink,
};
use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    upload::{BlockUpload, Published},
};

/// A Parquet file on its way into the lake.
///
/// Batches go to an encoder on a thread of its own, and full blocks from there to the upload, so
/// that the producer of batches, the encoder and the network work at the same time; whoever is
/// ahead waits. The file appears whole when [`finish`](Self::finish) returns, or not at all.
///
/// The first batch tells which columns are worth a dictionary: those whose values come back. The
/// others are written plainly, which costs them neither time nor memory for one.
///
/// In memory are at most 2 batches that wait, one row group being encoded, and the blocks of the
/// upload (its `concurrency` + 3).
#[derive(Debug)]
pub struct ParquetUpload {
    resource: String,
    batches: mpsc::Sender<Work>,
    /// Taken when they are waited for, which ends the upload either way.
    tasks: Option<Tasks>,
    rows: u64,
}

#[derive(Debug)]
struct Tasks {
    encoder: JoinHandle<Result<Encoded>>,
    uploader: Uploader,
}

/// What has become visible in the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParquetPublished {
    /// The state that the file is in now.
    pub etag: ETag,
    /// Its length.
    pub bytes: u64,
    /// Its rows.
    pub rows: u64,
    /// Its row groups.
    pub row_groups: usize,
}

impl LakeClient {
    /// Begins a Parquet file of `schema` at `path`.
    ///
    /// # Errors
    /// `InvalidInput`: `path` is the root of a filesystem, the options name no valid compression
    /// level, or Parquet has no type for a column of `schema`.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn parquet_upload(
        &self,
        path: &LakePath,
        schema: SchemaRef,
        options: ParquetWriteOptions,
    ) -> Result<ParquetUpload> {
        let resource = path.to_string();
        let properties = options.writer_properties(&resource)?;
        let upload = self.block_upload(path, options.upload)?;

        let (blocks, blocks_to_send) = mpsc::channel(BLOCKS_WAITING);
        let sink = BlockSink::new(upload.block_bytes(), blocks);
        let encoder = Encoder::new(sink, schema, properties, &resource)?;
        let (batches, batches_to_encode) = mpsc::channel(BATCHES_WAITING);
        let encoder = tokio::task::spawn_blocking(move || encoder.run(batches_to_encode));
        let uploader = Uploader(tokio::spawn(send(upload, blocks_to_send)));
        Ok(ParquetUpload { resource, batches, tasks: Some(Tasks { encoder, uploader }), rows: 0 })
    }

    /// Writes the batches of `stream`, all of `schema`, as a Parquet file at `path`.
    ///
    /// # Errors
    /// As [`parquet_upload`](Self::parquet_upload) and [`ParquetUpload::finish`], and `Source` if
    /// the stream fails; then nothing is published.
    ///
    /// # Cancel safety
    /// Dropping the future before the stream has ended publishes nothing; after that it leaves
    /// open whether the whole file appears.
    pub async fn write_parquet<E>(
        &self,
        path: &LakePath,
        schema: SchemaRef,
        stream: impl Stream<Item = Result<RecordBatch, E>>,
        options: ParquetWriteOptions,
    ) -> Result<ParquetPublished>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut upload = self.parquet_upload(path, schema, options)?;
        pin_mut!(stream);
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|source| {
                Error::new(ErrorKind::Source, WRITE, path.to_string())
                    .with_detail("the batches to write could not be had; nothing was published")
                    .with_source(source)
            })?;
            upload.write(batch).await?;
        }
        upload.finish().await
    }
}

impl ParquetUpload {
    /// Hands `batch` to the encoder. Waits while two batches are waiting there already.
    ///
    /// # Errors
    /// What the encoder or the upload failed of, with any batch so far: `InvalidInput` if a batch
    /// is not of the schema, or one of [`BlockUpload::write`]. After an error the upload can only
    /// be dropped.
    ///
    /// # Cancel safety
    /// Safe: a batch whose future was dropped before its end was not taken.
    pub async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows() as u64;
        if self.batches.send(Work::Batch(batch)).await.is_err() {
            return Err(self.failure().await);
        }
        self.rows += rows;
        Ok(())
    }

    /// How many rows have been given to [`write`](Self::write).
    pub fn rows_written(&self) -> u64 {
        self.rows
    }

    /// Encodes and sends the rest, and makes it the file in one step, under the condition of the
    /// options. A file without rows is a Parquet file with a schema.
    ///
    /// # Errors
    /// As [`write`](Self::write) and [`BlockUpload::finish`]; nothing is published then.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the whole file appears; never a part of it does.
    pub async fn finish(mut self) -> Result<ParquetPublished> {
        if self.batches.send(Work::Finish).await.is_err() {
            return Err(self.failure().await);
        }
        let Some(tasks) = self.tasks.take() else {
            return Err(self.gone());
        };
        let (encoded, upload) = tasks.end(&self.resource).await?;
        let Published { etag, bytes, .. } = upload.finish().await?;
        Ok(ParquetPublished { etag, bytes, rows: encoded.rows, row_groups: encoded.row_groups })
    }

    /// Ends the upload without publishing anything, as dropping it does.
    pub fn abort(self) {}

    /// Why the encoder takes no more batches.
    async fn failure(&mut self) -> Error {
        match self.tasks.take() {
            Some(tasks) => match tasks.end(&self.resource).await {
                Err(error) => error,
                Ok(_) => self.gone(),
            },
            None => self.gone(),
        }
    }

    fn gone(&self) -> Error {
        Error::invalid_input(
            WRITE,
            self.resource.as_str(),
            "an earlier write failed; nothing was published",
        )
    }
}

impl Tasks {
    /// Waits for the encoder, and for the upload to have taken all of its blocks.
    async fn end(mut self, resource: &str) -> Result<(Encoded, BlockUpload)> {
        let encoded = joined(self.encoder.await, resource);
        let upload = joined((&mut self.uploader.0).await, resource);
        // An encoder whose blocks nobody takes fails too; the reason is the upload's.
        let upload = upload?;
        Ok((encoded?, upload))
    }
}

/// Stops sending when the upload is dropped.
#[derive(Debug)]
struct Uploader(JoinHandle<Result<BlockUpload>>);

impl Drop for Uploader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives the blocks to the upload, and hands it back when there are no more. Whether they are all
/// is for the encoder to say.
async fn send(mut upload: BlockUpload, mut blocks: mpsc::Receiver<Bytes>) -> Result<BlockUpload> {
    while let Some(block) = blocks.recv().await {
        upload.write(block).await?;
    }
    Ok(upload)
}

fn joined<T>(
    done: std::result::Result<Result<T>, tokio::task::JoinError>,
    resource: &str,
) -> Result<T> {
    done.unwrap_or_else(|source| {
        Err(Error::new(ErrorKind::Source, WRITE, resource)
            .with_detail("a part of the writer ended early")
            .with_source(source))
    })
}

pub(super) const WRITE: &str = "write Parquet to";

/// One to encode next, and one that the producer has ready behind it.
const BATCHES_WAITING: usize = 2;

const BLOCKS_WAITING: usize = 1;
