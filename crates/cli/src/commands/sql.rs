//! `azconnect sql`: a statement's result as a table, as text, or as Arrow and Parquet.

mod statement;

use azconnect_synapse::QueryOptions;
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use serde::Serialize;

use self::statement::StatementArgs;
use crate::{
    batches::{BatchesArgs, Shown},
    connection::ConnectionArgs,
    context::Context,
    failure::Failure,
    printer::{Column, count},
};

/// Arguments of `sql`.
#[derive(Args, Debug)]
#[command(after_help = GROUP_EXAMPLES)]
pub(crate) struct SqlArgs {
    #[command(subcommand)]
    command: SqlCommand,
}

#[derive(Debug, Subcommand)]
enum SqlCommand {
    /// Run a statement and write its result
    Query(QueryArgs),
}

/// Arguments of `sql query`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
struct QueryArgs {
    #[command(flatten)]
    statement: StatementArgs,

    #[command(flatten)]
    connection: ConnectionArgs,

    #[command(flatten)]
    batches: BatchesArgs,

    /// Most rows to show in a table; the statement is cancelled there; 0 shows all
    #[arg(long, value_name = "ROWS", default_value_t = 100)]
    limit: usize,

    /// Most rows in a batch of the result
    #[arg(long, value_name = "ROWS", default_value_t = 8_192)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    batch_rows: u32,
}

/// Runs `sql`.
pub(crate) async fn run(args: SqlArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        SqlCommand::Query(args) => query(args, context).await,
    }
}

async fn query(args: QueryArgs, context: &Context) -> Result<(), Failure> {
    let target = args.batches.target(context)?;
    let sql = args.statement.read()?;
    let client = args.connection.client(context)?;
    let options = QueryOptions::default().with_batch_rows(args.batch_rows as usize);
    let mut stream = client.query_opts(&sql, options).await?;

    if stream.schema().fields().is_empty() {
        // Reads the end, which is there already.
        stream.try_next().await?;
        if target.is_file() {
            return Err(Failure::new("the statement returned no rows to write: it is done"));
        }
        let affected = Affected { rows_affected: stream.rows_affected() };
        return context.printer().record(&affected, &AFFECTED);
    }
    let schema = stream.schema();
    target.write(&schema, stream, Shown { limit: args.limit, total: None }, context).await
}

/// What a statement without rows prints.
#[derive(Serialize)]
struct Affected {
    rows_affected: Option<u64>,
}

const AFFECTED: [Column<Affected>; 1] = [Column::number("rows affected", |affected| {
    affected.rows_affected.map_or_else(|| "not counted".to_owned(), count)
})];

const GROUP_EXAMPLES: &str = "\
Examples:
  azconnect sql query --server my-workspace --database sales \"SELECT * FROM dbo.orders\"";

const EXAMPLES: &str = "\
Examples:
  Look at a table:
    azconnect sql query --server my-workspace --database sales \"SELECT * FROM dbo.orders\"

  A result as a Parquet file, by the identity of this machine:
    azconnect sql query --server my-workspace --database sales --file orders.sql \\
      --output-file orders.parquet

  Into another program, with server and database from AZCONNECT_SQL_SERVER and AZCONNECT_SQL_DATABASE
  (MSSQL_HOST and MSSQL_DB are understood too):
    azconnect sql query -o json \"SELECT name, total FROM dbo.sums\" | jq '.[].total'

  With a SQL login, whose password is in AZCONNECT_SQL_PASSWORD:
    azconnect sql query --user reader --server my-workspace --database sales \"SELECT 1 AS one\"";
