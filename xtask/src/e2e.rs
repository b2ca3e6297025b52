//! `cargo xtask e2e`: clients that nobody here wrote, against the emulators.
//!
//! Each suite is a script of `tests/e2e/`, in Python or in `javascript/`, that runs under
//! `azconnect-emulate run`, so it finds the emulators the way any tool finds Azure: by environment
//! variables. What the scripts need is fetched by package name into `target/e2e/`.

mod kit;
mod namespace;
mod node;
mod python;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;

use self::node::Node;
pub(crate) use self::{kit::OdbcKit, python::Python};
use crate::shell::{self, WHOLE_WORKSPACE, Workspace};

#[derive(Args, Default)]
pub(crate) struct E2eArguments {
    /// Runs only the suites of these names (`identity`, `identity_javascript`, `identity_rust`, `namespace`, `key_vault`, `key_vault_javascript`, `key_vault_rust`, `key_vault_refusals`, `lake`, `lake_acl`, `lake_lease`, `lake_names`, `odbc`, `nycflights`, `guide`, `openssl`).
    suites: Vec<String>,
}

const SUITES: [&str; 16] = [
    "openssl",
    "identity",
    "identity_javascript",
    "identity_rust",
    NAMESPACE,
    "key_vault",
    "key_vault_javascript",
    "key_vault_rust",
    "key_vault_refusals",
    "lake",
    "lake_acl",
    "lake_lease",
    "lake_names",
    "odbc",
    "nycflights",
    "guide",
];

/// The suites that need Node.js; each is a script of its name.
const JAVASCRIPT: [&str; 2] = ["identity_javascript", "key_vault_javascript"];

/// The suites of Azure's own Rust crates, which are tests of the workspace, in these modules.
const RUST: [(&str, &[&str]); 2] = [
    ("identity_rust", &["azure_identity::", "official_clients::"]),
    ("key_vault_rust", &["key_vault_sdk::"]),
];

/// The suite that needs addresses and folders of its own.
const NAMESPACE: &str = "namespace";

/// Fetches what is missing, then runs the suites one after the other.
pub(crate) fn run(workspace: &Workspace, arguments: &E2eArguments) -> Result<()> {
    for name in &arguments.suites {
        if !SUITES.contains(&name.as_str()) {
            bail!("no suite is named `{name}`; there are {}", SUITES.join(", "));
        }
    }
    let stage = Stage::prepare(workspace, "debug")?;
    let mut failed = Vec::new();
    for name in SUITES {
        if arguments.suites.is_empty() || arguments.suites.iter().any(|wanted| wanted == name) {
            eprintln!("\nxtask e2e: {name}");
            let outcome = match stage.suite(workspace, name) {
                Ok(Some(mut suite)) => shell::run(&mut suite),
                Ok(None) => continue,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                eprintln!("xtask e2e: {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("{} of the suites failed: {}", failed.len(), failed.join(", "));
    }
    Ok(())
}

/// Everything a script needs around it: Python with its packages, drivers, tables, configuration.
pub(crate) struct Stage {
    folder: PathBuf,
    profile: &'static str,
    pub(crate) python: Python,
    pub(crate) odbc: OdbcKit,
}

impl Stage {
    /// Builds the programs in the dev profile and fetches the rest.
    pub(crate) fn prepare(workspace: &Workspace, profile: &'static str) -> Result<Self> {
        if profile == "debug" {
            workspace.build_programs()?;
        }
        let folder = workspace.target().join("e2e");
        fs::create_dir_all(&folder)?;
        let python = Python::prepare(
            &folder.join("python"),
            &workspace.root().join("tests/e2e/requirements.txt"),
        )?;
        let odbc = OdbcKit::prepare(&folder.join("odbc"), &python)?;
        let stage = Self { folder, profile, python, odbc };
        stage.make_certificate(workspace)?;
        stage.write_configuration()?;
        shell::run(
            stage
                .python
                .script(&workspace.root().join("tests/e2e/make_tables.py"))
                .arg(stage.tables()),
        )?;
        Ok(stage)
    }

    /// The folder of the tables that the Synapse emulator serves.
    pub(crate) fn tables(&self) -> PathBuf {
        self.folder.join("tables")
    }

    /// The emulators' configuration file.
    pub(crate) fn configuration(&self) -> PathBuf {
        self.folder.join("emulators.json")
    }

    /// `azconnect-emulate run` around a command that the caller appends.
    pub(crate) fn emulated(&self, workspace: &Workspace, tables: &std::path::Path) -> Command {
        let mut command = Command::new(workspace.program(self.profile, "azconnect-emulate"));
        command
            .arg("run")
            .arg("--config")
            .arg(self.configuration())
            .arg("--tables")
            .arg(tables)
            .arg("--");
        self.add_environment(workspace, &mut command);
        command
    }

    fn add_environment(&self, workspace: &Workspace, command: &mut Command) {
        command
            .env("AZCONNECT", workspace.program(self.profile, "azconnect"))
            .env("AZCONNECT_E2E", &self.folder)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        self.odbc.add_environment(command);
    }

    /// The command of a suite; none, and said so, where this machine does not allow it.
    fn suite(&self, workspace: &Workspace, name: &str) -> Result<Option<Command>> {
        if let Some((_, modules)) = RUST.iter().find(|(suite, _)| *suite == name) {
            // They start emulators of their own.
            let mut command = workspace.cargo(["test", "--test", "it"]);
            command.args(WHOLE_WORKSPACE).arg("--").args(*modules);
            return Ok(Some(command));
        }
        let scripts = workspace.root().join("tests/e2e");
        if JAVASCRIPT.contains(&name) {
            let node = Node::prepare(&self.folder.join("node"), &scripts.join("javascript"))?;
            let mut command = self.emulated(workspace, &self.tables());
            node.append_script(&mut command, &format!("{name}.mjs"));
            return Ok(Some(command));
        }
        let mut command = if name == NAMESPACE {
            // It starts the emulators itself, once the addresses are there that they listen on.
            let Some(mut command) = namespace::enter() else { return Ok(None) };
            self.add_environment(workspace, &mut command);
            command
        } else {
            self.emulated(workspace, &self.tables())
        };
        command.arg(self.python.interpreter()).arg(scripts.join(name).with_extension("py"));
        Ok(Some(command))
    }

    /// A certificate for the emulated app, made by our own command and read by everybody else.
    fn make_certificate(&self, workspace: &Workspace) -> Result<()> {
        let folder = self.folder.join("certificates");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        shell::run(
            Command::new(workspace.program(self.profile, "azconnect"))
                .args(["cert", "new", "--name", "service-principal", "--bits", "2048"])
                .args(["--days", "365", "--out"])
                .arg(&folder),
        )
    }

    fn write_configuration(&self) -> Result<()> {
        let certificate = self.folder.join("certificates/service-principal.crt");
        let certificate = fs::read_to_string(&certificate)
            .with_context(|| format!("`azconnect cert new` left no {}", certificate.display()))?;
        let pfx = self.folder.join("certificates/service-principal.pfx");
        let password = fs::read_to_string(pfx.with_extension("pfx.pw"))
            .context("`azconnect cert new` left no password")?;
        let roles = |principal: &str, lake_role: &str| {
            [
                json!({"principal": principal, "role": "Key Vault Secrets User", "resource": "kv-demo"}),
                json!({"principal": principal, "role": lake_role, "resource": "lakedemo"}),
            ]
        };
        let mut assignments = Vec::new();
        assignments.extend(roles("uami-jobs", "Storage Blob Data Owner"));
        assignments.extend(roles("batch-app", "Storage Blob Data Contributor"));
        assignments.extend(roles("uami-reader", "Storage Blob Data Reader"));
        assignments.push(json!({"principal": "uami-jobs", "role": "Key Vault Secrets Officer", "resource": "kv-demo"}));
        assignments.push(json!({"principal": "uami-jobs", "role": "Storage Blob Data Contributor", "resource": "flatdemo"}));
        let identity = |name: &str, digit: char| {
            let group = |length| digit.to_string().repeat(length);
            let client_id = format!("c0000000-{}-4000-8000-{}", group(4), group(12));
            let object_id = format!("0b000000-{}-4000-8000-{}", group(4), group(12));
            json!({
                "name": name,
                "client_id": client_id,
                "object_id": object_id,
                "resource_id": format!(
                    "/subscriptions/50b00000-0000-4000-8000-000000000000/resourceGroups/rg-demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
                ),
            })
        };
        let configuration = json!({
            "tenant_id": "7e000000-0000-4000-8000-000000000001",
            "managed_identities": [
                identity("uami-jobs", '1'), identity("uami-reader", '2'), identity("uami-nobody", '3'),
            ],
            "apps": [{
                "name": "batch-app",
                "client_id": "a0000000-0000-4000-8000-000000000001",
                "object_id": "0a000000-0000-4000-8000-000000000001",
                "client_secrets": [E2E_CLIENT_SECRET],
                "certificates": [certificate],
                "federated_identity_credentials": [{
                    "issuer": "https://login.microsoftonline.com/7e000000-0000-4000-8000-000000000001/v2.0",
                    "subject": "0b000000-1111-4000-8000-111111111111",
                }],
            }],
            "role_assignments": assignments,
            "vaults": [{
                "name": "kv-demo",
                "secrets": {"greeting": "hello from the vault"},
                "certificates": [{
                    "name": "service-principal",
                    "pfx_file": pfx,
                    "password": password.trim_end(),
                }],
                // Long enough that the pollers of SDKs find it, and no longer.
                "soft_delete_limbo_ms": 500,
            }],
            "accounts": [
                {"name": "lakedemo", "filesystems": ["raw"]},
                {"name": "flatdemo", "filesystems": ["raw"], "hierarchical_namespace": false},
            ],
            "sql": {
                "workspaces": ["syn-demo"],
                "database": "demo",
                "users": [{"principal": "uami-jobs"}, {"principal": "batch-app"}],
                "logins": [{"name": "sqladmin", "password": E2E_SQL_PASSWORD}],
            },
        });
        fs::write(self.configuration(), serde_json::to_vec_pretty(&configuration)?)?;
        Ok(())
    }
}

// Passwords of a server that lives on loopback for one run; the scripts use the same words.
const E2E_CLIENT_SECRET: &str = "e2e-client-secret";
const E2E_SQL_PASSWORD: &str = "e2e-Sql-password-1";
