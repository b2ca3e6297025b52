//! `cargo xtask tidy`: the rules of the architecture that no compiler checks.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::shell::{self, Workspace};

/// Which crates of ours a crate may use; the reasons are in `docs/architecture.md`.
/// Dev-dependencies are free to use the emulators.
const ALLOWED: [(&str, &[&str]); 8] = [
    ("azconnect-cert-tools", &[]),
    ("azconnect-auth", &[]),
    ("azconnect-keyvault", &["azconnect-cert-tools"]),
    ("azconnect-lake", &[]),
    ("azconnect-synapse", &[]),
    ("azconnect-transfer", &["azconnect-lake", "azconnect-synapse"]),
    ("azconnect-emulators", &["azconnect-cert-tools"]),
    ("xtask", &[]),
];

/// Checks everything and reports all that is wrong.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut wrong = forbidden_edges(workspace)?;
    wrong.extend(compiled_twice(workspace)?);
    check_sources(&workspace.root().join("crates"), &mut wrong)?;
    check_sources(&workspace.root().join("tests"), &mut wrong)?;
    check_sources(&workspace.root().join("xtask"), &mut wrong)?;
    if !wrong.is_empty() {
        bail!("{} untidy places:\n  {}", wrong.len(), wrong.join("\n  "));
    }
    Ok(())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

fn forbidden_edges(workspace: &Workspace) -> Result<Vec<String>> {
    let text =
        shell::output(&mut workspace.cargo(["metadata", "--no-deps", "--format-version=1"]))?;
    let metadata: Metadata =
        serde_json::from_str(&text).context("cargo metadata changed its form")?;
    let mut wrong = Vec::new();
    for package in metadata.packages {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == package.name) else {
            continue;
        };
        for dependency in package.dependencies {
            let is_ours = dependency.name.starts_with("azconnect");
            if is_ours && dependency.kind.is_none() && !allowed.contains(&dependency.name.as_str())
            {
                wrong.push(format!("{} must not use {}", package.name, dependency.name));
            }
        }
    }
    Ok(wrong)
}

/// The dependencies that have other features in tests than in programs: they, and all that is built
/// on them, up to DataFusion, would be compiled once more.
fn compiled_twice(workspace: &Workspace) -> Result<Vec<String>> {
    let crates = |edges: &str| -> Result<BTreeSet<String>> {
        let mut command =
            workspace.cargo(["tree", "--workspace", "--all-features", "--prefix=none"]);
        command.args(["--edges", edges, "--format", "{p} with {f}"]);
        let text = shell::output(&mut command)?;
        Ok(text.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).collect())
    };
    let name = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let programs = crates("normal,build")?;
    let tests = crates("normal,build,dev")?;
    let known: BTreeSet<String> = programs.iter().map(|line| name(line)).collect();
    let widened = tests.difference(&programs).filter(|line| known.contains(&name(line)));
    Ok(widened
        .map(|line| {
            format!(
                "a dev-dependency widens the features of {}: name them in [workspace.dependencies]",
                name(line)
            )
        })
        .collect())
}

fn check_sources(folder: &Path, wrong: &mut Vec<String>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            check_sources(&path, wrong)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            check_source(&path, wrong)?;
        }
    }
    Ok(())
}

fn check_source(path: &Path, wrong: &mut Vec<String>) -> Result<()> {
    let text = fs::read_to_string(path)?;
    let shown = path.display();
    if !text.starts_with("//!") && !text.starts_with("#![doc") {
        wrong.push(format!("{shown}: does not open with what the file is for (`//!`)"));
    }
    let ignored = concat!("#[", "ignore");
    if text.lines().any(|line| line.trim_start().starts_with(ignored)) {
        wrong.push(format!("{shown}: a test is ignored"));
    }
    let lines = text.lines().count();
    if lines > 800 {
        wrong.push(format!("{shown}: {lines} lines; more than 800 is usually two rooms in one"));
    }
    Ok(())
}
