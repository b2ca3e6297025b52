//! Signals, handed on to the program.
//!
//! A signal that the terminal raises (Ctrl-C, Ctrl-Z, the end of the line) reaches every process of the foreground
//! group by itself, the program among them. To hand it on would be to raise it twice, so only what another process
//! has sent to us alone is.

use std::{
    io,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, getsid, kill_process, waitid,
};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::{SignalsInfo, exfiltrator::origin::WithOrigin},
    low_level::{emulate_default_handler, siginfo::Cause},
};

use crate::signals::Ignored;

/// Hands signals on, from before the program starts.
pub(super) struct Forwarder(Arc<Mutex<State>>);

/// What signals are for.
#[derive(Default)]
struct State {
    program: Program,
    /// Somebody has asked the program to stop.
    stop_asked: bool,
}

enum Program {
    /// It is about to start, and gets these then.
    Expected(Vec<Signal>),
    Running(Child),
    /// Its number may be another's now. Who asks for a stop means us.
    Ended,
}

impl Default for Program {
    fn default() -> Self {
        Self::Expected(Vec::new())
    }
}

impl Forwarder {
    /// Begins to listen. What comes now, the program gets when it has started.
    pub(super) fn listen() -> io::Result<Self> {
        let ignored = Ignored::at_start();
        // What we are told to ignore, the program ignores as well.
        let numbers = FORWARDED.into_iter().filter(|number| !ignored.contains(*number));
        let mut signals = SignalsInfo::<WithOrigin>::new(numbers)?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        // It ends with the process: a stop is obeyed until the last output is passed on.
        thread::spawn(move || {
            for origin in &mut signals {
                lock(&shared).handle(origin.signal, origin.cause == Cause::Kernel);
                if origin.signal == SIGTSTP && has_job_control() {
                    // The shell waits for us to stop as well. It wakes the whole group afterwards.
                    let _ = kill_process(getpid(), Signal::STOP);
                }
            }
        });
        Ok(Self(state))
    }

    /// Waits for the end of the program.
    pub(super) fn wait(&self, child: Child) -> io::Result<ExitStatus> {
        let pid = Pid::from_child(&child);
        lock(&self.0).started(child);
        // Its number stays its own until it is waited for below, when no signal is on its way.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
        match std::mem::replace(&mut lock(&self.0).program, Program::Ended) {
            Program::Running(mut child) => child.wait(),
            Program::Expected(_) | Program::Ended => Err(io::Error::other("there is no program")),
        }
    }

    /// Whether somebody has asked the program to stop.
    pub(super) fn stop_asked(&self) -> bool {
        lock(&self.0).stop_asked
    }
}

impl State {
    fn started(&mut self, child: Child) {
        if let Program::Expected(signals) = &self.program {
            for signal in signals {
                let _ = kill_process(Pid::from_child(&child), *signal);
            }
        }
        self.program = Program::Running(child);
    }

    fn handle(&mut self, number: i32, by_terminal: bool) {
        let asks_to_stop = STOPPING.contains(&number);
        self.stop_asked |= asks_to_stop;
        let Some(signal) = Signal::from_named_raw(number) else { return };
        match &mut self.program {
            // A program that is not there yet has not had what the terminal raises.
            Program::Expected(signals) => signals.push(signal),
            Program::Running(_) if by_terminal => {}
            Program::Running(child) => {
                // A program that is gone needs no signal.
                let _ = kill_process(Pid::from_child(child), signal);
            }
            Program::Ended if asks_to_stop => {
                // We end of it, as whoever waits for us can see. It does not return.
                let _ = emulate_default_handler(number);
            }
            Program::Ended => {}
        }
    }
}

/// Whether a shell is there to wake what is stopped: not for a service, nor for what began its own session.
fn has_job_control() -> bool {
    let leads_session = getsid(None).is_ok_and(|session| session == getpgrp());
    !leads_session && std::fs::File::open("/dev/tty").is_ok()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

const FORWARDED: [i32; 9] =
    [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH];
/// Of these, what asks for an end.
const STOPPING: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt as _, process::Command};

    use super::*;

    #[test]
    fn what_comes_before_the_program_has_started_reaches_it() {
        for by_terminal in [false, true] {
            let mut state = State::default();
            state.handle(SIGWINCH, by_terminal);
            state.handle(SIGTERM, by_terminal);
            assert!(state.stop_asked);
            state.started(Command::new("sleep").arg("600").spawn().unwrap());
            let Program::Running(mut child) = std::mem::replace(&mut state.program, Program::Ended)
            else {
                panic!("it has started")
            };
            assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
        }
    }

    #[test]
    fn what_the_terminal_raises_reaches_a_program_once() {
        let mut state = State::default();
        state.started(Command::new("sleep").arg("600").spawn().unwrap());
        state.handle(SIGINT, true);
        state.handle(SIGTERM, false);
        let Program::Running(child) = &mut state.program else { panic!("it has started") };
        // The first would have ended it, if it had been handed on.
        assert_eq!(child.wait().unwrap().signal(), Some(SIGTERM));
    }
}
