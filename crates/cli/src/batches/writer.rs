//! Batches in the forms that are written piece by piece.

use std::{io, sync::Arc};

use arrow::{
    array::RecordBatch,
    csv,
    datatypes::SchemaRef,
    error::ArrowError,
    ipc,
    json::{self, WriterBuilder as JsonBuilder, writer::JsonArray},
};
use parquet::{
    arrow::ArrowWriter,
    basic::{Compression, ZstdLevel},
    errors::ParquetError,
    file::properties::WriterProperties,
};

use super::destination::Output;
use crate::cli::OutputFormat;

/// A row group is closed at this size in memory, whatever its rows.
const MAX_ROW_GROUP_BYTES: usize = 64 << 20;

/// Why a batch could not be written.
#[derive(Debug)]
pub(super) enum WriteError {
    Encode(ArrowError),
    Io(io::Error),
    Parquet(ParquetError),
}

/// Writes batches in one form.
pub(super) enum Writer {
    Arrow(Box<ipc::writer::StreamWriter<Output>>),
    Csv(Box<csv::Writer<Output>>),
    Json(json::Writer<Output, JsonArray>),
    Nothing,
    Parquet(Box<ArrowWriter<Output>>),
}

impl Writer {
    pub(super) fn new(
        format: OutputFormat,
        schema: &SchemaRef,
        output: Output,
    ) -> Result<Self, WriteError> {
        Ok(match format {
            OutputFormat::Arrow => {
                Self::Arrow(Box::new(ipc::writer::StreamWriter::try_new(output, schema)?))
            }
            OutputFormat::Csv => Self::Csv(Box::new(csv(output, schema, b',')?)),
            OutputFormat::Tsv => Self::Csv(Box::new(csv(output, schema, b'\t')?)),
            OutputFormat::Json => {
                let builder = JsonBuilder::new().with_explicit_nulls(true);
                Self::Json(builder.build::<_, JsonArray>(output))
            }
            OutputFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
                    .set_created_by(concat!("azconnect ", env!("CARGO_PKG_VERSION")).to_owned())
                    .build();
                let writer = ArrowWriter::try_new(output, Arc::clone(schema), Some(properties))?;
                Self::Parquet(Box::new(writer))
            }
            OutputFormat::None | OutputFormat::Table => Self::Nothing,
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), WriteError> {
        match self {
            Self::Arrow(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(batch)?,
            Self::Json(writer) => writer.write(batch)?,
            Self::Nothing => {}
            Self::Parquet(writer) => {
                writer.write(batch)?;
                if writer.in_progress_size() >= MAX_ROW_GROUP_BYTES {
                    writer.flush()?;
                }
            }
        }
        Ok(())
    }

    /// Writes what ends the form, and all that is still buffered.
    pub(super) fn finish(self) -> Result<(), WriteError> {
        match self {
            Self::Arrow(writer) => writer.into_inner()?.finish()?,
            Self::Csv(writer) => writer.into_inner().finish()?,
            Self::Json(mut writer) => {
                writer.finish()?;
                let mut output = writer.into_inner();
                io::Write::write_all(&mut output, b"\n")?;
                output.finish()?;
            }
            Self::Nothing => {}
            Self::Parquet(writer) => writer.into_inner()?.finish()?,
        }
        Ok(())
    }
}

/// Comma- or tab-separated text, with a header that is there for no rows too.
fn csv(
    mut output: Output,
    schema: &SchemaRef,
    delimiter: u8,
) -> Result<csv::Writer<Output>, WriteError> {
    let build = |header, output| {
        csv::WriterBuilder::new().with_header(header).with_delimiter(delimiter).build(output)
    };
    if delimiter == b',' {
        let mut header = Vec::new();
        let mut writer = build(true, &mut header);
        writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
        drop(writer);
        io::Write::write_all(&mut output, &header)?;
    }
    Ok(csv::WriterBuilder::new().with_header(false).with_delimiter(delimiter).build(output))
}

impl From<ArrowError> for WriteError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            error => Self::Encode(error),
        }
    }
}

impl From<ParquetError> for WriteError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(source) => Self::Parquet(ParquetError::External(source)),
            },
            error => Self::Parquet(error),
        }
    }
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests;
