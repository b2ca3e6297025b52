//! `azconnect secret backup` and `restore`.

use std::path::{Path, PathBuf};

use azconnect_keyvault::SecretBackup;
use clap::Args;

use crate::{
    commands::secret::{
        options::{Patience, SecretArg, explained},
        record::PropertiesRecord,
    },
    context::Context,
    failure::Failure,
    input,
    new_file::{Access, NewFile, exists},
};

/// Arguments of `secret backup`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// File to write; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out_file: PathBuf,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    patience: Patience,
}

/// Arguments of `secret restore`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct RestoreArgs {
    /// File that `secret backup` or `az keyvault secret backup` wrote; `-` is stdin
    file: PathBuf,

    /// The name or the URL of the vault
    #[arg(long, value_name = "VAULT")]
    vault: String,

    #[command(flatten)]
    patience: Patience,
}

/// Runs `secret backup`.
pub(super) async fn backup(args: BackupArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.whole()?;
    let to_stdout = args.out_file == Path::new("-");
    if !to_stdout && !args.force && args.out_file.exists() {
        return Err(exists(&args.out_file));
    }
    let client = args.patience.client(&target.vault, context)?;
    let backup = client.back_up_secret(&target.name).await;
    let backup = explained(backup, &client, &target.name).await?;
    if to_stdout {
        return context.printer().raw(backup.as_bytes());
    }
    NewFile::create(&args.out_file, backup.as_bytes(), Access::Owner)?.publish(args.force)
}

/// Runs `secret restore`.
pub(super) async fn restore(args: RestoreArgs, context: &Context) -> Result<(), Failure> {
    let mut bytes = input::read(Some(&args.file), MAX_BYTES)?;
    if bytes.is_empty() || bytes.len() as u64 >= MAX_BYTES {
        return Err(Failure::new(format!("`{}` is no backup of a secret", args.file.display())));
    }
    let client = args.patience.client(&args.vault, context)?;
    let restored = client.restore_secret(&SecretBackup::new(std::mem::take(&mut *bytes))).await?;
    PropertiesRecord::from(restored).print(context.printer())
}

/// Far beyond 500 versions of 25 KiB, which is what a vault backs up at most.
const MAX_BYTES: u64 = 64 << 20;

const EXAMPLES: &str = "\
A backup holds the secret with all of its versions, encrypted so that only vaults of the same subscription and
geography can read it. It is restored under its own name, which must be free.

Examples:
  azconnect secret backup db-password --vault kv-demo --out-file db-password.backup
  azconnect secret restore db-password.backup --vault kv-other";
