//! `azconnect lake ls` and `stat`.

use azconnect_lake::{LakeUrl, ListDepth, ListOptions};
use clap::Args;
use futures::TryStreamExt;

use super::record::{LISTED, PROPERTIES, PathRecord};
use crate::{clients, context::Context, failure::Failure};

/// Arguments of `lake ls`.
#[derive(Args, Debug)]
#[command(after_help = LS_EXAMPLES)]
pub(super) struct LsArgs {
    /// Directory, or the root of a filesystem; of a file it lists just that
    url: LakeUrl,

    /// List all that is below it, too
    #[arg(short, long)]
    recursive: bool,
}

/// Arguments of `lake stat`.
#[derive(Args, Debug)]
#[command(after_help = STAT_EXAMPLES)]
pub(super) struct StatArgs {
    /// File or directory
    url: LakeUrl,
}

/// Runs `lake ls`.
pub(super) async fn list(args: LsArgs, context: &Context) -> Result<(), Failure> {
    let lake = clients::lake(context, &args.url)?;
    let properties = lake.properties(args.url.path()).await?;
    let records = if properties.is_directory() {
        let depth = if args.recursive { ListDepth::Recursive } else { ListDepth::Directory };
        let options = ListOptions::default().with_depth(depth);
        lake.list_opts(args.url.path(), options)
            .map_ok(|entry| PathRecord::of_entry(&entry, &args.url))
            .try_collect()
            .await?
    } else {
        vec![PathRecord::of_properties(&properties, &args.url)]
    };
    context.printer().records(&records, &LISTED)
}

/// Runs `lake stat`.
pub(super) async fn stat(args: StatArgs, context: &Context) -> Result<(), Failure> {
    let lake = clients::lake(context, &args.url)?;
    let properties = lake.properties(args.url.path()).await?;
    context.printer().record(&PathRecord::of_properties(&properties, &args.url), &PROPERTIES)
}

const LS_EXAMPLES: &str = "\
Examples:
  azconnect lake ls abfss://raw@myaccount.dfs.core.windows.net/
  azconnect lake ls --recursive -o json abfss://raw@myaccount.dfs.core.windows.net/sales";

const STAT_EXAMPLES: &str = "\
The exit status is 1 if there is nothing.

Examples:
  azconnect lake stat abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet
  azconnect lake stat -o json https://myaccount.dfs.core.windows.net/raw/sales";
