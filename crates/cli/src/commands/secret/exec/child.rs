//! Running the program: in our place, or beside us with its output masked.

use std::{
    io,
    process::{Command, ExitStatus, Stdio},
    sync::Arc,
};

#[cfg(unix)]
use super::forward::Forwarder;
use super::{
    masker::{Masker, Patterns},
    pump::{Patience, Pumps},
};
use crate::{context::Context, failure::Failure};

/// Becomes the program, so that signals, terminal and exit status are its own. Returns only if that fails.
#[cfg(unix)]
pub(super) fn replace(mut command: Command, _context: &Context) -> Failure {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    cannot_run(&command, &error)
}

/// Runs the program beside us: elsewhere none can take our place.
#[cfg(not(unix))]
pub(super) fn replace(mut command: Command, context: &Context) -> Failure {
    context.signals().hand_over();
    match command.status() {
        Ok(status) => ended(status),
        Err(error) => cannot_run(&command, &error),
    }
}

/// Runs the program beside us, masks what it prints, and hands signals on to it. How it ended is a failure in any
/// case but success, and so is output that is lost.
pub(super) async fn run(
    mut command: Command,
    patterns: Arc<Patterns>,
    context: &Context,
) -> Result<(), Failure> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // From here on a signal is the program's to act on.
    let forwarder = Forwarder::listen()
        .map_err(|error| Failure::from_error("cannot listen to signals", &error))?;
    context.signals().hand_over();
    let mut child = command.spawn().map_err(|error| cannot_run(&command, &error))?;
    let pumps = Pumps::start(&mut child, || Masker::new(Arc::clone(&patterns)));
    let pumps = pumps.map_err(|error| Failure::from_error("cannot read its output", &error))?;
    let outcome = tokio::task::spawn_blocking(move || {
        let status = forwarder.wait(child)?;
        let patience =
            if forwarder.stop_asked() { Patience::UntilStuck } else { Patience::Endless };
        Ok((status, pumps.finish(patience)))
    });
    let (status, output) = outcome
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(|error| Failure::from_error("cannot wait for the program", &error))?;
    match output {
        _ if !status.success() => Err(ended(status)),
        Ok(()) => Ok(()),
        Err(error) => Err(Failure::from_error(
            "the program succeeded, but not all of its output could be passed on",
            &error,
        )),
    }
}

/// Elsewhere the console tells all of its processes.
#[cfg(not(unix))]
struct Forwarder;

#[cfg(not(unix))]
impl Forwarder {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    fn wait(&self, mut child: std::process::Child) -> io::Result<ExitStatus> {
        child.wait()
    }

    fn stop_asked(&self) -> bool {
        false
    }
}

fn ended(status: ExitStatus) -> Failure {
    let code = status.code().or_else(|| signal_of(status).map(|signal| 128 + signal));
    Failure::passed(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal_of(_status: ExitStatus) -> Option<i32> {
    None
}

fn cannot_run(command: &Command, error: &std::io::Error) -> Failure {
    Failure::from_error(format!("cannot run `{}`", command.get_program().display()), error)
}
