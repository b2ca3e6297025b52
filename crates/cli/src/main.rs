//! `azconnect`: parses the command line, calls a library, prints what comes back.
//!
//! Nothing is built before a command asks for it: the HTTP client, the credential and the cloud file are all
//! lazy in [`context::Context`], so `azconnect --help` and `azconnect cert …` take milliseconds.

#![forbid(unsafe_code)]

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
mod logging;
mod printer;
mod progress;
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
        tokio::select! {
            outcome = commands::run(cli.command, &context) => outcome,
            signal = interrupted() => Err(Failure::interrupted(signal)),
        }
    });
    // A blocking thread that reads stdin or a slow disk must not keep a finished program alive.
    runtime.shutdown_background();
    outcome
}

/// Waits for the request to stop. The command's future is then dropped, which removes temporary files and
/// publishes nothing.
async fn interrupted() -> i32 {
    const SIGINT: i32 = 2;
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        const SIGTERM: i32 = 15;
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            return tokio::select! {
                _ = tokio::signal::ctrl_c() => SIGINT,
                _ = terminate.recv() => SIGTERM,
            };
        }
    }
    match tokio::signal::ctrl_c().await {
        Ok(()) => SIGINT,
        // Without a handler the system's default applies: the process ends.
        Err(_) => std::future::pending().await,
    }
}

/// More workers than this gain nothing for one export and cost start-up time on big machines.
const MAX_WORKERS: usize = 8;
