//! Signals, handed on to the program.
//!
//! A signal that the terminal raises (Ctrl-C, Ctrl-Z, the end of the line) reaches every process of the foreground
//! group by itself, the program among them. To hand it on would be to raise it twice, so only what another process
//! has sent to us alone is.

use std::{
    io,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::{
    consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::{Handle, SignalsInfo, exfiltrator::origin::WithOrigin},
    low_level::siginfo::{Cause, Origin},
};

use crate::signals::Ignored;

/// Hands signals on as long as the program runs.
pub(super) struct Forwarder {
    /// Empty once the program has ended: its number may be another's then.
    child: Arc<Mutex<Option<Child>>>,
    signals: Handle,
}

impl Forwarder {
    pub(super) fn start(child: Child) -> io::Result<Self> {
        let ignored = Ignored::at_start();
        // What we are told to ignore, the program ignores as well.
        let numbers = FORWARDED.into_iter().filter(|number| !ignored.contains(*number));
        let mut signals = SignalsInfo::<WithOrigin>::new(numbers)?;
        let handle = signals.handle();
        let child = Arc::new(Mutex::new(Some(child)));
        let target = Arc::clone(&child);
        thread::spawn(move || {
            for origin in &mut signals {
                forward(&target, &origin);
            }
        });
        Ok(Self { child, signals: handle })
    }

    /// Waits for the end of the program.
    pub(super) fn wait(self) -> io::Result<ExitStatus> {
        let lock = || self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = lock().as_ref().map(pid_of);
        if let Some(pid) = pid {
            // Its number stays its own until it is waited for below, when no signal is on its way.
            loop {
                let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                match waitid(WaitId::Pid(pid), options) {
                    Err(rustix::io::Errno::INTR) => {}
                    Ok(_) | Err(_) => break,
                }
            }
        }
        let child = lock().take();
        self.signals.close();
        match child {
            Some(mut child) => child.wait(),
            None => Err(io::Error::other("the program was waited for already")),
        }
    }
}

fn forward(child: &Mutex<Option<Child>>, origin: &Origin) {
    let by_terminal = origin.cause == Cause::Kernel;
    if !by_terminal
        && let Some(child) = &*child.lock().unwrap_or_else(PoisonError::into_inner)
        && let Some(signal) = Signal::from_named_raw(origin.signal)
    {
        // A program that is gone needs no signal.
        let _ = kill_process(pid_of(child), signal);
    }
    if origin.signal == SIGTSTP {
        // The shell waits for us to stop as well. It wakes the whole group afterwards.
        let _ = kill_process(rustix::process::getpid(), Signal::STOP);
    }
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

const FORWARDED: [i32; 9] =
    [SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGWINCH];
