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

fn made(folder: &std::path::Path, arguments: &[&str]) {
    let new = ["cert", "new", "--name", "job"];
    run(folder, &[&new[..], arguments].concat()).ended_with(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_finds_the_certificate_in_memory_and_nothing_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--bits", "2048"]);
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = files();
    let exec = ["cert", "exec", "job.pfx", "--", "sh", "-c"];
    // A child of the program finds it too, though it inherits no open files.
    let script = "env -i PATH=\"$PATH\" sh -c \"exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-; cat $AZURE_CLIENT_CERTIFICATE_PATH\"; exit 7";
    let outcome = run(folder.path(), &[&exec[..], &[script]].concat());
    outcome.ended_with(7);
    let pem = run(folder.path(), &["cert", "pem", "job.pfx"]).done().stdout();
    assert_eq!(outcome.stdout(), pem);
    assert_eq!(files(), before);

    let sealed = "echo x >> \"$AZURE_CLIENT_CERTIFICATE_PATH\"";
    assert_eq!(run(folder.path(), &[&exec[..], &[sealed]].concat()).stdout(), "");
    let missing = run(folder.path(), &["cert", "exec", "job.pfx", "--", "no-such-program"]);
    missing.failed(1, &["cannot run `no-such-program`"]);
}

#[test]
fn a_pfx_is_made_anew_for_old_windows_and_from_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--bits", "2048"]);
    let thumbprint = run(folder.path(), &["cert", "thumbprint", "job.crt"]).done().stdout();
    for (arguments, out) in [
        (&["job.pfx", "--legacy"][..], "legacy.pfx"),
        (&["job.crt", "--key", "job.key", "--rounds", "1000"], "parts.pfx"),
    ] {
        let command = [&["cert", "pfx"][..], arguments, &["--out", out]].concat();
        run(folder.path(), &command).done();
        let again = run(folder.path(), &["cert", "thumbprint", out]).done().stdout();
        assert_eq!(again, thumbprint);
        run(folder.path(), &command).failed(1, &["exists already", "hint: "]);
    }
    let key = run(folder.path(), &["cert", "pem", "parts.pfx"]).done().stdout();
    assert!(key.starts_with(&std::fs::read_to_string(folder.path().join("job.key")).unwrap()));
    let mismatch = ["cert", "pfx", "job.crt", "--key", "other.key", "--out", "x.pfx"];
    run(folder.path(), &["cert", "new", "--name", "other", "--bits", "2048"]).ended_with(0);
    run(folder.path(), &mismatch).failed(1, &["does not belong to the certificate"]);
}

#[test]
fn the_key_is_written_as_asked_for_and_read_again() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--bits", "2048"]);
    let pem = |arguments: &[&str]| {
        run(folder.path(), &[&["cert", "pem"][..], arguments].concat()).done().stdout()
    };
    assert!(pem(&["job.pfx", "--traditional"]).starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    std::fs::write(folder.path().join("pw"), "canary-4711\n").unwrap();
    let encrypted = pem(&["job.pfx", "--encrypt-password-file", "pw"]);
    assert!(encrypted.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    std::fs::write(folder.path().join("encrypted.pem"), encrypted).unwrap();
    assert_eq!(pem(&["encrypted.pem", "--password-file", "pw"]), pem(&["job.pfx"]));
    let refused = run(folder.path(), &["cert", "pem", "encrypted.pem"]);
    let refused = refused.failed(1, &["no private key that can be read", "hint: "]);
    assert!(!refused.stderr().contains("canary"));
}

#[test]
fn a_certificate_is_made_ready_for_upload() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--bits", "2048"]);
    let expected = std::fs::read_to_string(folder.path().join("job.crt")).unwrap();
    assert_eq!(run(folder.path(), &["cert", "crt", "job.pfx"]).done().stdout(), expected);
    run(folder.path(), &["cert", "crt", "job.pfx", "--der", "--output-file", "job.cer"]).done();
    let thumbprints = ["job.cer", "job.pfx"].map(|file| {
        run(folder.path(), &["cert", "thumbprint", file, "--format", "base64"]).done().stdout()
    });
    assert_eq!(thumbprints[0], thumbprints[1]);
    let body = run(folder.path(), &["cert", "key-credentials", "job.crt"]).json();
    let credential = &body["keyCredentials"][0];
    assert_eq!(credential["customKeyIdentifier"], thumbprints[0].trim_end());
}

#[test]
fn keys_on_curves_and_requests_for_them_are_made() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--curve", "p384"]);
    let shown = run(folder.path(), &["cert", "show", "job.pfx", "-o", "json"]).json();
    assert_eq!(shown[0]["public_key"], "EC 384 bits");
    let csr = ["cert", "csr", "job.key", "--subject", "CN=job,O=Contoso", "--san", "job.example"];
    let request = run(folder.path(), &csr).done().stdout();
    assert!(request.starts_with("-----BEGIN CERTIFICATE REQUEST-----"), "{request}");
}

#[test]
fn a_file_that_asks_for_too_many_rounds_is_refused_unless_allowed() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path(), &["--bits", "2048"]);
    let show = ["cert", "show", "job.pfx", "--max-rounds"];
    run(folder.path(), &[&show[..], &["299999"]].concat()).failed(1, &["300000", "--max-rounds"]);
    run(folder.path(), &[&show[..], &["300000"]].concat()).done();
}
