//! Record batches as the result of a command: a table for people, text, Arrow or Parquet.
//!
//! Only the table is collected, up to its limit; every other form is written batch by batch, so that memory does not
//! grow with the result.

mod destination;
mod table;
mod writer;

use std::path::PathBuf;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use clap::Args;
use futures::{Stream, TryStreamExt, pin_mut};

use self::{destination::Destination, writer::Writer};
use crate::{cli::OutputFormat, context::Context, failure::Failure};

/// Where batches go.
#[derive(Args, Debug)]
pub(crate) struct BatchesArgs {
    /// Write the result to this file, whole or not at all; its ending chooses the form unless `-o` does
    #[arg(long, value_name = "FILE")]
    pub(crate) output_file: Option<PathBuf>,
}

/// A place for batches that can take them.
pub(crate) struct Target {
    format: OutputFormat,
    file: Option<PathBuf>,
}

/// How many of the rows a table shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown {
    /// More are not shown; 0 means all.
    pub(crate) limit: usize,
    /// How many there are, if that is known.
    pub(crate) total: Option<u64>,
}

impl BatchesArgs {
    /// Checks that the form of the result fits to its place.
    pub(crate) fn target(self, context: &Context) -> Result<Target, Failure> {
        let printer = context.printer();
        let format = destination::format(printer.format(), self.output_file.as_deref())?;
        if matches!(format, OutputFormat::Arrow | OutputFormat::Parquet)
            && self.output_file.is_none()
            && printer.is_terminal()
        {
            return Err(Failure::usage("a terminal cannot show this form")
                .with_hint("add `--output-file FILE`, or send stdout to a file or program"));
        }
        Ok(Target { format, file: self.output_file })
    }
}

impl Target {
    /// Whether the result goes into a file.
    pub(crate) fn is_file(&self) -> bool {
        self.file.is_some()
    }

    /// Writes all batches, or shows the first rows of them.
    pub(crate) async fn write<E>(
        self,
        schema: &SchemaRef,
        batches: impl Stream<Item = Result<RecordBatch, E>>,
        shown: Shown,
        context: &Context,
    ) -> Result<(), Failure>
    where
        Failure: From<E>,
    {
        let printer = context.printer();
        if self.format == OutputFormat::Table {
            return table::show(schema, batches, shown, printer).await;
        }
        let mut destination = Destination::open(self.file, printer)?;
        let mut writer = Writer::new(self.format, schema, destination.writer())
            .map_err(|error| destination.failure(error))?;
        let bar = context.progress().rows("reading");
        pin_mut!(batches);
        while let Some(batch) = batches.try_next().await? {
            bar.inc(batch.num_rows() as u64);
            writer.write(&batch).map_err(|error| destination.failure(error))?;
        }
        writer.finish().map_err(|error| destination.failure(error))?;
        bar.finish_and_clear();
        destination.publish()
    }
}
