//! `azconnect emulate`: hands over to the program `azconnect-emulate`, as git does for its subcommands, so that
//! the emulators' SQL engine is no part of this binary.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::Command,
};

use clap::Args;

use crate::{context::Context, environment::Environment, failure::Failure};

/// Arguments of `emulate`: passed on as they are.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, disable_help_flag = true)]
pub(crate) struct EmulateArgs {
    /// Arguments of `azconnect-emulate`; `azconnect emulate --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Runs `emulate`.
pub(crate) async fn run(args: EmulateArgs, context: &Context) -> Result<(), Failure> {
    let program = find(context.environment()).ok_or_else(|| {
        Failure::new(format!("the program `{PROGRAM}` is neither beside `azconnect` nor in PATH"))
            .with_hint("install it too: `cargo install --path crates/emulators`")
    })?;
    let mut command = Command::new(&program);
    command.args(args.args);
    hand_over(command, &program)
}

/// Replaces this process, so that signals and the exit status are the emulators' own.
#[cfg(unix)]
fn hand_over(mut command: Command, program: &Path) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    Err(cannot_start(program, &command.exec()))
}

/// Runs the program and ends with its status.
#[cfg(not(unix))]
fn hand_over(mut command: Command, program: &Path) -> Result<(), Failure> {
    let status = command.status().map_err(|error| cannot_start(program, &error))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Err(Failure::passed(code))
}

fn cannot_start(program: &Path, error: &io::Error) -> Failure {
    Failure::from_error(format!("cannot start `{}`", program.display()), error)
}

/// The sibling of this executable comes first: it has the same version.
fn find(environment: Environment) -> Option<PathBuf> {
    let file = [PROGRAM, env::consts::EXE_SUFFIX].concat();
    let sibling = env::current_exe().ok().and_then(|own| Some(own.parent()?.join(&file)));
    let path = environment.os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|folder| folder.join(&file));
    sibling.into_iter().chain(in_path).find(|candidate| candidate.is_file())
}

const PROGRAM: &str = "azconnect-emulate";

const EXAMPLES: &str = "\
Examples:
  Start the emulators and print where they are:
    azconnect emulate up --tables ./tables

  Run one command against fresh emulators, which end with it:
    azconnect emulate run -- azconnect secret list --vault kv-demo";
