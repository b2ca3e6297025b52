//! `cargo xtask demo`: the main job on the embedded emulators, from nothing, with its proof.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::shell::{self, Workspace};

#[derive(Args)]
pub(crate) struct DemoArguments {
    /// TPC-H scale factor of the `lineitem` table: 0.1 is 600,572 rows, 1 is 6,001,215.
    #[arg(long, default_value_t = 0.1)]
    scale_factor: f64,
}

impl Default for DemoArguments {
    fn default() -> Self {
        Self { scale_factor: 0.1 }
    }
}

/// Builds the workspace's programs and runs the demo; its summary is `target/demo/summary.json`.
pub(crate) fn run(workspace: &Workspace, arguments: &DemoArguments) -> Result<()> {
    workspace.build_programs()?;
    shell::run(
        Command::new(workspace.program("debug", "azconnect-demo"))
            .args(["--scale-factor", &arguments.scale_factor.to_string(), "--out"])
            .arg(workspace.target().join("demo"))
            .current_dir(workspace.root()),
    )
}
