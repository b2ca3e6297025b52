//! `cargo xtask vendor CRATE`: proves that a crate stands alone.
//!
//! The crate is packaged as it would be published, unpacked into an empty folder outside the
//! workspace, and built and tested there with nothing of the workspace beside it.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::shell::{self, Workspace};

#[derive(Args)]
pub(crate) struct VendorArguments {
    /// The crate's folder below `crates/`.
    #[arg(default_value = "auth")]
    name: String,
    /// Copies the crate there as well, ready to be vendored; the folder must not exist.
    #[arg(long)]
    to: Option<PathBuf>,
}

impl Default for VendorArguments {
    fn default() -> Self {
        Self { name: "auth".to_owned(), to: None }
    }
}

/// Packages, unpacks, builds and tests the crate.
pub(crate) fn run(workspace: &Workspace, arguments: &VendorArguments) -> Result<()> {
    let package = format!("azconnect-{}", arguments.name);
    if let Some(to) = arguments.to.as_ref().filter(|to| to.exists()) {
        bail!("`{}` exists; name a folder that does not", to.display());
    }
    shell::run(&mut workspace.cargo([
        "package",
        "--no-verify",
        "--allow-dirty",
        "--package",
        &package,
    ]))?;

    let version = env!("CARGO_PKG_VERSION");
    let archive = workspace.target().join("package").join(format!("{package}-{version}.crate"));
    // Outside the workspace's tree, or cargo would look for the workspace above it.
    let empty = std::env::temp_dir().join(format!("azconnect-vendor-{}", std::process::id()));
    fs::create_dir_all(&empty)?;
    let result =
        build_alone(workspace, &archive, &empty.join(format!("{package}-{version}")), arguments);
    fs::remove_dir_all(&empty)?;
    result
}

fn build_alone(
    workspace: &Workspace,
    archive: &std::path::Path,
    unpacked: &std::path::Path,
    arguments: &VendorArguments,
) -> Result<()> {
    let parent = unpacked.parent().context("the unpacked crate has a parent folder")?;
    // `m`: as new files. A package's own are all of 2006, by which cargo would take a build of an
    // earlier package in the same target folder for one of this.
    shell::run(Command::new("tar").arg("-xmzf").arg(archive).arg("-C").arg(parent))?;
    let manifest = fs::read_to_string(unpacked.join("Cargo.toml"))?;
    if let Some(line) = manifest.lines().find(|line| line.starts_with("[dependencies.azconnect-")) {
        bail!("the packaged crate depends on a crate of the workspace: {line}");
    }
    // The same locked versions and the same target folder: what is built already is not built again.
    fs::copy(workspace.root().join("Cargo.lock"), unpacked.join("Cargo.lock"))?;
    shell::run(workspace.cargo(["test", "--all-features"]).current_dir(unpacked))?;
    if arguments.name == "auth" {
        check_weight(workspace, unpacked)?;
    }
    for features in alone(&arguments.name) {
        eprintln!("xtask vendor: with the features `{features}` only");
        shell::run(
            workspace
                .cargo(["check", "--no-default-features", "--features", features])
                .current_dir(unpacked),
        )?;
    }
    if let Some(to) = &arguments.to {
        shell::run(Command::new("cp").arg("-R").arg(unpacked).arg(to))?;
        println!("`{}` holds the crate, built and tested alone", to.display());
    }
    Ok(())
}

/// The sets of features that somebody may choose in place of the default ones.
fn alone(name: &str) -> &'static [&'static str] {
    match name {
        // The vendored one, since the system may have no OpenSSL to build with.
        "auth" => &["", "rustls", "native-tls-vendored"],
        _ => &[],
    }
}

/// What a user of the crate gets with it: no more packages than with its neighbour, and no OpenSSL.
fn check_weight(workspace: &Workspace, unpacked: &std::path::Path) -> Result<()> {
    let mut tree = workspace.cargo(["tree", "--edges", "normal", "--prefix", "none"]);
    let told = shell::output(tree.args(["--format", "{p}"]).current_dir(unpacked))?;
    // `name v1.2.3`, and a mark where it was printed before.
    let packages: BTreeSet<Vec<&str>> =
        told.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    for unwanted in ["native-tls", "openssl", "openssl-sys"] {
        if packages.iter().any(|package| package.first() == Some(&unwanted)) {
            bail!("with default features the crate depends on `{unwanted}`");
        }
    }
    let count = packages.len();
    if count > MAX_PACKAGES {
        bail!("with default features the crate takes {count} packages, more than {MAX_PACKAGES}");
    }
    eprintln!("xtask vendor: {count} packages with default features, none of them OpenSSL");
    Ok(())
}

/// The packages of azure_identity 1.0 and ten more.
const MAX_PACKAGES: usize = 144;
