//! `azconnect lake head` and `schema`: what is in a Parquet file.

use azconnect_lake::{
    ColumnSummary, LakeUrl, ParquetReadOptions, ParquetSummary, RowGroupSummary, arrow,
};
use clap::Args;
use serde::Serialize;

use crate::{
    batches::{BatchesArgs, Shown},
    cli::OutputFormat,
    clients,
    context::Context,
    failure::Failure,
    printer::{Column, bytes, count},
};

/// Arguments of `lake head`.
#[derive(Args, Debug)]
#[command(after_help = HEAD_EXAMPLES)]
pub(super) struct HeadArgs {
    /// A Parquet file
    url: LakeUrl,

    /// How many rows
    #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 10)]
    rows: usize,

    /// Only these columns, with commas between their names
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,

    #[command(flatten)]
    batches: BatchesArgs,
}

/// Arguments of `lake schema`.
#[derive(Args, Debug)]
#[command(after_help = SCHEMA_EXAMPLES)]
pub(super) struct SchemaArgs {
    /// A Parquet file
    url: LakeUrl,

    /// List the row groups instead of the columns
    #[arg(long)]
    row_groups: bool,
}

/// What is known of a file.
#[derive(Serialize)]
struct FileRecord {
    url: String,
    size: u64,
    etag: String,
    rows: u64,
    created_by: Option<String>,
    columns: Vec<ColumnRecord>,
    row_groups: Vec<RowGroupRecord>,
}

/// A top-level column, with all that is nested in it, in all row groups.
#[derive(Serialize)]
struct ColumnRecord {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
    nullable: bool,
    compressions: Vec<String>,
    encodings: Vec<String>,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
    /// Where the writer has counted them, and the column is not nested.
    null_count: Option<u64>,
}

#[derive(Serialize)]
struct RowGroupRecord {
    number: usize,
    rows: u64,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
}

/// Runs `lake head`.
pub(super) async fn head(args: HeadArgs, context: &Context) -> Result<(), Failure> {
    let target = args.batches.target(context)?;
    let lake = clients::lake(context, &args.url)?;
    let mut options = ParquetReadOptions::default().with_limit(args.rows);
    if let Some(columns) = args.columns {
        options = options.with_columns(columns);
    }
    let reader = lake.read_parquet(args.url.path(), options).await?;
    let (schema, total) = (reader.schema().clone(), Some(reader.row_count()));
    target.write(&schema, reader, Shown { limit: 0, total }, context).await
}

/// Runs `lake schema`.
pub(super) async fn schema(args: SchemaArgs, context: &Context) -> Result<(), Failure> {
    let lake = clients::lake(context, &args.url)?;
    let summary = lake.parquet_summary(args.url.path()).await?;
    let record = FileRecord::new(&args.url, &summary);
    let printer = context.printer();
    match printer.format() {
        OutputFormat::Json => printer.json(&record),
        _ if args.row_groups => printer.records(&record.row_groups, &ROW_GROUPS),
        format => {
            printer.records(&record.columns, &COLUMNS)?;
            if format == OutputFormat::Table {
                printer.raw(record.last_line().as_bytes())?;
            }
            Ok(())
        }
    }
}

impl FileRecord {
    fn new(url: &LakeUrl, summary: &ParquetSummary) -> Self {
        let groups = summary.row_groups.iter().enumerate();
        Self {
            url: url.to_string(),
            size: summary.size,
            etag: summary.etag.to_string(),
            rows: summary.row_count,
            created_by: summary.created_by.clone(),
            columns: summary
                .schema
                .fields()
                .iter()
                .map(|field| ColumnRecord::new(field, &summary.row_groups))
                .collect(),
            row_groups: groups.map(|(index, group)| RowGroupRecord::new(index, group)).collect(),
        }
    }

    fn last_line(&self) -> String {
        let written = self.created_by.as_deref().unwrap_or("a program that does not say its name");
        let printable = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        format!(
            "({} rows in {} row groups, {}, written by {})\n",
            count(self.rows),
            count(self.row_groups.len() as u64),
            bytes(self.size),
            written.chars().map(printable).collect::<String>(),
        )
    }
}

impl ColumnRecord {
    fn new(field: &arrow::datatypes::Field, groups: &[RowGroupSummary]) -> Self {
        let name = field.name();
        let is_of = |leaf: &&ColumnSummary| {
            leaf.name
                .strip_prefix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut record = Self {
            name: name.clone(),
            data_type: field.data_type().to_string(),
            nullable: field.is_nullable(),
            compressions: Vec::new(),
            encodings: Vec::new(),
            compressed_bytes: 0,
            uncompressed_bytes: 0,
            null_count: (!field.data_type().is_nested()).then_some(0),
        };
        for leaf in groups.iter().flat_map(|group| &group.columns).filter(is_of) {
            add_once(&mut record.compressions, std::slice::from_ref(&leaf.compression));
            add_once(&mut record.encodings, &leaf.encodings);
            record.compressed_bytes = record.compressed_bytes.saturating_add(leaf.compressed_bytes);
            record.uncompressed_bytes =
                record.uncompressed_bytes.saturating_add(leaf.uncompressed_bytes);
            record.null_count = record.null_count.zip(leaf.null_count).map(|(sum, one)| sum + one);
        }
        record
    }
}

impl RowGroupRecord {
    fn new(number: usize, group: &RowGroupSummary) -> Self {
        let sum = |bytes: fn(&ColumnSummary) -> u64| group.columns.iter().map(bytes).sum();
        Self {
            number,
            rows: group.row_count,
            compressed_bytes: sum(|column| column.compressed_bytes),
            uncompressed_bytes: sum(|column| column.uncompressed_bytes),
        }
    }
}

fn add_once(known: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !known.contains(one) {
            known.push(one.clone());
        }
    }
}

const COLUMNS: [Column<ColumnRecord>; 7] = [
    Column::text("column", |column| column.name.clone()),
    Column::text("type", |column| column.data_type.clone()),
    Column::text("null", |column| match (column.nullable, column.null_count) {
        (false, _) => "never".to_owned(),
        (true, None) => "possible".to_owned(),
        (true, Some(nulls)) => count(nulls),
    }),
    Column::text("codec", |column| column.compressions.join(" ")),
    Column::text("encodings", |column| column.encodings.join(" ")),
    Column::number("compressed", |column| bytes(column.compressed_bytes)),
    Column::number("uncompressed", |column| bytes(column.uncompressed_bytes)),
];
const ROW_GROUPS: [Column<RowGroupRecord>; 4] = [
    Column::number("row group", |group| group.number.to_string()),
    Column::number("rows", |group| count(group.rows)),
    Column::number("compressed", |group| bytes(group.compressed_bytes)),
    Column::number("uncompressed", |group| bytes(group.uncompressed_bytes)),
];

const HEAD_EXAMPLES: &str = "\
Of a file with a page index only the pages that hold the rows are read. `-o json`, `csv`, `tsv`, `arrow` and `parquet`
write the rows in these forms.

Examples:
  azconnect lake head abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet
  azconnect lake head -n 1000 --columns id,price --output-file sample.csv \\
    abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet";

const SCHEMA_EXAMPLES: &str = "\
Reads the end of the file only.

Examples:
  azconnect lake schema abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet
  azconnect lake schema --row-groups abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet
  azconnect lake schema -o json abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet";
