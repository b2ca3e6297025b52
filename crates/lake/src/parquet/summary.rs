//! What the footer of a Parquet file tells of it, without its data.

use arrow::datatypes::SchemaRef;
use parquet::{
    arrow::{
        arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions},
        async_reader::AsyncFileReader,
    },
    file::metadata::{ColumnChunkMetaData, RowGroupMetaData},
};

use super::{
    from_parquet,
    read::{LakeFile, READ},
};
use crate::{client::LakeClient, error::Result, etag::ETag, path::LakePath};

/// What a Parquet file says of itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParquetSummary {
    /// The columns, as readers see them.
    pub schema: SchemaRef,
    /// How many rows it has.
    pub row_count: u64,
    /// The program that wrote it, if that says so.
    pub created_by: Option<String>,
    /// Its row groups, in order.
    pub row_groups: Vec<RowGroupSummary>,
    /// Its length in bytes.
    pub size: u64,
    /// The state of the file that was looked at.
    pub etag: ETag,
}

/// What the footer says of one row group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowGroupSummary {
    /// How many rows it has.
    pub row_count: u64,
    /// Its columns, nested ones by their leaves, in the order of the schema.
    pub columns: Vec<ColumnSummary>,
}

/// What the footer says of one column of a row group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ColumnSummary {
    /// The name; of a nested column the names from the root to the leaf, with dots between them.
    pub name: String,
    /// How its pages are compressed: `UNCOMPRESSED`, `SNAPPY`, `ZSTD`, ….
    pub compression: String,
    /// How its values are written: `PLAIN`, `RLE_DICTIONARY`, ….
    pub encodings: Vec<String>,
    /// Bytes in the file.
    pub compressed_bytes: u64,
    /// Bytes of its pages before compression.
    pub uncompressed_bytes: u64,
    /// How many values are null, where the writer has counted.
    pub null_count: Option<u64>,
}

impl LakeClient {
    /// Reads the footer of the Parquet file at `path`, in two requests: one for the file's size and
    /// state, one for its end.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: it is a directory.
    /// - `InvalidResponse`: it is no Parquet file, or a broken one.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn parquet_summary(&self, path: &LakePath) -> Result<ParquetSummary> {
        let mut file = LakeFile::open(self, path, None, 1).await?;
        let failed = |error| from_parquet(READ, &path.to_string(), error);
        let metadata = file.get_metadata(None).await.map_err(failed)?;
        let (size, etag) = (file.size, file.etag);
        let arrow = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::default());
        let arrow = arrow.map_err(failed)?;
        let metadata = arrow.metadata();
        Ok(ParquetSummary {
            schema: arrow.schema().clone(),
            row_count: unsigned(metadata.file_metadata().num_rows()),
            created_by: metadata.file_metadata().created_by().map(str::to_owned),
            row_groups: metadata.row_groups().iter().map(RowGroupSummary::of).collect(),
            size,
            etag,
        })
    }
}

impl RowGroupSummary {
    fn of(group: &RowGroupMetaData) -> Self {
        let columns = group.columns().iter().map(ColumnSummary::of).collect();
        Self { row_count: unsigned(group.num_rows()), columns }
    }
}

impl ColumnSummary {
    fn of(column: &ColumnChunkMetaData) -> Self {
        let compression = column.compression().to_string();
        Self {
            name: column.column_path().string(),
            // The level is the writer's affair, and not in the file.
            compression: compression.split('(').next().unwrap_or_default().to_owned(),
            encodings: column.encodings().map(|encoding| encoding.to_string()).collect(),
            compressed_bytes: unsigned(column.compressed_size()),
            uncompressed_bytes: unsigned(column.uncompressed_size()),
            null_count: column.statistics().and_then(|statistics| statistics.null_count_opt()),
        }
    }
}

/// A count that a damaged file may have below zero.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
