//! The main job from end to end, with a proof for every step.

mod journey;
mod lineitem;
mod node;
mod report;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;

pub use self::report::{Step, Summary};
use crate::rows::Fingerprint;

/// Runs the main job against emulators and proves that nothing was lost on the way.
#[derive(Debug, Parser)]
#[command(name = "azconnect-demo")]
pub struct Arguments {
    /// TPC-H scale factor of the table `lineitem`: 0.1 makes 600,572 rows
    #[arg(long, default_value_t = 0.1)]
    pub scale_factor: f64,

    /// Folder for the table, the downloaded file and `summary.json`; made anew
    #[arg(long, default_value = "target/demo")]
    pub out: PathBuf,

    /// Only make the table: `lineitem.parquet` in the folder of `--out`, which keeps what else it holds
    #[arg(long)]
    pub table_only: bool,
}

/// Makes the table alone, for a benchmark.
///
/// # Errors
/// If the file cannot be written.
pub fn make_table(arguments: &Arguments) -> Result<Fingerprint> {
    let out = &arguments.out;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make `{}`", out.display()))?;
    lineitem::generate(arguments.scale_factor, &out.join("lineitem.parquet"))
}

/// Runs the demo and writes `summary.json`, whether or not every step succeeds.
///
/// # Errors
/// If a step fails, or what came back differs from what was generated.
pub async fn run(arguments: &Arguments) -> Result<Summary> {
    let out = &arguments.out;
    if out.exists() {
        std::fs::remove_dir_all(out)
            .with_context(|| format!("cannot empty `{}`", out.display()))?;
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make `{}`", out.display()))?;
    let mut summary = Summary::new(arguments.scale_factor);
    let outcome = Box::pin(journey::run(arguments, &mut summary)).await;
    summary.finish(outcome.is_ok());
    summary.write(&out.join("summary.json"))?;
    outcome.map(|()| summary)
}
