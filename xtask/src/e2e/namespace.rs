//! A network and a file system of their own, for the addresses and folders that clients insist on.

use std::process::{Command, Stdio};

/// `unshare` around a command that the caller appends; none, and said so, where it is not allowed.
pub(super) fn enter() -> Option<Command> {
    // As root it needs nothing else; others are root inside of a user namespace, if they may.
    for rights in [&["--net", "--mount"][..], &["--map-root-user", "--net", "--mount"]] {
        let allowed = Command::new("unshare")
            .args(rights)
            .args(["--", "true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if allowed.is_ok_and(|status| status.success()) {
            let mut command = Command::new("unshare");
            command.args(rights).arg("--");
            return Some(command);
        }
    }
    eprintln!("xtask e2e: namespace: SKIPPED, `unshare --net --mount` is not allowed here");
    None
}
