//! Copies a benchmark's figures into `docs/benchmarks/`, with what they were measured on.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{
    BenchArguments,
    report::{self, Ratio},
};
use crate::shell::{self, Workspace};

pub(super) fn publish(
    workspace: &Workspace,
    folder: &Path,
    name: &str,
    arguments: &BenchArguments,
    ratios: &[Ratio],
) -> Result<()> {
    let docs = workspace.root().join("docs/benchmarks");
    fs::create_dir_all(&docs)?;
    for extension in ["json", "svg"] {
        let file = Path::new(name).with_extension(extension);
        fs::copy(folder.join(&file), docs.join(&file))
            .with_context(|| format!("no {} to publish", file.display()))?;
    }
    let text = format!(
        "# Benchmark `{name}`\n\n{}\n![chart]({name}.svg)\n\n{}",
        report::table(ratios),
        conditions(name, arguments)?
    );
    fs::write(docs.join(name).with_extension("md"), text)?;
    Ok(())
}

/// The machine, the versions and the command.
fn conditions(name: &str, arguments: &BenchArguments) -> Result<String> {
    let processors = std::thread::available_parallelism()?;
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| line.trim_start_matches([':', '\t', ' ']));
    let compiler = shell::output(Command::new("rustc").arg("--version"))?;
    let python = shell::output(Command::new("python3").arg("--version"))?;
    Ok(format!(
        "Measured by `cargo xtask bench {name} --rounds {} --scale-factor {}`: the median of {} rounds (ten times as many where a run takes milliseconds), contenders in turn.\n\n\
         - machine: {processors} cores, {model}\n\
         - compiler: {}\n\
         - {}, packages as pinned in `tests/e2e/requirements.txt`\n",
        arguments.rounds,
        arguments.scale_factor,
        arguments.rounds,
        compiler.trim(),
        python.trim(),
    ))
}
