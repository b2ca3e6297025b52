//! `azconnect secret update`.

use clap::Args;

use crate::{
    commands::secret::{
        options::{Patience, SecretArg, explained},
        properties::PropertyOptions,
        record::PropertiesRecord,
    },
    context::Context,
    failure::Failure,
};

/// Arguments of `secret update`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// The version, of 32 hexadecimal digits; default: the latest
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Let the value be read
    #[arg(long, conflicts_with = "disable")]
    enable: bool,

    /// Keep the value from being read
    #[arg(long)]
    disable: bool,

    #[command(flatten)]
    properties: PropertyOptions,

    #[command(flatten)]
    patience: Patience,
}

/// Runs `secret update`.
pub(super) async fn run(args: UpdateArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.target(args.version.as_deref())?;
    let mut update = args.properties.update();
    if args.enable || args.disable {
        update = update.with_enabled(args.enable);
    }
    if update.is_empty() {
        return Err(Failure::usage("nothing is to change")
            .with_hint("add `--expires`, `--disable` or another of the options"));
    }
    let client = args.patience.client(&target.vault, context)?;
    let updated = client.update_secret(&target.name, target.version.as_ref(), update).await;
    let updated = explained(updated, &client, &target.name).await?;
    PropertiesRecord::from(updated).print(context.printer())
}

const EXAMPLES: &str = "\
The value of a version cannot be changed: `secret set` adds a version. Nor can an expiry be taken away.

Examples:
  azconnect secret update db-password --vault kv-demo --expires 90d
  azconnect secret update akv://kv-demo/db-password/0123456789abcdef0123456789abcdef --disable
  azconnect secret update db-password --vault kv-demo --tag team=data --tag stage=test";
