//! `azconnect secret set`, `update`, `delete`, `recover`, `purge`, `backup`, `restore`, and patience.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use azconnect_emulators::{
    CertificateConfig, Config, FirewallConfig, KeyVaultFault, Lasting, Role,
};

use crate::world::{Outcome, World};

const SECRET: &str = "akv://kv-demo/demo-secret";

impl World {
    /// Runs the binary with this on its stdin.
    #[track_caller]
    fn feed<'a>(&self, stdin: &[u8], arguments: impl AsRef<[&'a str]>) -> Outcome {
        // A file, as a pipe would have to be written while the program runs.
        let path = self.path("stdin");
        std::fs::File::create(&path).unwrap().write_all(stdin).unwrap();
        let mut command: Command = self.command(arguments.as_ref());
        command.stdin(Stdio::from(std::fs::File::open(path).unwrap()));
        Outcome::of(command)
    }
}

#[test]
fn a_secret_is_set_from_stdin_and_updated() {
    let world = World::new();
    let set = world.feed(
        b"hunter2\n",
        [
            "secret",
            "set",
            "db",
            "--vault",
            "kv-demo",
            "--content-type",
            "text/plain",
            "--tag",
            "team=data",
            "--expires",
            "90d",
            "-o",
            "json",
        ],
    );
    let set = set.json();
    assert_eq!((&set["name"], &set["state"]), (&"db".into(), &"enabled".into()));
    assert_eq!(set["tags"]["team"], "data");
    assert!(set["expires"].is_string() && set.get("value").is_none(), "{set}");
    let read = world.run(["secret", "get", "akv://kv-demo/db"]).done();
    assert_eq!(read.stdout(), "hunter2");

    let version = set["version"].as_str().unwrap();
    world.feed(b"hunter3", ["secret", "set", "akv://kv-demo/db"]).done();
    let old = world.run(["secret", "get", "akv://kv-demo/db", "--version", version]).done();
    assert_eq!(old.stdout(), "hunter2");

    let update = ["secret", "update", "akv://kv-demo/db", "--disable", "-o", "json"];
    assert_eq!(world.run(update).json()["state"], "disabled");
    world.run(["secret", "get", "akv://kv-demo/db"]).failed(1, &["SecretDisabled", "enable"]);
    let list = world.run(["secret", "list", "--vault", "kv-demo"]).done().stdout();
    assert!(list.contains("disabled"), "{list}");
    world.run(["secret", "update", "akv://kv-demo/db", "--enable"]).done();
    assert_eq!(world.run(["secret", "get", "akv://kv-demo/db"]).done().stdout(), "hunter3");
}

#[test]
fn an_expired_secret_is_printed_with_a_warning() {
    let world = World::new();
    let expires = ["--expires", "2020-01-31T00:00:00Z"];
    world.feed(b"old", [&["secret", "set", "akv://kv-demo/old"], &expires[..]].concat()).done();
    let read = world.run(["secret", "get", "akv://kv-demo/old"]);
    read.ended_with(0);
    assert_eq!(read.stdout(), "old");
    assert!(read.stderr().contains("`old` expired at 2020-01-31T00:00:00Z"), "{}", read.stderr());
}

#[test]
fn what_cannot_be_a_value_is_refused_before_anything_is_sent() {
    let world = World::new();
    for (value, why) in [(&b""[..], "empty"), (b"a\xff", "UTF-8"), (&[b'a'; 30_000], "25 KiB")] {
        world.feed(value, ["secret", "set", "akv://kv-demo/new"]).failed(1, &[why]);
    }
    world.run(["secret", "update", "akv://kv-demo/new"]).failed(2, &["nothing is to change"]);
    world.run(["secret", "set", "akv://kv-demo/new", "--expires", "soon"]).failed(2, &["90d"]);
    let list = world.run(["secret", "list", "--vault", "kv-demo", "-o", "json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn a_deleted_secret_is_recovered_where_that_is_asked_for() {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 300;
    let world = World::with(config);
    world.run(["secret", "delete", SECRET]).failed(2, &["--yes"]);
    world.run(["secret", "delete", SECRET, "--yes"]).done();
    let refused = world.run(["secret", "get", SECRET]);
    refused.failed(1, &["SecretNotFound", "can be recovered until", "--recover-deleted"]);
    let deleted = world.run(["secret", "list", "--vault", "kv-demo", "--deleted", "-o", "json"]);
    assert_eq!(deleted.json()[0]["name"], "demo-secret");
    let read = world.run(["secret", "get", SECRET, "--recover-deleted"]).done();
    assert_eq!(read.stdout(), "the value of demo-secret");

    world.run(["secret", "delete", SECRET, "--yes"]).done();
    world.feed(b"new", ["secret", "set", SECRET]).failed(1, &["--recover-deleted", "purge"]);
    world.feed(b"new", ["secret", "set", SECRET, "--recover-deleted"]).done();
    let versions =
        ["secret", "list", "--vault", "kv-demo", "--versions-of", "demo-secret", "-o", "json"];
    assert_eq!(world.run(versions).json().as_array().unwrap().len(), 2);

    world.run(["secret", "delete", SECRET, "--yes"]).done();
    world.run(["secret", "purge", SECRET]).failed(2, &["--yes"]);
    let purged = world.run(["secret", "purge", SECRET, "--yes", "-o", "json"]).json();
    assert_eq!(purged["action"], "purged");
    world.run(["secret", "recover", SECRET]).failed(1, &["recover deleted secret", "404"]);
    // The name is in limbo for a moment, which is waited for.
    world.feed(b"first", ["secret", "set", SECRET]).done();
    assert_eq!(world.run(["secret", "get", SECRET]).done().stdout(), "first");
}

#[test]
fn a_backup_is_restored_under_its_own_name() {
    let world = World::new();
    let backup = ["secret", "backup", SECRET, "--out-file", "demo.backup"];
    world.run(backup).done();
    world.run(backup).failed(1, &["exists already", "--force"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(world.path("demo.backup")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let restore = ["secret", "restore", "demo.backup", "--vault", "kv-demo"];
    world.run(restore).failed(1, &["409"]);
    world.run(["secret", "delete", SECRET, "--yes"]).done();
    world.run(["secret", "purge", SECRET, "--yes"]).done();
    world.run(restore).done();
    assert_eq!(world.run(["secret", "get", SECRET]).done().stdout(), "the value of demo-secret");
    std::fs::write(world.path("no.backup"), b"hunter2").unwrap();
    let refused = world.run(["secret", "restore", "no.backup", "--vault", "kv-demo"]);
    assert!(!refused.failed(1, &["400"]).stderr().contains("hunter2"));
}

#[test]
fn the_nearest_name_is_named() {
    let world = World::new();
    let refused = world.run(["secret", "get", "akv://kv-demo/demo-sekret"]);
    refused
        .failed(1, &["SecretNotFound", "hint: kv-demo.vault.azure.net has a secret `demo-secret`"]);
    let version = "akv://kv-demo/demo-secret/0123456789abcdef0123456789abcdef";
    world.run(["secret", "get", version]).failed(1, &["list its versions"]);
}

#[test]
fn a_certificate_is_printed_as_pem() {
    let folder = tempfile::tempdir().unwrap();
    let new = ["cert", "new", "--name", "job", "--bits", "2048", "--out"];
    let mut command = crate::world::bare(&new);
    Outcome::of({
        command.arg(folder.path());
        command
    })
    .ended_with(0);
    let pfx_file = folder.path().join("job.pfx");
    let password = std::fs::read_to_string(folder.path().join("job.pfx.pw")).unwrap();
    let mut config = Config::default();
    config.vaults[0].certificates = vec![CertificateConfig {
        name: "job".to_owned(),
        pfx_file: Some(pfx_file),
        password: Some(password.trim().into()),
        pem_file: None,
    }];
    let world = World::with(config);
    let pem = world.run(["secret", "get", "akv://kv-demo/job", "--pem"]).done().stdout();
    assert!(pem.contains("PRIVATE KEY") && pem.contains("BEGIN CERTIFICATE"));
    world.run(["secret", "get", SECRET, "--pem"]).failed(1, &["is no certificate"]);
}

#[test]
fn a_role_that_comes_is_waited_for_and_one_that_does_not_ends_with_status_3() {
    let mut config = Config::default();
    config.role_assignments.retain(|one| one.role != Role::KeyVaultSecretsOfficer);
    let world = World::with(config);
    let late = world.run(["secret", "get", SECRET, "--wait-for-access", "1s"]);
    late.failed(3, &["was not granted within 1 s", "403", "Key Vault Secrets User"]);

    let mut waiting = world.command(&["secret", "get", SECRET, "--wait-for-access", "15m"]);
    waiting.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = waiting.spawn().unwrap();
    let mut stderr = BufReader::new(waiting.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("waiting for access") {
        assert_ne!(stderr.read_line(&mut told).unwrap(), 0, "{told}");
    }
    world
        .emulators
        .assign_role("uami-demo", Role::KeyVaultSecretsUser, "kv-demo/secrets/demo-secret")
        .unwrap();
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(output.stdout, b"the value of demo-secret");
}

#[test]
fn no_other_refusal_is_waited_for() {
    let mut config = Config::default();
    config.vaults[0].firewall = FirewallConfig::Deny;
    let world = World::with(config);
    let refused = world.run(["secret", "get", SECRET, "--wait-for-access", "15m"]);
    refused.failed(1, &["ForbiddenByFirewall", "hint: the firewall of kv-demo.vault.azure.net"]);

    let mut config = Config::default();
    config.vaults[0].access_policies = Some(Vec::new());
    let world = World::with(config);
    let refused = world.run(["secret", "get", SECRET, "--wait-for-access", "15m"]);
    refused.failed(1, &["ForbiddenByPolicy", "the permission `Get`"]);
}

#[test]
fn a_challenge_for_another_domain_is_refused() {
    let world = World::new();
    world.emulators.faults().break_key_vault(KeyVaultFault::ForeignChallenge, Lasting::Always);
    let refused = world.run(["secret", "get", SECRET]);
    refused.failed(1, &["asks for a token for \"https://vault.evil.example\"", "hint: "]);
}
