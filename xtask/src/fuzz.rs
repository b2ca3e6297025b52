//! `cargo xtask fuzz`: every parser of bytes that strangers write, fed by libFuzzer.
//!
//! The targets are in `fuzz/`, a workspace of its own. They are built with the stable compiler: LLVM's coverage pass
//! guides libFuzzer, which the crate `libfuzzer-sys` compiles from its sources.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::shell::{self, Workspace};

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct FuzzArguments {
    /// The targets to run, as the files in `fuzz/targets` are called; all if none is named.
    targets: Vec<String>,
    /// For how long each target is run; 0 runs what is in its corpus and nothing new.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Builds the targets, runs one after the other, and ends at the first that fails.
pub(crate) fn run(workspace: &Workspace, arguments: &FuzzArguments) -> Result<()> {
    let targets = chosen(workspace, &arguments.targets)?;
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    if !shell::is_installed(&compiler.to_string_lossy()) {
        bail!("libFuzzer is written in C++ and there is no compiler of it: `apt-get install g++`");
    }
    eprintln!("xtask: building needs the crate `libfuzzer-sys`, which cargo fetches");
    let triple = host_triple()?;
    build(workspace, &triple)?;
    for target in &targets {
        run_target(workspace, &triple, target, arguments.seconds)?;
    }
    println!("\n{} fuzz targets found nothing, each in {} s.", targets.len(), arguments.seconds);
    Ok(())
}

/// Compiles the targets without linking them, so that a change of an interface is noticed.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    take_lock(workspace)?;
    // With the target folder and the profile of the workspace, so that the dependencies are not compiled once more.
    let mut command = workspace.cargo(["check", "--manifest-path", MANIFEST]);
    // Nothing is linked, so that libFuzzer itself, and with it a compiler of C++, is not needed.
    shell::run(command.env("CUSTOM_LIBFUZZER_PATH", workspace.root().join("fuzz/not-linked")))
}

fn chosen(workspace: &Workspace, named: &[String]) -> Result<Vec<String>> {
    let folder = workspace.root().join("fuzz/targets");
    let mut known = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        known.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    known.sort();
    match named.iter().find(|name| !known.contains(name)) {
        Some(name) => bail!("there is no fuzz target `{name}`; there are: {}", known.join(", ")),
        None if named.is_empty() => Ok(known),
        None => Ok(named.to_vec()),
    }
}

/// Cargo's resolver must not find newer versions than those that the programs are built with.
fn take_lock(workspace: &Workspace) -> Result<()> {
    let copy =
        |from: &str, to: &str| fs::copy(workspace.root().join(from), workspace.root().join(to));
    copy("Cargo.lock", "fuzz/Cargo.lock").context("cannot copy Cargo.lock to fuzz/")?;
    Ok(())
}

fn build(workspace: &Workspace, triple: &str) -> Result<()> {
    take_lock(workspace)?;
    let mut command = workspace.cargo(["build", "--release", "--manifest-path", MANIFEST]);
    // With a triple the flags are those of the targets alone, and not of build scripts and macros.
    command.args(["--target", triple, "--target-dir"]).arg(folder(workspace));
    shell::run(command.env("RUSTFLAGS", COVERAGE_FLAGS.join(" ")))
}

fn run_target(workspace: &Workspace, triple: &str, target: &str, seconds: u32) -> Result<()> {
    let folder = folder(workspace);
    let corpus = folder.join("corpus").join(target);
    let findings = folder.join("findings").join(target);
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    let mut command = Command::new(folder.join(triple).join("release").join(target));
    command.current_dir(workspace.root());
    // libFuzzer writes what it learns into the first folder, and reads the others.
    command.arg(&corpus).args(seeds(workspace.root(), target));
    let mut prefix = findings.clone().into_os_string();
    prefix.push("/");
    let mut artifacts = std::ffi::OsString::from("-artifact_prefix=");
    artifacts.push(prefix);
    command.arg(artifacts);
    command.args(["-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1"]);
    command.args([format!("-max_len={MAX_INPUT_BYTES}")]);
    command.arg(match seconds {
        0 => "-runs=0".to_owned(),
        seconds => format!("-max_total_time={seconds}"),
    });
    shell::run(&mut command).with_context(|| {
        format!(
            "`{target}` failed; the input is in {}; make it a test of the crate",
            findings.display()
        )
    })
}

/// The seeds of a target: its own, and the fixtures of the crate it is about.
fn seeds(root: &Path, target: &str) -> Vec<PathBuf> {
    let fixtures = match target {
        name if name.starts_with("auth_") => "crates/auth/tests/fixtures",
        _ => "crates/cert-tools/fixtures",
    };
    let own = match target {
        "pfx_structure" => "pfx_open",
        own => own,
    };
    let own = root.join("fuzz/seeds").join(own);
    [own, root.join(fixtures)].into_iter().filter(|folder| folder.is_dir()).collect()
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz")
}

fn host_triple() -> Result<String> {
    let told = shell::output(Command::new("rustc").arg("-vV"))?;
    let triple = told.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(triple.context("`rustc -vV` names no host")?.to_owned())
}

const MANIFEST: &str = "fuzz/Cargo.toml";

/// What libFuzzer learns from: which edges of the program an input reaches, and what it is compared with.
///
/// Spec: <https://clang.llvm.org/docs/SanitizerCoverage.html>
const COVERAGE_FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// Larger than every fixture; what is longer teaches nothing that a short input does not.
const MAX_INPUT_BYTES: usize = 8192;
