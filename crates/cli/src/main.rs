//! `azconnect`: parses the command line, calls a library, prints what comes back.
//!
//! Nothing is built before a command asks for it: the HTTP client, the credential and the cloud file are all
//! lazy in [`context::Context`], so `azconnect --help` and `azconnect cert …` take milliseconds.

#![forbid(unsafe_code)]

mod batches;
mod certificate_file;
mod cli;
mod clients;
mod cloud;
mod commands;
mod connection;
mod context;
mod credential;
mod environment;
mod failure;
mod input;
mod logging;
mod new_file;
mod printer;
mod progress;
mod signals;
mod transport;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Cli, context::Context, failure::Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::init(cli.global.verbose);
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&mut std::io::stderr().lock()),
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    cli.check_output_format()?;
    let context = Context::new(cli.global);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Failure::from_error("cannot start the async runtime", &error))?;
    let outcome = runtime.block_on(async {
        // The command's future is dropped by a signal, which removes temporary files and publishes nothing.
        tokio::select! {
            outcome = commands::run(cli.command, &context) => outcome,
            signal = context.signals().interrupted() => Err(Failure::interrupted(signal)),
        }
    });
    // A blocking thread that reads stdin or a slow disk must not keep a finished program alive.
    runtime.shutdown_background();
    outcome
}

/// More workers than this gain nothing for one export and cost start-up time on big machines.
const MAX_WORKERS: usize = 8;
