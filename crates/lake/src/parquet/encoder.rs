//! The thread that makes a Parquet file of batches.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parquet::{
    arrow::{ArrowSchemaConverter, ArrowWriter},
    errors::ParquetError,
    file::properties::{WriterProperties, WriterPropertiesBuilder},
};
use tokio::sync::mpsc;

use super::{dictionary::columns_that_hardly_repeat, from_parquet, sink::BlockSink, upload::WRITE};
use crate::error::{Error, ErrorKind, Result};

/// What the encoder is told.
pub(super) enum Work {
    Batch(RecordBatch),
    /// Said expressly: a channel that just ends belongs to an upload that was dropped.
    Finish,
}

/// What the encoder has written.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) rows: u64,
    pub(super) row_groups: usize,
}

/// A Parquet file that waits for its first batch, which tells how to encode the columns.
pub(super) struct Encoder {
    sink: BlockSink,
    schema: SchemaRef,
    properties: WriterPropertiesBuilder,
    resource: String,
}

impl Encoder {
    /// Refuses a schema that Parquet has no place for.
    pub(super) fn new(
        sink: BlockSink,
        schema: SchemaRef,
        properties: WriterPropertiesBuilder,
        resource: &str,
    ) -> Result<Self> {
        ArrowSchemaConverter::new().convert(&schema).map_err(|source| {
            Error::invalid_input(
                WRITE,
                resource,
                "Parquet has no place for a column of this schema",
            )
            .with_source(source)
        })?;
        Ok(Self { sink, schema, properties, resource: resource.to_owned() })
    }

    /// Encodes batches until it is told to finish. To be called on a thread that may block.
    pub(super) fn run(self, mut batches: mpsc::Receiver<Work>) -> Result<Encoded> {
        let Self { sink, schema, properties, resource } = self;
        let failed = |error| invalid(&resource, error);
        let mut next = || match batches.blocking_recv() {
            Some(Work::Batch(batch)) => Ok(Some(batch)),
            Some(Work::Finish) => Ok(None),
            None => Err(Error::invalid_input(WRITE, resource.as_str(), "the upload was dropped")),
        };
        let mut waiting = next()?;
        let properties = match &waiting {
            Some(batch) => without_dictionaries(properties, batch),
            None => properties.build(),
        };
        let mut writer = ArrowWriter::try_new(sink, schema, Some(properties)).map_err(failed)?;
        while let Some(batch) = waiting {
            writer.write(&batch).map_err(failed)?;
            waiting = next()?;
        }
        close(writer, &resource)
    }
}

fn without_dictionaries(
    properties: WriterPropertiesBuilder,
    sample: &RecordBatch,
) -> WriterProperties {
    columns_that_hardly_repeat(sample)
        .into_iter()
        .fold(properties, |properties, column| {
            properties.set_column_dictionary_enabled(column, false)
        })
        .build()
}

fn close(mut writer: ArrowWriter<BlockSink>, resource: &str) -> Result<Encoded> {
    let metadata = writer.finish().map_err(|error| invalid(resource, error))?;
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or_default();
    let row_groups = metadata.num_row_groups();
    writer
        .inner_mut()
        .finish()
        .map_err(|source| Error::new(ErrorKind::Source, WRITE, resource).with_source(source))?;
    Ok(Encoded { rows, row_groups })
}

fn invalid(resource: &str, error: ParquetError) -> Error {
    from_parquet(WRITE, resource, error).with_kind(ErrorKind::InvalidInput)
}
