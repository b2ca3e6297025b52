//! `cargo xtask ci`: every check that a change must pass, the fastest to fail first.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::{
    demo::{self, DemoArguments},
    e2e::{self, E2eArguments},
    fuzz,
    shell::{self, WHOLE_WORKSPACE, Workspace},
    tidy,
    vendor::{self, VendorArguments},
};

/// Runs all checks and ends at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut times = Vec::new();
    for (name, check) in CHECKS {
        eprintln!("\nxtask ci: {name}");
        let begun = Instant::now();
        check(workspace).with_context(|| format!("the check `{name}` failed"))?;
        times.push((name, begun.elapsed().as_secs_f64()));
    }
    println!("\nAll checks passed:");
    for (name, seconds) in times {
        println!("  {name:<16} {seconds:>7.1} s");
    }
    Ok(())
}

type Check = (&'static str, fn(&Workspace) -> Result<()>);

const CHECKS: [Check; 9] = [
    ("format", format),
    ("tidy", tidy::run),
    ("lint", lint),
    ("fuzz targets", fuzz::check),
    ("documentation", document),
    ("tests", test),
    ("demo", |workspace| demo::run(workspace, &DemoArguments::default())),
    ("foreign clients", |workspace| e2e::run(workspace, &E2eArguments::default())),
    ("auth alone", |workspace| vendor::run(workspace, &VendorArguments::default())),
];

fn format(workspace: &Workspace) -> Result<()> {
    shell::run(&mut workspace.cargo(["fmt", "--all", "--check"]))
}

fn lint(workspace: &Workspace) -> Result<()> {
    shell::run(
        workspace
            .cargo(["clippy", "--all-targets"])
            .args(WHOLE_WORKSPACE)
            .args(["--", "--deny", "warnings"]),
    )
}

fn document(workspace: &Workspace) -> Result<()> {
    shell::run(
        workspace
            .cargo(["doc", "--no-deps", "--document-private-items"])
            .args(WHOLE_WORKSPACE)
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}

fn test(workspace: &Workspace) -> Result<()> {
    shell::run(workspace.cargo(["test"]).args(WHOLE_WORKSPACE))
}
