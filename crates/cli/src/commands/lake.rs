//! `azconnect lake`.

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `lake`.
#[derive(Args, Debug)]
pub(crate) struct LakeArgs {
    #[command(subcommand)]
    command: LakeCommand,
}

#[derive(Debug, Subcommand)]
enum LakeCommand {
    /// List files
    Ls,
    /// Show properties
    Stat,
    /// Print a file
    Cat,
    /// Copy files
    Cp,
    /// Remove files
    Rm,
}

/// Runs `lake`.
pub(crate) async fn run(args: LakeArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new(format!("{:?} is not built in", args.command)))
}
