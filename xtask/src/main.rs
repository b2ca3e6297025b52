//! The project's automation: `cargo xtask COMMAND`, one file per command.
//!
//! It knows no crate of the workspace; it builds and runs them as a user would.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program for developers")]

mod bench;
mod ci;
mod demo;
mod e2e;
mod fuzz;
mod shell;
mod tidy;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks, demonstrates, measures and packages azconnect")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole main job on the embedded emulators and proves what came out of it.
    Demo(demo::DemoArguments),
    /// Runs every check that a change must pass, the fastest to fail first.
    Ci,
    /// Checks the rules that no compiler checks: which crate may use which, no ignored tests.
    Tidy,
    /// Runs foreign clients (Azure's Python SDKs, ODBC drivers, pyarrow) against the emulators.
    E2e(e2e::E2eArguments),
    /// Takes one crate out alone: packages it, unpacks it elsewhere, builds and tests it there.
    Vendor(vendor::VendorArguments),
    /// Measures ours and the named peers in the same run and prints the ratios.
    Bench(bench::BenchArguments),
    /// Feeds the parsers of untrusted bytes with inputs that coverage guides.
    Fuzz(fuzz::FuzzArguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = shell::Workspace::locate()?;
    match command {
        Command::Demo(arguments) => demo::run(&workspace, &arguments),
        Command::Ci => ci::run(&workspace),
        Command::Tidy => tidy::run(&workspace),
        Command::E2e(arguments) => e2e::run(&workspace, &arguments),
        Command::Vendor(arguments) => vendor::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Fuzz(arguments) => fuzz::run(&workspace, &arguments),
    }
}
