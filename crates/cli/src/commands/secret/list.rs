//! `azconnect secret list`.

use azconnect_keyvault::DeletedSecret;
use azure_core::time::{OffsetDateTime, to_rfc3339};
use clap::Args;
use futures::TryStreamExt;
use serde::Serialize;

use crate::{
    commands::secret::{options::Patience, record::PropertiesRecord, usage},
    context::Context,
    failure::Failure,
    printer::Column,
};

/// Arguments of `secret list`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArgs {
    /// The name or the URL of the vault
    #[arg(long, value_name = "VAULT")]
    vault: String,

    /// List the versions of this secret instead
    #[arg(long, value_name = "NAME", conflicts_with = "deleted")]
    versions_of: Option<String>,

    /// List the deleted secrets instead
    #[arg(long)]
    deleted: bool,

    #[command(flatten)]
    patience: Patience,
}

/// A deleted secret. Times are RFC 3339.
#[derive(Serialize)]
struct DeletedRecord {
    deleted: Option<String>,
    scheduled_purge: Option<String>,
    #[serde(flatten)]
    properties: PropertiesRecord,
}

/// Runs `secret list`.
pub(super) async fn run(args: ListArgs, context: &Context) -> Result<(), Failure> {
    let client = args.patience.client(&args.vault, context)?;
    if args.deleted {
        let deleted = client.deleted_secrets().map_ok(DeletedRecord::from);
        let deleted: Vec<_> = deleted.try_collect().await?;
        return context.printer().records(&deleted, &DELETED);
    }
    let (properties, columns) = match &args.versions_of {
        None => (client.secrets(), &SECRETS),
        Some(name) => (client.versions(&name.parse().map_err(usage)?), &VERSIONS),
    };
    let properties: Vec<_> = properties.map_ok(PropertiesRecord::from).try_collect().await?;
    context.printer().records(&properties, columns)
}

impl From<DeletedSecret> for DeletedRecord {
    fn from(deleted: DeletedSecret) -> Self {
        let time = |time: Option<OffsetDateTime>| time.map(|time| to_rfc3339(&time));
        Self {
            deleted: time(deleted.deleted),
            scheduled_purge: time(deleted.scheduled_purge),
            properties: deleted.properties.into(),
        }
    }
}

const SECRETS: [Column<PropertiesRecord>; 5] =
    columns(Column::text("NAME", |one| one.name.clone()));

const VERSIONS: [Column<PropertiesRecord>; 5] =
    columns(Column::text("VERSION", |one| one.version.clone().unwrap_or_default()));

const fn columns(first: Column<PropertiesRecord>) -> [Column<PropertiesRecord>; 5] {
    [
        first,
        Column::text("STATE", |one| one.state.to_owned()),
        Column::text("UPDATED", |one| one.updated.clone().unwrap_or_default()),
        Column::text("EXPIRES", |one| one.expires.clone().unwrap_or_default()),
        Column::text("CONTENT TYPE", |one| one.content_type.clone().unwrap_or_default()),
    ]
}

const DELETED: [Column<DeletedRecord>; 3] = [
    Column::text("NAME", |one| one.properties.name.clone()),
    Column::text("DELETED", |one| one.deleted.clone().unwrap_or_default()),
    Column::text("PURGED BY THE VAULT", |one| one.scheduled_purge.clone().unwrap_or_default()),
];

const EXAMPLES: &str = "\
Examples:
  azconnect secret list --vault kv-demo
  azconnect secret list --vault kv-demo --versions-of db-password
  azconnect secret list --vault kv-demo --deleted
  azconnect secret list --vault kv-demo -o json";
