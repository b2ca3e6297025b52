//! The program: its ready line, how it ends, what it tells the command it runs.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use serde_json::Value;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_azconnect-emulate"))
}

#[test]
fn up_prints_one_ready_line_and_ends_when_stdin_closes() {
    let mut child = program()
        .args(["up", "--exit-with-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["pid"], child.id());
    let entra = ready["endpoints"]["entra"].as_str().unwrap();
    assert!(entra.starts_with("https://localhost:"), "{entra}");
    assert_eq!(ready["environment"]["AZURE_AUTHORITY_HOST"], entra);
    for file in ["ca_file", "cloud_file"] {
        assert!(std::path::Path::new(ready[file].as_str().unwrap()).exists(), "{file}");
    }

    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn run_gives_the_command_its_environment_and_takes_its_exit_code() {
    let script = "test -s \"$AZCONNECT_CLOUD\" && test -s \"$SSL_CERT_FILE\" && \
                  test -n \"$IDENTITY_HEADER\" && test -z \"$MSI_ENDPOINT\" && \
                  echo \"$IDENTITY_ENDPOINT\" && exit 42";
    let output = program()
        .args(["run", "--", "sh", "-c", script])
        .env("MSI_ENDPOINT", "http://elsewhere")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(42), "{}", String::from_utf8_lossy(&output.stderr));
    let endpoint = String::from_utf8(output.stdout).unwrap();
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    assert!(endpoint.ends_with("/msi/token\n"), "{endpoint}");
}

#[test]
fn run_sets_the_variables_of_one_host_and_counts_what_was_asked() {
    let script = "env | grep -E '^(AZURE_POD|DEFAULT_ID|IDENTITY|IMDS|MSI)' | cut -d= -f1 | sort; \
                  test -n \"$AZCONNECT_EMULATE_HOSTS\"";
    let run = |host: &str| {
        let output = program()
            .args(["run", "--host", host, "--", "sh", "-c", script])
            .env("IDENTITY_SERVER_THUMBPRINT", "elsewhere")
            .env("RUST_LOG", "info")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{stderr}");
        assert!(stderr.contains("requests service=\"imds\" count=0"), "{stderr}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run("arc"), "IDENTITY_ENDPOINT\nIMDS_ENDPOINT\n");
    assert_eq!(run("cloud-shell"), "MSI_ENDPOINT\n");
}

#[test]
fn an_unknown_host_is_wrong_usage() {
    let output = program().args(["run", "--host", "vm", "--", "true"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("none of app-service, arc, cloud-shell"), "{stderr}");
}

#[test]
fn run_passes_a_termination_on_to_the_command() {
    // The command tells its parent to stop, and ends by what that passes on.
    let script = "trap 'exit 7' TERM; kill -TERM $PPID; while :; do sleep 0.1; done";
    let output =
        program().args(["run", "--", "sh", "-c", script]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn run_of_an_unknown_command_says_so() {
    let output = program().args(["run", "--", "no-such-command-here"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: cannot run \"no-such-command-here\""), "{stderr}");
}

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"{\n  \"vault\": []\n}").unwrap();
    let output = program().arg("up").arg("--config").arg(file.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("line 2"), "{stderr}");
    assert!(stderr.contains("unknown field `vault`"), "{stderr}");
}

#[test]
fn an_unknown_service_is_wrong_usage() {
    let output = program().args(["up", "--port", "vault=1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("none of imds, entra, key_vault"), "{stderr}");
}
