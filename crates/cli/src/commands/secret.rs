//! `azconnect secret`.

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `secret`.
#[derive(Args, Debug)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Print a secret
    Get,
    /// List secrets
    List,
}

/// Runs `secret`.
pub(crate) async fn run(args: SecretArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new(format!("{:?} is not built in", args.command)))
}
