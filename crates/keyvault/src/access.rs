//! Waiting for a role that was given a moment ago.
//!
//! A new role assignment reaches the servers of a vault one by one within some minutes. Until the
//! last one knows of it, requests are refused and allowed in turns: so one success proves little.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tracing::{info, warn};

use crate::{
    client::Task,
    clock::{Clock, random_part},
    error::{Error, Result},
};

/// How long a missing role is waited for, and what shows that it has come.
///
/// Only `ForbiddenByRbac` is waited for. A firewall, an access policy or a disabled secret does not
/// change by itself, and fails at once.
///
/// Spec: <https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessWait {
    longest: Duration,
    successes: u32,
}

impl AccessWait {
    /// Waits for at most this long for each operation. Azure names ten minutes for a new
    /// assignment.
    pub fn new(longest: Duration) -> Self {
        Self { longest, successes: 3 }
    }

    /// How many successes in a row show that the role has come; 0 and 1 both mean one. Default: 3.
    ///
    /// They are asked of the first read of a client, half a second apart. Whatever changes the vault
    /// is done once, as soon as it is allowed.
    #[must_use]
    pub fn with_successes(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }
}

/// Whether an operation may be repeated to see whether it goes on to succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It changes something.
    Once,
    /// It only reads.
    Repeated,
}

/// The waiting of one client.
#[derive(Debug)]
pub(crate) struct Access {
    options: AccessWait,
    proven: AtomicBool,
}

impl Access {
    pub(crate) fn new(options: AccessWait) -> Self {
        Self { options, proven: AtomicBool::new(false) }
    }

    /// Acts until that is allowed for good, fails for another reason, or takes too long.
    pub(crate) async fn wait<T, F, Fut>(
        &self,
        clock: &dyn Clock,
        task: &Task,
        proof: Proof,
        act: F,
    ) -> Result<T>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let began = clock.elapsed();
        let waited = || clock.elapsed().saturating_sub(began);
        let mut in_a_row = 0;
        let mut refusals = 0;
        loop {
            let needed = match proof {
                Proof::Repeated if !self.proven.load(Ordering::Relaxed) => self.options.successes,
                _ => 1,
            };
            let pause = match act().await {
                Ok(value) => {
                    in_a_row += 1;
                    if in_a_row >= needed {
                        // One change that was allowed proves nothing, and disproves nothing either.
                        if proof == Proof::Repeated {
                            self.proven.store(true, Ordering::Relaxed);
                        }
                        return Ok(value);
                    }
                    BETWEEN_SUCCESSES
                }
                Err(error) if error.is_missing_role() => {
                    self.proven.store(false, Ordering::Relaxed);
                    in_a_row = 0;
                    refusals += 1;
                    let pause = pause_after(refusals);
                    if waited() + pause > self.options.longest {
                        return Err(self.too_late(task, error));
                    }
                    if refusals == 1 {
                        warn!(
                            longest_s = self.options.longest.as_secs(),
                            "waiting for access: {error}"
                        );
                    } else {
                        info!(refusals, waited_s = waited().as_secs(), "still waiting: {error}");
                    }
                    pause
                }
                Err(error) => return Err(error),
            };
            clock.sleep(pause).await;
        }
    }

    fn too_late(&self, task: &Task, last: Error) -> Error {
        let message = format!(
            "cannot {} {}: access was not granted within {} s",
            task.operation.name(),
            task.resource,
            self.options.longest.as_secs()
        );
        Error::timed_out(message, last)
    }
}

/// From 2 s, doubled up to 30 s, plus up to a quarter.
fn pause_after(refusals: u32) -> Duration {
    let doublings = refusals.saturating_sub(1).min(4);
    let pause = Duration::from_secs(2 << doublings).min(Duration::from_secs(30));
    pause + random_part(pause / 4)
}

const BETWEEN_SUCCESSES: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests;
