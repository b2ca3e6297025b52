//! The command line: global options and the list of commands.
//!
//! What each command takes is in `commands/`; what the options mean is decided in `context.rs` and
//! `credential.rs`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::{
    commands::{auth, cert, emulate, export, lake, secret, sql},
    failure::Failure,
};

/// Connects data jobs to Azure: identity, secrets, Synapse and the data lake in one command.
#[derive(Debug, Parser)]
#[command(name = "azconnect", version, about, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalOptions,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes, before or after its name.
#[derive(Args, Clone, Debug)]
pub(crate) struct GlobalOptions {
    /// Cloud to talk to: `public`, `government`, `china`, or the path of a cloud definition file
    #[arg(
        long,
        global = true,
        value_name = "NAME|FILE",
        env = "AZCONNECT_CLOUD",
        hide_env_values = true
    )]
    #[arg(default_value = "public", help_heading = "Global options")]
    pub(crate) cloud: String,

    /// Form of the result: table, json, tsv or none; `sql query` also writes csv, arrow and parquet
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value = "table")]
    #[arg(hide_possible_values = true, help_heading = "Global options")]
    pub(crate) output: OutputFormat,

    /// Log more to stderr: once for steps, twice for requests, three times for everything
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,

    /// Show no progress bars (none is shown anyway unless stderr is a terminal)
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) no_progress: bool,

    #[command(flatten)]
    pub(crate) credential: CredentialOptions,
}

/// How to prove who this job is. No option takes a secret: secrets come from files or the environment, because
/// every user of a machine can read its command lines.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Identity options")]
pub(crate) struct CredentialOptions {
    /// Proof to use: managed-identity, certificate, secret (AZURE_CLIENT_SECRET), workload-identity
    /// (AZURE_FEDERATED_TOKEN_FILE), federated-identity (an app that trusts a managed identity), azure-cli or
    /// azure-developer-cli; when absent it follows from the other options and the environment. Of several, separated
    /// by commas, the first that exists on this machine
    #[arg(long, global = true, value_enum, value_name = "METHOD", env = "AZCONNECT_AUTH")]
    #[arg(hide_env_values = true, hide_possible_values = true, value_delimiter = ',')]
    pub(crate) auth: Vec<AuthMethod>,

    /// Managed identity to use: client id, `object:<GUID>`, or ARM resource id
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "AZCONNECT_IDENTITY",
        hide_env_values = true
    )]
    pub(crate) identity: Option<String>,

    /// Tenant of the app registration
    #[arg(long, global = true, value_name = "GUID|DOMAIN", env = "AZURE_TENANT_ID")]
    #[arg(hide_env_values = true)]
    pub(crate) tenant_id: Option<String>,

    /// Application (client) id of the app registration
    #[arg(
        long,
        global = true,
        value_name = "GUID",
        env = "AZURE_CLIENT_ID",
        hide_env_values = true
    )]
    pub(crate) client_id: Option<String>,

    /// Certificate and private key of the app: a PEM or PFX file
    #[arg(long, global = true, value_name = "FILE", env = "AZURE_CLIENT_CERTIFICATE_PATH")]
    #[arg(hide_env_values = true)]
    pub(crate) certificate: Option<PathBuf>,

    /// File whose first line is the password of `--certificate`
    #[arg(long, global = true, value_name = "FILE", requires = "certificate")]
    pub(crate) certificate_password_file: Option<PathBuf>,

    /// Certificate that Azure Batch has put on this node, by its SHA-1 thumbprint; wins over `--certificate`
    #[arg(long, global = true, value_name = "THUMBPRINT")]
    pub(crate) batch_certificate: Option<String>,

    /// Folder in which the processes of this user share tokens, encrypted; it is made if it is not there
    #[arg(long, global = true, value_name = "DIR", env = "AZCONNECT_TOKEN_CACHE")]
    #[arg(hide_env_values = true)]
    pub(crate) token_cache: Option<PathBuf>,
}

/// Ways to prove an identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum AuthMethod {
    /// Whoever is signed in to the Azure CLI
    AzureCli,
    /// Whoever is signed in to the Azure Developer CLI
    AzureDeveloperCli,
    /// Certificate of an app registration
    Certificate,
    /// App registration that trusts the managed identity of this machine
    FederatedIdentity,
    /// Managed identity of this machine
    ManagedIdentity,
    /// Client secret of an app registration, from AZURE_CLIENT_SECRET
    Secret,
    /// App registration that trusts the token in the file AZURE_FEDERATED_TOKEN_FILE, as in Kubernetes
    WorkloadIdentity,
}

impl AuthMethod {
    /// The name by which `--auth` takes it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Forms of a result. The hidden ones carry record batches and belong to `sql query`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people; not stable
    Table,
    /// For programs; stable
    Json,
    /// Tab-separated values, one line a record, no header
    Tsv,
    /// Nothing
    None,
    /// Arrow IPC stream
    #[value(hide = true)]
    Arrow,
    /// Comma-separated values with a header
    #[value(hide = true)]
    Csv,
    /// Parquet file
    #[value(hide = true)]
    Parquet,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make, convert and show certificates and PFX files
    Cert(cert::CertArgs),
    /// Get tokens and show which identity is used
    Auth(auth::AuthArgs),
    /// Read secrets of a Key Vault
    Secret(secret::SecretArgs),
    /// List, copy and remove files of the data lake
    Lake(lake::LakeArgs),
    /// Run a query on Synapse
    Sql(sql::SqlArgs),
    /// Export a table or query of Synapse to a Parquet file in the data lake
    Export(export::ExportArgs),
    /// Run all of it on this machine, without Azure
    Emulate(emulate::EmulateArgs),
}

impl Command {
    /// Whether the result may be batches of rows, which have more forms.
    fn writes_batches(&self) -> bool {
        match self {
            Self::Lake(args) => args.writes_batches(),
            Self::Sql(_) => true,
            _ => false,
        }
    }
}

impl Cli {
    /// Refuses a format that the command cannot write, before it does anything.
    pub(crate) fn check_output_format(&self) -> Result<(), Failure> {
        let batches = matches!(
            self.global.output,
            OutputFormat::Arrow | OutputFormat::Csv | OutputFormat::Parquet
        );
        if batches && !self.command.writes_batches() {
            let format = self.global.output.to_possible_value();
            let name = format.as_ref().map_or("this", |value| value.get_name());
            return Err(Failure::usage(format!("this command cannot write `{name}`"))
                .with_hint("use `-o table`, `-o json`, `-o tsv` or `-o none`"));
        }
        Ok(())
    }
}

const EXAMPLES: &str = "\
Examples:
  Try everything on this machine, with no Azure account:
    azconnect emulate run -- azconnect auth token --scope https://storage.azure.com/.default

  Export a Synapse table to the data lake with the managed identity of this machine:
    azconnect export --server my-workspace --database sales --table dbo.orders \\
      abfss://raw@myaccount.dfs.core.windows.net/orders.parquet

  Use the certificate that Azure Batch has put on this node:
    azconnect secret get akv://my-vault/my-secret --tenant-id $AZURE_TENANT_ID \\
      --client-id $AZURE_CLIENT_ID --batch-certificate $THUMBPRINT

Exit status: 0 done, 1 failed, 2 wrong usage, 3 timed out; 128 + the signal's number when interrupted.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn formats_for_record_batches_are_refused_elsewhere() {
        let cli = Cli::try_parse_from(["azconnect", "emulate", "-o", "parquet", "up"]);
        assert!(cli.is_err() || cli.is_ok_and(|cli| cli.check_output_format().is_err()));
    }
}
