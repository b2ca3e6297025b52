//! `azconnect export`: a query's result becomes a Parquet file in the lake.

use azconnect_lake::{LakeUrl, ParquetCompression, ParquetWriteOptions};
use azconnect_synapse::QueryOptions;
use azconnect_transfer::{Export, ExportOutcome, ExportReport, IfExists, TableName};
use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use crate::{
    clients,
    connection::ConnectionArgs,
    context::Context,
    failure::Failure,
    printer::{Column, bytes, count},
};

/// Arguments of `export`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group(ArgGroup::new("what").required(true).args(["query", "table"])))]
pub(crate) struct ExportArgs {
    /// Statement whose result is exported
    #[arg(long, value_name = "SQL")]
    query: Option<String>,

    /// Table or view that is exported whole: `schema.table`
    #[arg(long, value_name = "NAME")]
    table: Option<TableName>,

    #[command(flatten)]
    connection: ConnectionArgs,

    /// Replace the file if it exists
    #[arg(long, conflicts_with = "if_not_exists")]
    overwrite: bool,

    /// Do nothing, and succeed, if the file exists
    #[arg(long)]
    if_not_exists: bool,

    /// Most rows in a batch of the result
    #[arg(long, value_name = "ROWS", default_value_t = 4_096)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    batch_rows: u32,

    /// Most rows in a row group of the file
    #[arg(long, value_name = "ROWS", default_value_t = 1_048_576)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    row_group_rows: u32,

    /// Most bytes in a row group of the file, encoded: the largest buffer of the export
    #[arg(long, value_name = "BYTES", default_value_t = 16 << 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    row_group_bytes: u32,

    /// Compression of the file
    #[arg(long, value_enum, value_name = "CODEC", default_value = "zstd")]
    compression: Compression,

    /// Where the file goes: `abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH`
    #[arg(value_name = "URL")]
    to: LakeUrl,
}

/// Codecs that every reader of Parquet knows.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compression {
    None,
    Snappy,
    Zstd,
}

/// What is printed.
#[derive(Serialize)]
struct Exported {
    url: String,
    #[serde(flatten)]
    report: ExportReport,
}

/// Runs `export`.
pub(crate) async fn run(args: ExportArgs, context: &Context) -> Result<(), Failure> {
    let lake = clients::lake(context, &args.to)?;
    let synapse = args.connection.client(context)?;
    let bar = context.progress().rows(["exporting to ", args.to.path().path()].concat());
    let shown = bar.clone();
    let export = Export::builder(synapse, args.sql(), lake, args.to.path().clone())
        .with_query_options(QueryOptions::default().with_batch_rows(args.batch_rows as usize))
        .with_parquet_options(args.parquet())
        .with_if_exists(args.if_exists())
        .with_progress(move |progress| shown.set_position(progress.rows))
        .build()?;
    let outcome = export.run().await;
    bar.finish_and_clear();
    let exported = Exported { url: args.to.to_string(), report: outcome? };
    context.printer().record(&exported, &COLUMNS)
}

impl ExportArgs {
    fn sql(&self) -> String {
        match (&self.query, &self.table) {
            (Some(query), _) => query.clone(),
            (None, Some(table)) => table.select_all(),
            // Clap's group asks for one of the two; an empty statement is refused anyway.
            (None, None) => String::new(),
        }
    }

    fn if_exists(&self) -> IfExists {
        match (self.overwrite, self.if_not_exists) {
            (true, _) => IfExists::Overwrite,
            (false, true) => IfExists::Skip,
            (false, false) => IfExists::Fail,
        }
    }

    fn parquet(&self) -> ParquetWriteOptions {
        let compression = match self.compression {
            Compression::None => ParquetCompression::Uncompressed,
            Compression::Snappy => ParquetCompression::Snappy,
            Compression::Zstd => ParquetCompression::Zstd,
        };
        ParquetWriteOptions::default()
            .with_compression(compression)
            .with_row_group_rows(self.row_group_rows as usize)
            .with_row_group_bytes(self.row_group_bytes as usize)
    }
}

const COLUMNS: [Column<Exported>; 7] = [
    Column::text("url", |exported| exported.url.clone()),
    Column::text("outcome", |exported| match exported.report.outcome {
        ExportOutcome::Skipped => "skipped: the file exists".to_owned(),
        _ => "exported".to_owned(),
    }),
    Column::number("rows", |exported| count(exported.report.rows)),
    Column::number("row groups", |exported| count(exported.report.row_groups)),
    Column::number("size", |exported| bytes(exported.report.bytes)),
    Column::text("etag", |exported| exported.report.etag.clone().unwrap_or_default()),
    Column::text("time", |exported| format!("{:.2} s", exported.report.elapsed.as_secs_f64())),
];

const EXAMPLES: &str = "\
Examples:
  A whole table, replacing what was exported yesterday:
    azconnect export --server my-workspace --database sales --table dbo.orders --overwrite \\
      abfss://raw@myaccount.dfs.core.windows.net/orders.parquet

  The result of a query, as JSON for a script:
    azconnect export --server my-workspace --database sales -o json \\
      --query \"SELECT id, total FROM dbo.orders WHERE year = 2024\" \\
      abfss://raw@myaccount.dfs.core.windows.net/orders-2024.parquet

The file appears whole or not at all, and memory does not grow with the size of the result.";
