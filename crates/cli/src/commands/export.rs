//! `azconnect export`.

use clap::Args;

use crate::{context::Context, failure::Failure};

/// Arguments of `export`.
#[derive(Args, Debug)]
pub(crate) struct ExportArgs {}

/// Runs `export`.
pub(crate) async fn run(_args: ExportArgs, _context: &Context) -> Result<(), Failure> {
    Err(Failure::new("export is not built in"))
}
