//! Benchmark `main`: Synapse table to Parquet in the lake, beside the guide's Python script.

use std::{ffi::OsString, path::PathBuf, process::Command};

use anyhow::Result;

use super::{
    BenchArguments,
    measure::{Contender, measure as run_rounds},
    report::Ratio,
};
use crate::{
    e2e::Stage,
    shell::{self, Workspace},
};

/// The identity `uami-jobs` of the emulators' configuration.
const JOBS_CLIENT_ID: &str = "c0000000-1111-4000-8000-111111111111";
const PEER: &str = "guide's script (arrow-odbc, polars, Azure SDKs)";

/// Builds release programs, generates `lineitem`, and runs both on the same emulators.
pub(super) fn measure(workspace: &Workspace, arguments: &BenchArguments) -> Result<Vec<Ratio>> {
    shell::run(&mut super::release_programs(workspace))?;
    let stage = Stage::prepare(workspace, "release")?;
    let tables = make_lineitem(workspace, arguments.scale_factor)?;
    let costs = run_rounds(
        workspace,
        stage.emulated(workspace, &tables),
        &[ours(workspace), guide(workspace, &stage)],
        arguments.rounds,
    )?;
    let [ours, theirs] = costs.as_slice() else {
        anyhow::bail!("two contenders ran and {} came back", costs.len());
    };
    let work = format!("export lineitem, scale factor {}", arguments.scale_factor);
    Ok(vec![
        Ratio::new(&work, PEER, "s wall", [ours.wall_seconds, theirs.wall_seconds], 8.0),
        Ratio::new(&work, PEER, "s CPU", [ours.cpu_seconds, theirs.cpu_seconds], 8.0),
        Ratio::new(&work, PEER, "MiB peak", [ours.peak_mebibytes, theirs.peak_mebibytes], 30.0),
    ])
}

fn make_lineitem(workspace: &Workspace, scale_factor: f64) -> Result<PathBuf> {
    let folder = workspace.target().join("bench").join(format!("tables-{scale_factor}"));
    if !folder.join("lineitem.parquet").exists() {
        shell::run(
            Command::new(workspace.program("release", "azconnect-demo"))
                .args(["--scale-factor", &scale_factor.to_string(), "--table-only", "--out"])
                .arg(&folder),
        )?;
    }
    Ok(folder)
}

fn ours(workspace: &Workspace) -> Contender {
    let mut command: Vec<OsString> = vec![workspace.program("release", "azconnect").into()];
    command.extend(
        [
            "export",
            "--query",
            "SELECT * FROM dbo.lineitem",
            "--server",
            "syn-demo",
            "--database",
            "demo",
            "--identity",
            JOBS_CLIENT_ID,
            "--overwrite",
            "abfss://raw@lakedemo.dfs.core.windows.net/bench/ours.parquet",
        ]
        .map(Into::into),
    );
    Contender { name: "azconnect", command, environment: Vec::new(), stdout: None }
}

fn guide(workspace: &Workspace, stage: &Stage) -> Contender {
    Contender {
        name: PEER,
        command: vec![
            stage.python.interpreter().into(),
            workspace.root().join("tests/peers/guide.py").into(),
            "--table".into(),
            "dbo.lineitem".into(),
            "--to".into(),
            "raw/bench/guide.parquet".into(),
        ],
        environment: vec![
            ("AZURE_CLIENT_ID", JOBS_CLIENT_ID),
            ("LAKE_URL", "$AZCONNECT_EMULATE_LAKE_DFS_URL/lakedemo"),
            ("MSSQL_DB", "demo"),
            ("MSSQL_EXTRA", "TrustServerCertificate=yes;"),
            ("MSSQL_HOST", "$AZCONNECT_EMULATE_SQL_SERVER"),
        ],
        stdout: None,
    }
}
