//! `cargo xtask bench [NAME]`: ours and the named peers in the same run, alternately, as ratios.
//!
//! Each round runs every contender once; the median of the rounds counts. CPU time (user + system)
//! and peak memory are those of the client process, read from the kernel when it ends; the servers
//! run beside it on the same machine, so wall time is the least telling of the three figures.

mod cert;
mod keyvault;
mod main_job;
mod measure;
mod publish;
mod report;

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::shell::Workspace;

#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Which benchmark; all of them if none is named: `cert` (a PFX file to PEM beside three
    /// `openssl` processes), `keyvault` (one secret and 1,000 beside Azure's SDK for Python), `main` (the export of TPC-H lineitem beside the guide's Python script).
    name: Option<String>,
    /// How often each contender runs; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// TPC-H scale factor of the table: 1 is 6,001,215 rows.
    #[arg(long, default_value_t = 1.0)]
    scale_factor: f64,
    /// Copies the figures and the chart to `docs/benchmarks/`, with machine and versions.
    #[arg(long)]
    publish: bool,
}

/// Measures, prints the table, writes `target/bench/NAME.json` and `NAME.svg`.
pub(crate) fn run(workspace: &Workspace, arguments: &BenchArguments) -> Result<()> {
    if arguments.rounds == 0 {
        bail!("`--rounds 0` measures nothing; give at least 1");
    }
    let names = match &arguments.name {
        Some(name) => vec![name.as_str()],
        None => NAMES.to_vec(),
    };
    for name in names {
        let ratios = match name {
            "cert" => cert::measure(workspace, arguments)?,
            "keyvault" => keyvault::measure(workspace, arguments)?,
            "main" => main_job::measure(workspace, arguments)?,
            other => bail!("no benchmark is named `{other}`; there are: {}", NAMES.join(", ")),
        };
        report::print(&ratios);
        let folder = workspace.target().join("bench");
        report::write(&folder, name, &ratios)?;
        if arguments.publish {
            publish::publish(workspace, &folder, name, arguments, &ratios)?;
        }
    }
    Ok(())
}

/// The release build of all programs, and of nothing else, which would double the wait.
fn release_programs(workspace: &Workspace) -> Command {
    workspace.cargo(["build", "--release", "--bins", "--workspace", "--all-features"])
}

const NAMES: &[&str] = &["cert", "keyvault", "main"];
