//! `azconnect lake rm`.

use azconnect_lake::{LakeClient, LakeUrl, PathProperties};
use clap::Args;
use serde::Serialize;

use super::record::PathRecord;
use crate::{clients, context::Context, failure::Failure, printer::Column};

/// Arguments of `lake rm`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct RmArgs {
    /// Files or directories
    #[arg(value_name = "URL", required = true)]
    urls: Vec<LakeUrl>,

    /// Delete directories with all that is below them; needs --yes as well
    #[arg(short, long)]
    recursive: bool,

    /// Answer yes: whole directories may go
    #[arg(short, long)]
    yes: bool,

    /// Delete nothing, only say what would be deleted
    #[arg(long)]
    dry_run: bool,
}

/// What was deleted, or would be.
#[derive(Serialize)]
struct Removed {
    action: &'static str,
    url: String,
    #[serde(rename = "type")]
    path_type: &'static str,
}

/// Runs `lake rm`.
pub(super) async fn run(args: RmArgs, context: &Context) -> Result<(), Failure> {
    // Everything is looked at first: a mistake in the last URL deletes nothing of the others.
    let mut targets = Vec::new();
    for url in &args.urls {
        let lake = clients::lake(context, url)?;
        let found = lake.properties(url.path()).await?;
        args.check(url, &found)?;
        targets.push((lake, url, found));
    }
    let mut removed = Vec::new();
    for (lake, url, found) in targets {
        if !args.dry_run {
            delete(&lake, url, &found).await?;
        }
        let action = if args.dry_run { "would delete" } else { "deleted" };
        let PathRecord { url, path_type, .. } = PathRecord::of_properties(&found, url);
        removed.push(Removed { action, url, path_type });
    }
    context.printer().records(&removed, &COLUMNS)
}

impl RmArgs {
    fn check(&self, url: &LakeUrl, found: &PathProperties) -> Result<(), Failure> {
        if url.path().is_root() {
            return Err(Failure::usage(format!("`{url}` is a whole filesystem"))
                .with_hint("name the directories in it that are to go"));
        }
        if !found.is_directory() {
            return Ok(());
        }
        if !self.recursive {
            return Err(Failure::usage(format!("`{url}` is a directory"))
                .with_hint("delete it with all that is below it by --recursive --yes"));
        }
        if !self.yes && !self.dry_run {
            return Err(Failure::usage(format!("`{url}` would go with all that is below it"))
                .with_hint("confirm it by --yes; `lake ls --recursive` shows what is there"));
        }
        Ok(())
    }
}

async fn delete(lake: &LakeClient, url: &LakeUrl, found: &PathProperties) -> Result<(), Failure> {
    if found.is_directory() {
        lake.delete_recursive(url.path()).await?;
    } else {
        // If it has become a directory meanwhile, that is refused.
        lake.delete(url.path()).await?;
    }
    Ok(())
}

const COLUMNS: [Column<Removed>; 3] = [
    Column::text("action", |removed| removed.action.to_owned()),
    Column::text("type", |removed| removed.path_type.to_owned()),
    Column::text("url", |removed| removed.url.clone()),
];

const EXAMPLES: &str = "\
Examples:
  azconnect lake rm abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet
  azconnect lake rm --recursive --dry-run abfss://raw@myaccount.dfs.core.windows.net/sales
  azconnect lake rm --recursive --yes abfss://raw@myaccount.dfs.core.windows.net/sales";
