//! Parquet out of the lake: ranges of one state of a file, decoded into batches.

use std::{
    fmt,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use bytes::Bytes;
use futures::{
    FutureExt, Stream, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use parquet::{
    arrow::{
        ParquetRecordBatchStreamBuilder, ProjectionMask, arrow_reader::ArrowReaderOptions,
        async_reader::AsyncFileReader,
    },
    errors::ParquetError,
    file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader},
};

use super::{
    from_parquet,
    options::ParquetReadOptions,
    ranges::{pick, plan},
};
use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    read::read_to_memory,
    wire::Wire,
};

/// A Parquet file being read: a stream of batches.
///
/// One batch per `batch_rows` rows, one column per column of the file (or per column asked for) in
/// the file's order; the last batch of a row group may be shorter. It ends after the first error.
pub struct ParquetReader {
    schema: SchemaRef,
    row_count: u64,
    row_groups: usize,
    size: u64,
    etag: ETag,
    batches: BoxStream<'static, Result<RecordBatch>>,
}

impl LakeClient {
    /// Opens the Parquet file at `path`: reads its footer, and its data as the stream is read.
    ///
    /// All of it is of one state of the file. Only the columns asked for are read, one row group
    /// at a time, in parallel requests; in memory are one row group's compressed bytes of those
    /// columns and one batch.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: it is a directory, or has no column of a name asked for.
    /// - `InvalidResponse`: it is no Parquet file, or a broken one.
    /// - `PreconditionFailed`: from the stream: somebody replaced the file meanwhile.
    ///
    /// # Cancel safety
    /// Safe: neither dropping the future nor the reader changes anything.
    pub async fn read_parquet(
        &self,
        path: &LakePath,
        options: ParquetReadOptions,
    ) -> Result<ParquetReader> {
        let resource = path.to_string();
        let file = LakeFile::open(self, path, options.if_match, options.concurrency).await?;
        let (size, etag) = (file.size, file.etag.clone());
        let failed = |error| from_parquet(READ, &resource, error);
        // The page index costs time to decode, and tells only what can be left out.
        let pages =
            if options.limit.is_some() { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
        let reading = ArrowReaderOptions::new().with_offset_index_policy(pages);
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_options(file, reading)
            .await
            .map_err(failed)?;
        let row_count =
            u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
        let row_groups = builder.metadata().num_row_groups();
        if let Some(columns) = &options.columns {
            let known = builder.schema().fields();
            if let Some(unknown) = columns.iter().find(|name| known.find(name).is_none()) {
                let names: Vec<_> = known.iter().map(|field| field.name().as_str()).collect();
                return Err(Error::invalid_input(
                    READ,
                    resource,
                    format!("it has no column `{unknown}`; it has {}", names.join(", ")),
                ));
            }
            let roots: Vec<_> = known
                .iter()
                .enumerate()
                .filter(|(_, field)| columns.contains(field.name()))
                .map(|(index, _)| index)
                .collect();
            let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
            builder = builder.with_projection(mask);
        }
        if let Some(limit) = options.limit {
            builder = builder.with_limit(limit);
        }
        let batches = builder.with_batch_size(options.batch_rows).build().map_err(failed)?;
        let schema = Arc::clone(batches.schema());
        let batches = batches.map_err(move |error| from_parquet(READ, &resource, error)).boxed();
        Ok(ParquetReader { schema, row_count, row_groups, size, etag, batches })
    }
}

impl ParquetReader {
    /// The columns of every batch.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows the file says it has.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// How many row groups the file has.
    pub fn row_groups(&self) -> usize {
        self.row_groups
    }

    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The state of the file that is being read.
    pub fn etag(&self) -> &ETag {
        &self.etag
    }
}

impl Stream for ParquetReader {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.poll_next_unpin(cx)
    }
}

impl fmt::Debug for ParquetReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParquetReader")
            .field("schema", &self.schema)
            .field("row_count", &self.row_count)
            .field("etag", &self.etag)
            .finish_non_exhaustive()
    }
}

/// One state of one file, as the Parquet library reads files.
pub(super) struct LakeFile {
    wire: Arc<Wire>,
    path: LakePath,
    pub(super) size: u64,
    pub(super) etag: ETag,
    concurrency: usize,
}

impl LakeFile {
    /// Looks at the file, and keeps to the state that it is in, or to `if_match`.
    pub(super) async fn open(
        lake: &LakeClient,
        path: &LakePath,
        if_match: Option<ETag>,
        concurrency: usize,
    ) -> Result<Self> {
        let properties = lake.properties(path).await?;
        if properties.is_directory() {
            return Err(Error::invalid_input(READ, path.to_string(), "it is a directory")
                .with_hint("name a file in it; a listing shows what is there"));
        }
        let etag = match if_match {
            Some(wanted) if wanted != properties.etag => {
                return Err(Error::new(ErrorKind::PreconditionFailed, READ, path.to_string())
                    .with_detail(format!("it is in the state {}, not {wanted}", properties.etag)));
            }
            _ => properties.etag,
        };
        let (wire, path, size) = (Arc::clone(&lake.wire), path.clone(), properties.size);
        Ok(Self { wire, path, size, etag, concurrency })
    }

    async fn ranges(&self, wanted: &[Range<u64>]) -> Result<Vec<Bytes>> {
        // A damaged file may point anywhere.
        if let Some(outside) =
            wanted.iter().find(|range| range.start > range.end || range.end > self.size)
        {
            return Err(Error::new(ErrorKind::InvalidResponse, READ, self.path.to_string())
                .with_detail(format!(
                    "it refers to its bytes {outside:?}, but has {} bytes",
                    self.size
                )));
        }
        let planned = plan(wanted, LARGEST_GAP, PART_BYTES);
        let answers: Vec<Bytes> = stream::iter(planned.clone())
            .map(|range| {
                let (wire, path) = (Arc::clone(&self.wire), self.path.clone());
                read_to_memory(wire, path, range, self.etag.clone())
            })
            .buffered(self.concurrency)
            .try_collect()
            .await?;
        wanted
            .iter()
            .map(|range| {
                pick(range, &planned, &answers).ok_or_else(|| {
                    Error::new(ErrorKind::InvalidResponse, READ, self.path.to_string())
                        .with_detail(format!("the bytes {range:?} did not come"))
                })
            })
            .collect()
    }
}

impl AsyncFileReader for LakeFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut found = self.ranges(&[range]).await.map_err(external)?;
            Ok(found.pop().unwrap_or_default())
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { self.ranges(&ranges).await.map_err(external) }.boxed()
    }

    /// The size is known, so that no suffix range is asked for, which the service does not have.
    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let pages =
                options.map_or(PageIndexPolicy::Skip, ArrowReaderOptions::offset_index_policy);
            let metadata = ParquetMetaDataReader::new()
                .with_metadata_options(options.map(|options| options.metadata_options().clone()))
                .with_offset_index_policy(pages)
                .with_prefetch_hint(Some(FOOTER_BYTES))
                .load_and_finish(self, size)
                .await?;
            Ok(Arc::new(metadata))
        }
        .boxed()
    }
}

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

pub(super) const READ: &str = "read Parquet from";

/// What comes between two columns and is read rather than asked around.
const LARGEST_GAP: u64 = 256 * 1024;

const PART_BYTES: u64 = 8 * 1024 * 1024;

/// The footers of most files fit, so that one request gets all of it.
const FOOTER_BYTES: usize = 128 * 1024;
