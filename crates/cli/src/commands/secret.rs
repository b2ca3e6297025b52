//! `azconnect secret`: the secrets of a Key Vault, printed, or handed to those who use them.

mod backup;
mod delete;
mod exec;
mod get;
mod inject;
mod list;
mod options;
mod properties;
mod record;
mod resolve;
mod set;
mod update;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `secret`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Write a secret with all of its versions to a file, encrypted by the vault
    Backup(backup::BackupArgs),
    /// Delete a secret; it can be recovered for some time
    Delete(delete::DeleteArgs),
    /// Run a program that finds secrets in its environment, and mask them in what it prints
    Exec(exec::ExecArgs),
    /// Print a secret: its bare value, or with `-o json` its properties as well
    Get(get::GetArgs),
    /// Put secrets into a template
    Inject(inject::InjectArgs),
    /// List the secrets of a vault, the versions of one, or the deleted ones, without their values
    List(list::ListArgs),
    /// Remove a deleted secret for good
    Purge(delete::PurgeArgs),
    /// Make a deleted secret what it was
    Recover(delete::RecoverArgs),
    /// Make a secret of a backup
    Restore(backup::RestoreArgs),
    /// Set a secret: each time a new version
    Set(set::SetArgs),
    /// Change what is known about a secret: expiry, tags, whether it can be read
    Update(update::UpdateArgs),
}

/// Runs `secret`.
pub(crate) async fn run(args: SecretArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        SecretCommand::Backup(args) => backup::backup(args, context).await,
        SecretCommand::Delete(args) => delete::delete(args, context).await,
        SecretCommand::Exec(args) => exec::run(args, context).await,
        SecretCommand::Get(args) => get::run(args, context).await,
        SecretCommand::Inject(args) => inject::run(args, context).await,
        SecretCommand::List(args) => list::run(args, context).await,
        SecretCommand::Purge(args) => delete::purge(args, context).await,
        SecretCommand::Recover(args) => delete::recover(args, context).await,
        SecretCommand::Restore(args) => backup::restore(args, context).await,
        SecretCommand::Set(args) => set::run(args, context).await,
        SecretCommand::Update(args) => update::run(args, context).await,
    }
}

/// What is wrong with a name or a reference is wrong with the command line.
fn usage(error: azconnect_keyvault::Error) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error.hint() {
        None => failure,
        Some(hint) => failure.with_hint(hint),
    }
}

const EXAMPLES: &str = "\
Examples:
  azconnect secret list --vault kv-demo
  azconnect secret get akv://kv-demo/db-password
  azconnect secret set db-password --vault kv-demo < password.txt

  Run a program with a secret in its environment:
    azconnect secret exec --env DB_PASSWORD=akv://kv-demo/db-password -- python job.py

  Make a configuration file from a template:
    azconnect secret inject --in-file app.ini.tmpl --out-file app.ini";
