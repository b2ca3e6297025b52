//! `azconnect-demo`: the main job on the emulators, from nothing, with its proof.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use azconnect_tests::demo::{self, Arguments};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = if arguments.table_only {
        demo::make_table(&arguments).map(|table| format!("made {} rows", table.rows))
    } else {
        demo::run(&arguments).await.map(|summary| summary.to_string())
    };
    // Nobody is left to be told if both streams are gone.
    match outcome {
        Ok(text) => match writeln!(io::stdout(), "{text}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:?}");
            ExitCode::FAILURE
        }
    }
}
