//! `azconnect secret delete`, `recover` and `purge`.

use clap::Args;
use serde::Serialize;

use crate::{
    commands::secret::{
        options::{Patience, SecretArg, explained},
        record::PropertiesRecord,
    },
    context::Context,
    failure::Failure,
    printer::Column,
};
use azure_core::time::to_rfc3339;

/// Arguments of `secret delete`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DeleteArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// Answer yes: the secret may go, with all of its versions
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    patience: Patience,
}

/// Arguments of `secret recover`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct RecoverArgs {
    #[command(flatten)]
    secret: SecretArg,

    #[command(flatten)]
    patience: Patience,
}

/// Arguments of `secret purge`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct PurgeArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// Answer yes: the deleted secret may go for good
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    patience: Patience,
}

/// What was done to which secret.
#[derive(Serialize)]
struct Removed {
    action: &'static str,
    id: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_purge: Option<String>,
}

/// Runs `secret delete`.
pub(super) async fn delete(args: DeleteArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.whole()?;
    if !args.yes {
        return Err(Failure::usage(format!("`{}` would go with all of its versions", target.name))
            .with_hint("add `--yes`; it can be recovered until the vault purges it"));
    }
    let client = args.patience.client(&target.vault, context)?;
    let deleted = client.delete_secret(&target.name).await;
    let deleted = explained(deleted, &client, &target.name).await?;
    let removed = Removed {
        action: "deleted",
        id: deleted.properties.id,
        name: deleted.properties.name.to_string(),
        scheduled_purge: deleted.scheduled_purge.map(|time| to_rfc3339(&time)),
    };
    context.printer().record(&removed, &COLUMNS)
}

/// Runs `secret recover`.
pub(super) async fn recover(args: RecoverArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.whole()?;
    let client = args.patience.client(&target.vault, context)?;
    let recovered = client.recover_secret(&target.name).await?;
    PropertiesRecord::from(recovered).print(context.printer())
}

/// Runs `secret purge`.
pub(super) async fn purge(args: PurgeArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.whole()?;
    if !args.yes {
        return Err(Failure::usage(format!("`{}` would go for good", target.name))
            .with_hint("add `--yes`; nobody can recover it then"));
    }
    let client = args.patience.client(&target.vault, context)?;
    // What is about to go is looked at while it is there.
    let deleted = client.deleted_secret(&target.name).await?;
    client.purge_secret(&target.name).await?;
    let removed = Removed {
        action: "purged",
        id: deleted.properties.id,
        name: deleted.properties.name.to_string(),
        scheduled_purge: None,
    };
    context.printer().record(&removed, &COLUMNS)
}

const COLUMNS: [Column<Removed>; 3] = [
    Column::text("ACTION", |one| one.action.to_owned()),
    Column::text("NAME", |one| one.name.clone()),
    Column::text("PURGED BY THE VAULT", |one| one.scheduled_purge.clone().unwrap_or_default()),
];

const EXAMPLES: &str = "\
A deleted secret can be recovered for 7 to 90 days, as the vault is set, unless it is purged before. Its name is not
free until then. Each of the commands waits until the vault is done, which takes some seconds.

Examples:
  azconnect secret delete db-password --vault kv-demo --yes
  azconnect secret list --vault kv-demo --deleted
  azconnect secret recover db-password --vault kv-demo
  azconnect secret purge db-password --vault kv-demo --yes";
