//! `azconnect cert`.

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `cert`.
#[derive(Args, Debug)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    command: CertCommand,
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Make a key and a certificate
    New,
    /// Turn a PFX file into PEM
    Pem,
    /// Show a certificate
    Show,
    /// Print a thumbprint
    Thumbprint,
}

/// Runs `cert`.
pub(crate) async fn run(args: CertArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new(format!("{:?} is not built in", args.command)))
}
