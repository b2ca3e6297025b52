//! Wrong usage: status 2, and a message that helps.

use crate::world::{Outcome, World, bare};

#[test]
fn unknown_commands_and_options_are_wrong_usage() {
    for arguments in [
        &["exprot"][..],
        &["export", "--tabel", "t"],
        &["secret", "get"],
        &["-o", "xml", "auth", "describe"],
    ] {
        Outcome::of(bare(arguments)).failed(2, &["error:"]);
    }
}

#[test]
fn an_unknown_cloud_names_the_built_in_ones() {
    let outcome = Outcome::of(bare(&["--cloud", "moon", "secret", "list", "--vault", "kv"]));
    outcome
        .failed(2, &["error: cannot read the cloud definition file `moon`", "hint:", "`public`"]);
}

#[test]
fn an_unknown_key_in_a_cloud_file_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cloud.json");
    std::fs::write(&file, r#"{"name": "x", "autority_host": "https://localhost"}"#).unwrap();
    let outcome =
        Outcome::of(bare(&["--cloud", file.to_str().unwrap(), "secret", "list", "--vault", "kv"]));
    outcome.failed(2, &["unknown key `autority_host`", "did you mean `authority_host`?"]);
}

#[test]
fn tokens_are_not_sent_to_hosts_outside_the_cloud() {
    let world = World::new();
    let url = "https://kv.vault.azure.net.example.com";
    let outcome = world.run(["secret", "list", "--vault", url]);
    outcome.failed(2, &["`kv.vault.azure.net.example.com` is no host of the cloud `emulators`"]);
}

#[test]
fn formats_for_batches_are_refused_by_commands_without_batches() {
    let outcome = Outcome::of(bare(&["auth", "describe", "-o", "parquet"]));
    outcome.failed(2, &["cannot write `parquet`", "hint: use `-o table`"]);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    use std::{io::Read, process::Stdio};

    let world = World::new();
    let mut command = world.command(&["secret", "list", "--vault", "kv-demo", "-o", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
}
