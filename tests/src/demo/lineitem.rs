//! The table: TPC-H `lineitem`, written as the Parquet file behind a Synapse table.

use std::{collections::HashMap, fs::File, path::Path, sync::Arc};

use anyhow::{Context, Result};
use arrow::{
    array::RecordBatch,
    datatypes::{Schema, SchemaRef},
    record_batch::RecordBatchReader,
};
use parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties};
use tpchgen::generators::LineItemGenerator;
use tpchgen_arrow::LineItemArrow;

use crate::rows::Fingerprint;

/// Generates the table into `path` and returns what it holds.
pub(super) fn generate(scale_factor: f64, path: &Path) -> Result<Fingerprint> {
    let mut generator =
        LineItemArrow::new(LineItemGenerator::new(scale_factor, 1, 1)).with_batch_size(BATCH_ROWS);
    let schema = declared(&generator.schema());
    let file = File::create(path).with_context(|| format!("cannot make `{}`", path.display()))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?;
    let mut fingerprint = Fingerprint::default();
    generator.try_for_each(|batch| -> Result<()> {
        let batch = batch?;
        fingerprint.add(&batch)?;
        // The same columns under the schema that also carries the declarations.
        let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?;
        Ok(writer.write(&batch)?)
    })?;
    writer.close()?;
    Ok(fingerprint)
}

/// Adds the SQL types of the TPC-H specification (section 1.4) where Arrow's do not tell them: without a
/// declaration text would be `nvarchar`.
fn declared(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let declaration = SQL_TYPES.iter().find(|(name, _)| name == field.name());
        let metadata = declaration.map(|(_, sql)| (SQL_TYPE_KEY.to_owned(), (*sql).to_owned()));
        field.as_ref().clone().with_metadata(metadata.into_iter().collect::<HashMap<_, _>>())
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The key under which the Synapse emulator finds the SQL type of a column.
const SQL_TYPE_KEY: &str = "azconnect.sql_type";

const SQL_TYPES: [(&str, &str); 5] = [
    ("l_returnflag", "char(1)"),
    ("l_linestatus", "char(1)"),
    // Fixed in the specification; `char` would come back padded with blanks.
    ("l_shipinstruct", "varchar(25)"),
    ("l_shipmode", "varchar(10)"),
    ("l_comment", "varchar(44)"),
];

const BATCH_ROWS: usize = 8_192;
