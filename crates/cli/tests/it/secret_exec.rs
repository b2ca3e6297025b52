//! `azconnect secret exec` and `azconnect secret inject`.
#![cfg(unix)]

mod signals;

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use azconnect_emulators::{Config, Role};

use crate::world::{Outcome, World};

const VALUE: &str = "hunter2/ÿ&\"x";
const ENV: &str = "--env=DB=akv://kv-demo/db";

fn world() -> World {
    let mut config = Config::default();
    config.vaults[0].secrets.insert("db".to_owned(), VALUE.into());
    World::with(config)
}

/// Runs a script of the shell with the secret in `DB`.
#[track_caller]
fn exec(world: &World, options: &[&str], script: &str) -> Outcome {
    Outcome::of(command(world, options, script))
}

fn command(world: &World, options: &[&str], script: &str) -> Command {
    let before = [&["secret", "exec", ENV], options].concat();
    world.command(&[&before[..], &["--", "sh", "-c", script]].concat())
}

fn started(mut command: Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads from the program until it has written this.
fn read_until(child: &mut Child, wanted: &str) -> String {
    let stdout = child.stdout.as_mut().unwrap();
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.contains(wanted) {
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "the program ended after: {text}");
        text.push(char::from(byte[0]));
    }
    text
}

#[test]
fn the_program_has_the_secret_and_what_it_prints_of_it_is_masked() {
    let world = world();
    let script = r#"
        printf '%s' "$DB" | wc -c
        echo "plain $DB"
        printf '%s' "$DB" | base64
        echo "on stderr: $DB" >&2
        exit 7
    "#;
    let outcome = exec(&world, &[], script);
    outcome.ended_with(7);
    let bytes = VALUE.len();
    assert_eq!(outcome.stdout().trim_start(), format!("{bytes}\nplain ***\n***\n"));
    assert_eq!(outcome.stderr(), "on stderr: ***\n");
    let plain = exec(&world, &["--no-masking"], "echo \"plain $DB\"").done();
    assert_eq!(plain.stdout(), format!("plain {VALUE}\n"));
}

#[test]
fn a_secret_that_is_written_in_two_pieces_is_masked_and_a_prompt_is_not_held_back() {
    let world = world();
    let script = "printf 'name? '; read answer; printf 'a hun'; sleep 0.2; printf '%s' \"${DB#hun}\"; \
                  echo \" $answer\"";
    let mut child = started(command(&world, &[], script));
    read_until(&mut child, "name? ");
    child.stdin.take().unwrap().write_all(b"b\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "a *** b\n");
}

#[test]
fn what_is_left_in_the_background_is_not_waited_for() {
    let world = world();
    let began = Instant::now();
    let outcome = exec(&world, &[], "sleep 60 & echo \"left $DB\"").done();
    assert_eq!(outcome.stdout(), "left ***\n");
    assert!(began.elapsed() < Duration::from_secs(50));
}

#[test]
fn a_reader_that_goes_away_ends_the_program() {
    let world = world();
    let mut child = started(command(&world, &[], "while echo \"$DB\"; do :; done"));
    read_until(&mut child, "***\n");
    drop(child.stdout.take());
    // The shell ends by SIGPIPE, or with the error of its `echo`.
    let status = child.wait().unwrap();
    assert!(matches!(status.code(), Some(0 | 1 | 2 | 141)), "{status}");
}

#[test]
fn a_program_starts_only_with_all_of_its_secrets() {
    let world = world();
    let marker = world.path("started");
    let script = format!("touch {}", marker.display());
    let missing = exec(&world, &["--env=OTHER=akv://kv-demo/bd"], &script);
    missing.failed(1, &["`akv://kv-demo/bd` for variable `OTHER`", "has a secret `db`"]);
    assert!(!marker.exists());
    let absent = world.run(["secret", "exec", ENV, "--", "/no/such/program"]);
    absent.failed(1, &["cannot run `/no/such/program`"]);
}

#[test]
fn a_secret_that_is_missing_is_told_at_once() {
    let mut config = Config::default();
    config.vaults[0].secrets.insert("db".to_owned(), VALUE.into());
    config.role_assignments.clear();
    let world = World::with(config);
    // This one may be read, if it were there; for the role on the other somebody is to wait.
    let assigned =
        world.emulators.assign_role("uami-demo", Role::KeyVaultSecretsUser, "kv-demo/secrets/bd");
    assigned.unwrap();
    let options = ["--env=OTHER=akv://kv-demo/bd", "--wait-for-access=15m"];
    let missing = exec(&world, &options, "true");
    missing.failed(1, &["`akv://kv-demo/bd` for variable `OTHER`", "SecretNotFound"]);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_is_lost_is_no_success() {
    let world = world();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let mut lost = command(&world, &[], "echo \"$DB\"");
    lost.stdout(full());
    Outcome::of(lost).failed(1, &["not all of its output could be passed on", "No space left"]);
    let mut lost = command(&world, &[], "echo \"$DB\" >&2");
    lost.stderr(full());
    Outcome::of(lost).ended_with(1);
    // What the program says of itself comes first.
    let mut failed = command(&world, &[], "echo \"$DB\"; exit 7");
    failed.stdout(full());
    Outcome::of(failed).ended_with(7);
}

#[test]
fn a_value_on_the_command_line_is_refused_and_not_quoted() {
    let world = world();
    for option in ["--env=DB=hunter3", "--env=hunter3", "--env=DB=akv:hunter3"] {
        let refused = world.run(["secret", "exec", option, "--", "true"]);
        assert!(!refused.failed(2, &["error: "]).stderr().contains("hunter3"), "{option}");
    }
    world.run(["secret", "exec", "--", "true"]).failed(2, &["--env-file"]);
    world.run(["secret", "exec", ENV, ENV, "--", "true"]).failed(2, &["given twice"]);
}

#[test]
fn variables_come_from_files_and_from_the_environment() {
    let world = world();
    let file =
        "# of the job\nDB=akv://kv-demo/demo-secret\nexport PLAIN='as it is'\nURL=https://x/\n";
    fs::write(world.path("job.env"), file).unwrap();
    let script = "printf '%s|' \"${#DB}\" \"$PLAIN\" \"$URL\" \"${#SITE}\" \"$HOME\"";
    let arguments =
        ["secret", "exec", "--env-file=job.env", "--from-env", "--", "sh", "-c", script];
    let variables =
        [("SITE", "@Microsoft.KeyVault(VaultName=kv-demo;SecretName=db)"), ("HOME", "/home/of/it")];
    let outcome = world.run_with(&variables, arguments).done();
    let lengths = ("the value of demo-secret".len(), VALUE.len());
    // Shells count characters or bytes.
    let characters = VALUE.chars().count();
    let found = outcome.stdout();
    let expected = |site| format!("{}|as it is|https://x/|{site}|/home/of/it|", lengths.0);
    assert!([expected(lengths.1), expected(characters)].contains(&found), "{found}");
    // What is named on the command line wins.
    let arguments = ["secret", "exec", "--env-file=job.env", ENV, "--", "sh", "-c", "echo $DB"];
    assert_eq!(world.run(arguments).done().stdout(), "***\n");
    let broken = world.path("broken.env");
    fs::write(&broken, "A=1\nhunter2\n").unwrap();
    let refused = world.run(["secret", "exec", "--env-file=broken.env", "--", "true"]);
    assert!(!refused.failed(1, &["line 2"]).stderr().contains("hunter2"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_secret_is_in_no_process_list_and_in_no_file() {
    let world = world();
    let folder = world.path("tmp");
    fs::create_dir(&folder).unwrap();
    let mut command = command(&world, &[], "echo ready; read line");
    command.env("TMPDIR", &folder);
    let mut child = started(command);
    read_until(&mut child, "ready\n");
    let contains =
        |bytes: &[u8]| bytes.windows(VALUE.len()).any(|window| window == VALUE.as_bytes());
    let own = fs::read(format!("/proc/{}/environ", child.id())).unwrap();
    assert!(!contains(&own), "the environment of azconnect itself has the secret");
    let mut seen = 0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        // Processes end while they are looked at.
        let Ok(line) = fs::read(process.path().join("cmdline")) else { continue };
        seen += 1;
        assert!(!contains(&line), "{}", String::from_utf8_lossy(&line));
    }
    assert!(seen > 1);
    for entry in [folder.as_path(), world.folder.path()].map(|path| fs::read_dir(path).unwrap()) {
        for file in entry.flatten().filter(|file| file.path().is_file()) {
            assert!(!contains(&fs::read(file.path()).unwrap()), "{}", file.path().display());
        }
    }
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn a_template_becomes_a_file_for_its_owner() {
    let world = world();
    let template =
        "{\"password\": \"{{ akv://kv-demo/db | json }}\", \"chart\": \"{{ .Name }}\"}\r\n";
    fs::write(world.path("app.tmpl"), template).unwrap();
    let inject = ["secret", "inject", "--in-file", "app.tmpl", "--out-file", "app.json"];
    world.run(inject).done();
    let path = world.path("app.json");
    let expected = "{\"password\": \"hunter2/ÿ&\\\"x\", \"chart\": \"{{ .Name }}\"}\r\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    world.run(inject).failed(1, &["exists already", "--force"]);

    // A secret that is missing leaves the old file.
    fs::write(world.path("app.tmpl"), "{{ akv://kv-demo/absent }}").unwrap();
    let forced = [&inject[..], &["--force"]].concat();
    world.run(forced).failed(1, &["app.tmpl, line 1, column 1", "SecretNotFound"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);

    fs::write(world.path("app.tmpl"), "a={{ akv://kv-demo/db }}").unwrap();
    let printed = world.run(["secret", "inject", "--in-file", "app.tmpl"]).done();
    assert_eq!(printed.stdout(), format!("a={VALUE}"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let world = world();
    fs::write(world.path("app.tmpl"), "a={{ akv://kv-demo/db }}").unwrap();
    let mut command = world.command(&["secret", "inject", "--in-file", "app.tmpl"]);
    command.stdout(fs::File::options().write(true).open("/dev/full").unwrap());
    let output = command.stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("cannot write to stdout") && !stderr.contains("hunter2"), "{stderr}");
}
