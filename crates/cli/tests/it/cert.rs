//! `azconnect cert`, without any network.

use crate::world::{Outcome, bare};

fn run(folder: &std::path::Path, arguments: &[&str]) -> Outcome {
    let mut command = bare(arguments);
    command.current_dir(folder);
    Outcome::of(command)
}

#[test]
fn what_new_makes_is_read_by_the_other_commands() {
    let folder = tempfile::tempdir().unwrap();
    let new = ["cert", "new", "--name", "job", "--bits", "2048", "--days", "30", "-o", "json"];
    let made = run(folder.path(), &new).json();
    let thumbprint = run(folder.path(), &["cert", "thumbprint", "job.pfx"]).done().stdout();
    assert_eq!(thumbprint.trim_end(), made["thumbprint_sha1"].as_str().unwrap());
    let pem = run(folder.path(), &["cert", "pem", "job.pfx"]).done().stdout();
    let key = pem.find("-----BEGIN PRIVATE KEY-----").unwrap();
    assert!(key < pem.find("-----BEGIN CERTIFICATE-----").unwrap());
    let shown = run(folder.path(), &["cert", "show", "job.pfx"]).done().stdout();
    assert!(shown.contains("CN=job"), "{shown}");
}

#[test]
fn a_wrong_password_is_told_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["cert", "new", "--name", "job", "--bits", "2048"]).ended_with(0);
    std::fs::write(folder.path().join("wrong"), "canary-wrong\n").unwrap();
    let outcome = run(folder.path(), &["cert", "pem", "job.pfx", "--password-file", "wrong"]);
    let outcome = outcome.failed(1, &["the password is wrong", "\nhint: "]);
    assert!(!outcome.stderr().contains("canary"));
}

#[test]
fn a_corrupt_pfx_is_told_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("job.pfx"), b"\x30\x82\x10\x00 truncated").unwrap();
    let outcome = run(folder.path(), &["cert", "show", "job.pfx"]);
    outcome.failed(1, &["job.pfx", "\nhint: "]);
}
