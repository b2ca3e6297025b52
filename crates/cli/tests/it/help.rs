//! `--help` of every command.

use crate::world::{Outcome, bare};

const COMMANDS: [&[&str]; 21] = [
    &[],
    &["auth"],
    &["auth", "describe"],
    &["auth", "token"],
    &["cert"],
    &["cert", "new"],
    &["cert", "pem"],
    &["cert", "show"],
    &["cert", "thumbprint"],
    &["export"],
    &["lake"],
    &["lake", "cat"],
    &["lake", "cp"],
    &["lake", "ls"],
    &["lake", "rm"],
    &["lake", "stat"],
    &["secret"],
    &["secret", "get"],
    &["secret", "list"],
    &["sql"],
    &["sql", "query"],
];

#[test]
fn every_command_shows_examples() {
    for command in COMMANDS {
        let help = Outcome::of(bare(&[command, &["--help"]].concat())).done().stdout();
        assert!(help.contains("Usage: azconnect"), "{command:?}:\n{help}");
        assert!(help.contains("Examples:"), "{command:?}:\n{help}");
    }
}

#[test]
fn no_option_takes_a_secret() {
    for command in COMMANDS {
        let help = Outcome::of(bare(&[command, &["--help"]].concat())).stdout();
        for option in ["--password ", "--client-secret ", "--token ", "--key "] {
            assert!(!help.contains(option), "{command:?} has `{option}`");
        }
    }
}

#[test]
fn the_environment_is_not_shown_by_help() {
    let mut command = bare(&["auth", "token", "--help"]);
    command.env("AZURE_TENANT_ID", "canary-tenant").env("AZURE_CLIENT_SECRET", "canary-secret");
    assert!(!Outcome::of(command).stdout().contains("canary"));
}

#[test]
fn no_command_at_all_shows_help_and_is_wrong_usage() {
    let outcome = Outcome::of(bare(&[]));
    outcome.failed(2, &["Usage: azconnect", "Examples:"]);
}

#[test]
fn the_version_is_that_of_the_package() {
    let version = Outcome::of(bare(&["--version"])).done().stdout();
    assert_eq!(version, concat!("azconnect ", env!("CARGO_PKG_VERSION"), "\n"));
}
