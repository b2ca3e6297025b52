//! Benchmark `keyvault`: one secret from the start of a program, and 1,000 secrets of a vault that
//! takes its time, beside Azure's SDK for Python.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde_json::json;

use super::{
    BenchArguments,
    measure::{Contender, Cost, measure as run_rounds},
    report::Ratio,
};
use crate::{
    e2e::Python,
    shell::{self, Workspace},
};

const CLIENT_ID: &str = "c0000000-1111-4000-8000-111111111111";
const PEER: &str = "azure-keyvault-secrets for Python";
const BULK_PEER: &str = "azure-keyvault-secrets for Python, 16 threads";
const SECRETS: usize = 1000;
/// What a vault takes to answer, about; the emulator alone answers in a fraction of a millisecond.
const DELAY_MILLISECONDS: u64 = 20;

/// Builds release programs and runs both jobs, each beside its script.
pub(super) fn measure(workspace: &Workspace, arguments: &BenchArguments) -> Result<Vec<Ratio>> {
    // The two programs that take part, which are half of the wait for all of them.
    shell::run(&mut workspace.cargo([
        "build",
        "--release",
        "--package",
        "azconnect",
        "--package",
        "azconnect-emulators",
        "--features",
        "azconnect-emulators/synapse",
        "--bins",
    ]))?;
    let folder = workspace.target().join("bench/keyvault");
    fs::create_dir_all(&folder)?;
    let python = Python::prepare(
        &workspace.target().join("e2e/python"),
        &workspace.root().join("tests/e2e/requirements.txt"),
    )?;
    let stage = Stage { workspace, folder, python };
    // Milliseconds vary more than seconds do.
    let one = stage.run("one", 0, &stage.one_secret(), arguments.rounds * 10)?;
    let many = stage.run("many", DELAY_MILLISECONDS, &stage.many_secrets()?, arguments.rounds)?;
    let start = "one secret, from start to value";
    let bulk = format!("{SECRETS} secrets, {DELAY_MILLISECONDS} ms each");
    Ok(vec![
        Ratio::new(start, PEER, "ms wall", one.map(|cost| cost.wall_seconds * 1000.0), 20.0),
        Ratio::new(start, PEER, "MiB peak", one.map(|cost| cost.peak_mebibytes), 8.0),
        Ratio::new(&bulk, BULK_PEER, "s wall", many.map(|cost| cost.wall_seconds), 4.0),
        Ratio::new(&bulk, BULK_PEER, "s CPU", many.map(|cost| cost.cpu_seconds), 10.0),
    ])
}

/// Where the contenders find their files.
struct Stage<'a> {
    workspace: &'a Workspace,
    folder: PathBuf,
    python: Python,
}

impl Stage<'_> {
    /// Runs two contenders beside emulators whose vault answers after `delay` milliseconds.
    fn run(
        &self,
        name: &str,
        delay: u64,
        contenders: &[Contender; 2],
        rounds: usize,
    ) -> Result<[Cost; 2]> {
        let configuration = self.folder.join(name).with_extension("json");
        fs::write(&configuration, serde_json::to_vec_pretty(&emulators(delay))?)?;
        let mut emulated = Command::new(self.workspace.program("release", "azconnect-emulate"));
        emulated.args(["run", "--config"]).arg(configuration).arg("--");
        let costs = run_rounds(self.workspace, emulated, contenders, rounds)?;
        let [ours, theirs] = costs.as_slice() else {
            anyhow::bail!("two contenders ran and {} came back", costs.len());
        };
        Ok([*ours, *theirs])
    }

    fn one_secret(&self) -> [Contender; 2] {
        [
            self.ours(&["secret", "get", DEMO_SECRET, "--vault", "kv-demo"], DEMO_VALUE),
            self.script(PEER, "secret.py", DEMO_SECRET, DEMO_VALUE),
        ]
    }

    /// A template of nothing but references, and the same names for the script.
    fn many_secrets(&self) -> Result<[Contender; 2]> {
        let names = self.folder.join("names.txt");
        let template = self.folder.join("template.txt");
        fs::write(&names, lines(secret_name))?;
        fs::write(
            &template,
            lines(|number| format!("{{{{ akv://kv-demo/{} }}}}", secret_name(number))),
        )?;
        let stdout = lines(secret_value);
        let template = template.to_string_lossy();
        Ok([
            self.ours(&["secret", "inject", "--in-file", &template], &stdout),
            self.script(BULK_PEER, "bulk_secrets.py", &names.to_string_lossy(), &stdout),
        ])
    }

    fn ours(&self, words: &[&str], stdout: &str) -> Contender {
        let mut command: Vec<OsString> =
            vec![self.workspace.program("release", "azconnect").into()];
        command.extend(words.iter().chain(&["--identity", CLIENT_ID]).map(OsString::from));
        Contender {
            name: "azconnect",
            command,
            environment: Vec::new(),
            stdout: Some(stdout.to_owned()),
        }
    }

    fn script(&self, name: &'static str, file: &str, argument: &str, stdout: &str) -> Contender {
        let script = self.workspace.root().join(Path::new("tests/peers")).join(file);
        Contender {
            name,
            command: vec![self.python.interpreter().into(), script.into(), argument.into()],
            environment: vec![
                ("AZURE_CLIENT_ID", CLIENT_ID),
                ("KEY_VAULT_URL", "$AZCONNECT_EMULATE_KEY_VAULT_URL"),
            ],
            stdout: Some(stdout.to_owned()),
        }
    }
}

/// A vault with all the secrets, and the identity that reads them.
fn emulators(delay: u64) -> serde_json::Value {
    let mut secrets: serde_json::Map<_, _> =
        (1..=SECRETS).map(|number| (secret_name(number), secret_value(number).into())).collect();
    secrets.insert(DEMO_SECRET.to_owned(), DEMO_VALUE.into());
    json!({
        "managed_identities": [{
            "name": "uami-jobs",
            "client_id": CLIENT_ID,
            "object_id": "0b000000-1111-4000-8000-111111111111",
            "resource_id": "/subscriptions/50b00000-0000-4000-8000-000000000000/resourceGroups/rg-demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uami-jobs",
        }],
        "role_assignments": [
            {"principal": "uami-jobs", "role": "Key Vault Secrets User", "resource": "kv-demo"},
        ],
        "sql": {"users": []},
        "vaults": [{
            "name": "kv-demo",
            "secrets": secrets,
            // The contenders take turns without a pause: the limit of the service would hit whoever
            // comes when the other has used it up.
            "request_limit": {"requests": 1_000_000, "seconds": 10},
        }],
        "faults": {"key_vault_delay_ms": delay},
    })
}

fn lines(line: impl Fn(usize) -> String) -> String {
    (1..=SECRETS).map(|number| line(number) + "\n").collect()
}

fn secret_name(number: usize) -> String {
    format!("s-{number:04}")
}

/// As long as a password or the key of an account.
fn secret_value(number: usize) -> String {
    format!("{number:04}-{}", "v".repeat(59))
}

const DEMO_SECRET: &str = "demo-secret";
const DEMO_VALUE: &str = "a value to read";
