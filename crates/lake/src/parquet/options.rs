//! How Parquet files are read and written.

use parquet::{
    basic::{Compression, ZstdLevel},
    file::properties::{WriterProperties, WriterPropertiesBuilder},
};

use crate::{
    error::{Error, Result},
    etag::ETag,
    upload::UploadOptions,
};

/// How a Parquet file is read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParquetReadOptions {
    pub(super) batch_rows: usize,
    pub(super) columns: Option<Vec<String>>,
    pub(super) concurrency: usize,
    pub(super) if_match: Option<ETag>,
    pub(super) limit: Option<usize>,
}

/// How a Parquet file is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ParquetWriteOptions {
    pub(super) compression: ParquetCompression,
    pub(super) row_group_rows: usize,
    pub(super) row_group_bytes: usize,
    pub(super) upload: UploadOptions,
}

/// The codec of a Parquet file's pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParquetCompression {
    /// Snappy: fastest to write, and read by everything.
    Snappy,
    /// None: largest.
    Uncompressed,
    /// Zstandard at level 1: about two thirds of Snappy's size for a little more time.
    #[default]
    Zstd,
    /// Zstandard at this level, 1 to 22.
    ZstdLevel(i32),
}

impl Default for ParquetReadOptions {
    /// All columns, 8,192 rows a batch, 4 requests at a time.
    fn default() -> Self {
        Self { batch_rows: 8192, columns: None, concurrency: 4, if_match: None, limit: None }
    }
}

impl ParquetReadOptions {
    /// Rows of a batch; the last one of a row group may be shorter. Default 8,192; 0 means 1.
    #[must_use]
    pub fn with_batch_rows(mut self, batch_rows: usize) -> Self {
        self.batch_rows = batch_rows.max(1);
        self
    }

    /// Reads these top-level columns only, in the file's order. Default: all.
    #[must_use]
    pub fn with_columns(mut self, columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Requests at a time. Default 4; 0 means 1.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Reads the first rows only. Default: all.
    ///
    /// Of a file with a page index only the pages that hold these rows are read; of another one,
    /// the row groups.
    #[must_use]
    pub fn with_limit(mut self, rows: usize) -> Self {
        self.limit = Some(rows);
        self
    }

    /// Reads the file only if it is in this state. Default: the state it is found in, which all
    /// later reads are held to.
    #[must_use]
    pub fn with_if_match(mut self, etag: ETag) -> Self {
        self.if_match = Some(etag);
        self
    }
}

impl Default for ParquetWriteOptions {
    /// Zstandard, row groups of at most 1,048,576 rows or 64 MiB, and the default upload.
    fn default() -> Self {
        Self {
            compression: ParquetCompression::default(),
            row_group_rows: 1024 * 1024,
            row_group_bytes: 64 * 1024 * 1024,
            upload: UploadOptions::default(),
        }
    }
}

impl ParquetWriteOptions {
    /// The codec of the pages. Default [`ParquetCompression::Zstd`].
    #[must_use]
    pub fn with_compression(mut self, compression: ParquetCompression) -> Self {
        self.compression = compression;
        self
    }

    /// Rows of a row group at most. Default 1,048,576; 0 means 1.
    #[must_use]
    pub fn with_row_group_rows(mut self, rows: usize) -> Self {
        self.row_group_rows = rows.max(1);
        self
    }

    /// Encoded bytes of a row group at most, by the encoder's estimate. Default 64 MiB; 0 means 1.
    ///
    /// A row group is held in memory until it is whole, so this bounds what a writer needs beside
    /// the blocks of its upload and one page a column.
    #[must_use]
    pub fn with_row_group_bytes(mut self, bytes: usize) -> Self {
        self.row_group_bytes = bytes.max(1);
        self
    }

    /// How the encoded bytes are uploaded: blocks, concurrency, condition, progress.
    #[must_use]
    pub fn with_upload(mut self, upload: UploadOptions) -> Self {
        self.upload = upload;
        self
    }

    pub(super) fn writer_properties(&self, resource: &str) -> Result<WriterPropertiesBuilder> {
        let level = |level| {
            ZstdLevel::try_new(level).map_err(|source| {
                Error::invalid_input(super::upload::WRITE, resource, "no such compression level")
                    .with_source(source)
            })
        };
        let compression = match self.compression {
            ParquetCompression::Snappy => Compression::SNAPPY,
            ParquetCompression::Uncompressed => Compression::UNCOMPRESSED,
            ParquetCompression::Zstd => Compression::ZSTD(level(1)?),
            ParquetCompression::ZstdLevel(chosen) => Compression::ZSTD(level(chosen)?),
        };
        Ok(WriterProperties::builder()
            .set_compression(compression)
            .set_max_row_group_row_count(Some(self.row_group_rows))
            .set_max_row_group_bytes(Some(self.row_group_bytes))
            .set_created_by(CREATED_BY.to_owned()))
    }
}

const CREATED_BY: &str = concat!("azconnect-lake version ", env!("CARGO_PKG_VERSION"));
