//! `azconnect sql`.

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `sql`.
#[derive(Args, Debug)]
pub(crate) struct SqlArgs {
    #[command(subcommand)]
    command: SqlCommand,
}

#[derive(Debug, Subcommand)]
enum SqlCommand {
    /// Run a query
    Query,
}

/// Runs `sql`.
pub(crate) async fn run(args: SqlArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new(format!("{:?} is not built in", args.command)))
}
