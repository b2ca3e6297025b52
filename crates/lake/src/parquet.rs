//! Parquet files in the lake, from and to Arrow record batches.

mod dictionary;
mod encoder;
mod options;
mod ranges;
mod read;
mod sink;
mod summary;
mod upload;

pub use self::{
    options::{ParquetCompression, ParquetReadOptions, ParquetWriteOptions},
    read::ParquetReader,
    summary::{ColumnSummary, ParquetSummary, RowGroupSummary},
    upload::{ParquetPublished, ParquetUpload},
};
use crate::error::{Error, ErrorKind};

/// An error that passed through the Parquet library: ours is taken out again, its own is about the
/// content of a file.
fn from_parquet(
    operation: &'static str,
    resource: &str,
    error: ::parquet::errors::ParquetError,
) -> Error {
    use ::parquet::errors::ParquetError;

    match error {
        ParquetError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => {
                Error::new(ErrorKind::InvalidResponse, operation, resource).with_source(inner)
            }
        },
        error => Error::new(ErrorKind::InvalidResponse, operation, resource).with_source(error),
    }
}
