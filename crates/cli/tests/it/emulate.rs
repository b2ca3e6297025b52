//! `azconnect emulate`: who is called, and with what.

#![cfg(unix)]

use std::process::Command;

use crate::world::{Outcome, bare, write_script};

/// A program of that name that tells its arguments, in a folder of its own.
fn stand_in() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("azconnect-emulate");
    write_script(&program, "printf '<%s>' \"$@\"\nexit 7");
    folder
}

/// The binary alone in a folder, as far from its sibling as a broken installation puts it.
fn lonely_binary(folder: &std::path::Path) -> std::path::PathBuf {
    let lonely = folder.join("azconnect");
    // By another process, for the reason that `write_script` tells.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_azconnect")).arg(&lonely).status();
    assert!(copied.unwrap().success());
    lonely
}

#[test]
fn arguments_and_status_are_those_of_the_program() {
    let (path, home) = (stand_in(), tempfile::tempdir().unwrap());
    let mut command = std::process::Command::new(lonely_binary(home.path()));
    command.env_clear().env("PATH", path.path());
    command.args(["emulate", "run", "--", "sh", "-c", "true", "--help"]);
    let outcome = Outcome::of(command);
    outcome.ended_with(7);
    assert_eq!(outcome.stdout(), "<run><--><sh><-c><true><--help>");
}

#[test]
fn the_sibling_comes_before_the_path() {
    let (home, path) = (stand_in(), tempfile::tempdir().unwrap());
    let mut command = std::process::Command::new(lonely_binary(home.path()));
    command.env_clear().env("PATH", path.path()).args(["emulate", "up", "--help"]);
    let outcome = Outcome::of(command);
    outcome.ended_with(7);
    assert_eq!(outcome.stdout(), "<up><--help>");
}

#[test]
fn a_missing_program_is_told_with_how_to_get_it() {
    let home = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(lonely_binary(home.path()));
    command.env_clear().env("PATH", home.path()).args(["emulate", "up"]);
    Outcome::of(command).failed(1, &["`azconnect-emulate` is neither beside", "hint: install it"]);
}

#[test]
fn no_argument_is_left_to_the_program_to_complain_about() {
    // The real sibling of the binary under test, if it has been built, or the hint.
    let outcome = Outcome::of(bare(&["help", "emulate"]));
    outcome.ended_with(0);
    assert!(outcome.stdout().contains("Examples:"));
}
