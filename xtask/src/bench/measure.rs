//! Runs contenders alternately and reads what each cost.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;

use crate::shell::{self, Workspace};

/// One program under measurement.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) command: Vec<OsString>,
    /// Extra variables; `$NAME` in a value is what `azconnect-emulate run` set for NAME.
    pub(crate) environment: Vec<(&'static str, &'static str)>,
    /// What it must print, if that is known; compared once, in a run that does not count.
    pub(crate) stdout: Option<String>,
}

/// What a contender cost: the median of its rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall_seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_mebibytes: f64,
}

#[derive(Deserialize)]
struct Sample {
    wall_seconds: f64,
    cpu_seconds: f64,
    peak_mebibytes: f64,
}

/// Runs `rounds` rounds of all contenders inside `around` (a command that runs what is appended to
/// it) and returns each one's median cost, in the order given.
pub(crate) fn measure(
    workspace: &Workspace,
    mut around: Command,
    contenders: &[Contender],
    rounds: usize,
) -> Result<Vec<Cost>> {
    let folder = workspace.target().join("bench");
    fs::create_dir_all(&folder)?;
    let plan = folder.join("plan.json");
    let samples = folder.join("samples.json");
    let commands: Vec<_> = contenders
        .iter()
        .map(|contender| {
            let words: Vec<_> =
                contender.command.iter().map(|word| word.to_string_lossy()).collect();
            let environment: HashMap<_, _> = contender.environment.iter().copied().collect();
            json!({
                "name": contender.name,
                "command": words,
                "environment": environment,
                "stdout": contender.stdout,
            })
        })
        .collect();
    fs::write(&plan, serde_json::to_vec(&json!({"rounds": rounds, "contenders": commands}))?)?;
    shell::run(around.arg("python3").arg(script(workspace)).arg(&plan).arg(&samples))?;
    let read: Vec<Vec<Sample>> =
        serde_json::from_slice(&fs::read(&samples)?).context("measure.py wrote no samples")?;
    Ok(read.iter().map(|samples| Cost::median(samples)).collect())
}

impl Cost {
    fn median(samples: &[Sample]) -> Self {
        Self {
            wall_seconds: median(samples.iter().map(|sample| sample.wall_seconds)),
            cpu_seconds: median(samples.iter().map(|sample| sample.cpu_seconds)),
            peak_mebibytes: median(samples.iter().map(|sample| sample.peak_mebibytes)),
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

fn script(workspace: &Workspace) -> PathBuf {
    workspace.root().join(Path::new("xtask/src/bench/measure.py"))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_of_odd_and_even_counts() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }
}
