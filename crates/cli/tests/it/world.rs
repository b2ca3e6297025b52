//! Emulators in this process, and the binary pointed at them by a cloud file.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use azconnect_emulators::{Config, Emulators};
use parquet::arrow::ArrowWriter;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Emulators, and a folder in which commands run. Its table `cities` has three rows.
pub(crate) struct World {
    pub(crate) emulators: Emulators,
    pub(crate) folder: TempDir,
    client_id: String,
    // Last, so that the services end before what they run on.
    _runtime: Runtime,
}

/// How a command ended.
pub(crate) struct Outcome {
    output: Output,
    command: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("tables");
        std::fs::create_dir(&tables).unwrap();
        write_cities(&tables.join("cities.parquet"));
        let client_id = config.managed_identities[0].client_id.to_string();
        let config = Config { tables_dir: Some(tables), ..config };
        let runtime = Runtime::new().unwrap();
        let emulators = runtime.block_on(Emulators::start(config)).unwrap();
        Self { emulators, folder, client_id, _runtime: runtime }
    }

    /// Runs the binary with these arguments.
    #[track_caller]
    pub(crate) fn run<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Outcome {
        Outcome::of(self.command(arguments.as_ref()))
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub(crate) fn run_with<'a>(
        &self,
        variables: &[(&str, &str)],
        arguments: impl AsRef<[&'a str]>,
    ) -> Outcome {
        let mut command = self.command(arguments.as_ref());
        command.envs(variables.iter().copied());
        Outcome::of(command)
    }

    /// The binary, with the cloud and the identity of the emulators in an otherwise empty environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command
            .env("AZCONNECT_CLOUD", self.emulators.cloud_file())
            .env("AZCONNECT_IDENTITY", &self.client_id)
            .current_dir(self.folder.path());
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Makes a program that the shell runs.
///
/// Another process writes it: what this one has open for writing, a test beside may hand on to a process that it
/// starts, and nothing runs a file that is open for writing somewhere.
#[cfg(unix)]
pub(crate) fn write_script(path: &Path, body: &str) {
    let write = "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 755 \"$1\"";
    let status = Command::new("sh").args(["-c", write, "sh"]).arg(path).arg(body).status();
    assert!(status.unwrap().success());
}

/// The binary in an environment without anything that could decide for it.
pub(crate) fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azconnect"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

impl Outcome {
    #[track_caller]
    pub(crate) fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self { output, command: format!("{command:?}") }
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.output.stdout
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// Asserts that it is done, with nothing on stderr.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.ended_with(0);
        assert_eq!(self.stderr(), "", "{}", self.command);
        self
    }

    /// Its stdout as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_slice(&self.done().output.stdout).unwrap()
    }

    /// Asserts that it failed with this status, said these things on stderr, and printed no result.
    #[track_caller]
    pub(crate) fn failed(self, status: i32, parts: &[&str]) -> Self {
        self.ended_with(status);
        let stderr = self.stderr();
        for part in parts {
            assert!(stderr.contains(part), "`{part}` is missing in:\n{stderr}");
        }
        assert_eq!(self.stdout(), "", "{}", self.command);
        self
    }

    #[track_caller]
    pub(crate) fn ended_with(&self, status: i32) {
        let (stdout, stderr) = (self.stdout_lossy(), self.stderr());
        let found = self.output.status.code();
        assert_eq!(found, Some(status), "{}\n{stdout}\n{stderr}", self.command);
    }

    fn stdout_lossy(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }
}

fn write_cities(path: &Path) {
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Malmö"), None, Some("東京")]));
    let ids: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("id", ids), ("name", names)]).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
