//! The signals that ask this process to stop, and when that is another's business.

use std::sync::atomic::{AtomicBool, Ordering};

/// Who acts on signals: this process, or a program that it runs.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    handed_over: AtomicBool,
}

impl Signals {
    /// From now on whoever calls this acts on signals: [`Signals::interrupted`] does not return any more.
    pub(crate) fn hand_over(&self) {
        self.handed_over.store(true, Ordering::SeqCst);
    }

    /// Waits for the request to stop, and returns the signal's number.
    pub(crate) async fn interrupted(&self) -> i32 {
        let signal = first().await;
        if self.handed_over.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        signal
    }
}

#[cfg(unix)]
async fn first() -> i32 {
    use tokio::signal::unix::{SignalKind, signal};
    let ignored = Ignored::at_start();
    let wait = async |number: i32| {
        // Without a handler the system's default applies, or what the parent asked for.
        let listener = (!ignored.contains(number))
            .then(|| signal(SignalKind::from_raw(number)).ok())
            .flatten();
        match listener {
            Some(mut listener) => listener.recv().await,
            None => std::future::pending().await,
        };
        number
    };
    tokio::select! {
        number = wait(SIGINT) => number,
        number = wait(SIGTERM) => number,
    }
}

#[cfg(not(unix))]
async fn first() -> i32 {
    match tokio::signal::ctrl_c().await {
        Ok(()) => SIGINT,
        Err(_) => std::future::pending().await,
    }
}

/// The signals that this process ignores, as `nohup` asks for, and shells for what they start in the background:
/// they are ignored still, by this process and by the programs that it runs.
#[cfg(unix)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ignored(u64);

#[cfg(unix)]
impl Ignored {
    /// What is ignored now. A signal that is handled is not ignored, so this comes before any handler.
    pub(crate) fn at_start() -> Self {
        // Elsewhere than on Linux there is no way to ask without unsafe code, and none is taken for ignored.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self::of(&status).unwrap_or(Self(0))
    }

    /// Spec: <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>, `SigIgn`
    fn of(status: &str) -> Option<Self> {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok().map(Self)
    }

    /// Whether the signal of this number is among them.
    pub(crate) fn contains(self, signal: i32) -> bool {
        u32::try_from(signal - 1).is_ok_and(|bit| bit < u64::BITS && self.0 >> bit & 1 == 1)
    }
}

const SIGINT: i32 = 2;
#[cfg(unix)]
const SIGTERM: i32 = 15;

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let ignored = Ignored::of("SigBlk:\t0000\nSigIgn:\t0000000000001007\n").unwrap();
        let numbers: Vec<i32> = (0..70).filter(|number| ignored.contains(*number)).collect();
        assert_eq!(numbers, [1, 2, 3, 13]);
        assert!(Ignored::of("SigBlk:\t0000\n").is_none());
    }
}
