//! Benchmark `cert`: the PFX of a Batch node to PEM, beside the guide's three `openssl` processes.

use std::{ffi::OsString, process::Command};

use anyhow::Result;

use super::{
    BenchArguments,
    measure::{Contender, measure as run_rounds},
    report::Ratio,
};
use crate::shell::{self, Workspace};

const PEER: &str = "guide's pipeline (three openssl processes)";

/// The commands of the guide, with the `$` that one of them lacks; `$1` is the PFX file.
const GUIDE: &str = r#"
out=$1.pem
openssl pkcs12 -in "$1" -out "$out" -nokeys -nodes -password "file:$1.pw"
openssl pkcs12 -in "$1" -nocerts -nodes -password "file:$1.pw" | openssl rsa -out "$1.key" 2>/dev/null
cat "$1.key" >> "$out"
rm "$1.key" "$out"
"#;

/// Makes a file as OpenSSL 3 writes it by default (2,048 rounds) and converts it in turn.
pub(super) fn measure(workspace: &Workspace, arguments: &BenchArguments) -> Result<Vec<Ratio>> {
    shell::run(&mut super::release_programs(workspace))?;
    shell::run(&mut workspace.cargo([
        "build",
        "--release",
        "--package",
        "azconnect-cert-tools",
        "--example",
        LIBRARY,
    ]))?;
    let program = workspace.program("release", "azconnect");
    let folder = workspace.target().join("bench/cert");
    let azconnect = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(words).current_dir(&folder);
        command
    };
    std::fs::create_dir_all(&folder)?;
    shell::run(&mut azconnect(&["cert", "new", "--name", "node", "--bits", "2048", "--force"]))?;
    shell::run(&mut azconnect(&[
        "cert",
        "pfx",
        "node.pfx",
        "--rounds",
        "2048",
        "--out",
        "quick.pfx",
        "--force",
    ]))?;
    let pfx: OsString = folder.join("quick.pfx").into();
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let mut ours = vec![program.clone().into()];
    ours.extend(words(&["cert", "pem"]));
    ours.push(pfx.clone());
    let mut theirs = words(&["sh", "-ec", GUIDE, "sh"]);
    theirs.push(pfx.clone());
    let library = |times: usize| {
        let program = workspace.target().join("release/examples").join(LIBRARY);
        let mut password = pfx.clone();
        password.push(".pw");
        let times = times.to_string().into();
        vec![program.into_os_string(), pfx.clone(), password, times]
    };
    let contenders = [
        ("azconnect", ours),
        (PEER, theirs),
        ("library, once", library(1)),
        ("library, many times", library(1 + CONVERSIONS)),
    ]
    .map(|(name, command)| Contender { name, command, environment: Vec::new(), stdout: None });
    // Milliseconds vary more than seconds do.
    let rounds = arguments.rounds * 10;
    let costs = run_rounds(workspace, Command::new("env"), &contenders, rounds)?;
    let [ours, theirs, once, many] = costs.as_slice() else {
        anyhow::bail!("four contenders ran and {} came back", costs.len());
    };
    let work = "PFX of 2,048 rounds to PEM";
    let ratio = |work, unit, ours: f64, theirs: f64, goal| {
        let (ours, theirs) = (ours * 1000.0, theirs * 1000.0);
        Ratio::new(work, PEER, unit, [ours, theirs], theirs / goal)
    };
    let alone = (many.cpu_seconds - once.cpu_seconds) / CONVERSIONS as f64;
    Ok(vec![
        ratio(work, "ms CPU", ours.cpu_seconds, theirs.cpu_seconds, GOAL_MILLISECONDS),
        ratio(work, "ms wall", ours.wall_seconds, theirs.wall_seconds, GOAL_MILLISECONDS),
        ratio(WORK_ALONE, "ms CPU", alone, theirs.cpu_seconds, GOAL_ALONE_MILLISECONDS),
    ])
}

/// The program that repeats the conversion, an example of the crate.
const LIBRARY: &str = "pfx_to_pem";
/// The cost of a process, and of loading OpenSSL's algorithms, is that of some hundred conversions at most.
const CONVERSIONS: usize = 100;
const WORK_ALONE: &str = "the same by the library, within a process";

/// What the library may take for one conversion.
const GOAL_ALONE_MILLISECONDS: f64 = 2.0;

/// What the whole command may take; the ratio to reach follows from the peer.
const GOAL_MILLISECONDS: f64 = 10.0;
