//! `azconnect auth`.

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `auth`.
#[derive(Args, Debug)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    command: AuthCommand,
}

#[derive(Debug, Subcommand)]
enum AuthCommand {
    /// Get a token
    Token,
    /// Show which identity is used
    Describe,
}

/// Runs `auth`.
pub(crate) async fn run(args: AuthArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new(format!("{:?} is not built in", args.command)))
}
