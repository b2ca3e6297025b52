//! `azconnect lake du`.

use azconnect_lake::LakeUrl;
use clap::Args;
use serde::Serialize;

use crate::{
    clients,
    context::Context,
    failure::Failure,
    printer::{Column, bytes, count},
};

/// Arguments of `lake du`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct DuArgs {
    /// Directories, or the roots of filesystems
    #[arg(value_name = "URL", required = true)]
    urls: Vec<LakeUrl>,

    /// How many levels of directories below URL have a line of their own
    #[arg(short, long, value_name = "LEVELS", default_value_t = 1)]
    depth: usize,
}

/// What is in a directory, with all that is below it.
#[derive(Serialize)]
struct UsageRecord {
    url: String,
    files: u64,
    bytes: u64,
}

/// Runs `lake du`.
pub(super) async fn run(args: DuArgs, context: &Context) -> Result<(), Failure> {
    let mut records = Vec::new();
    for url in &args.urls {
        let lake = clients::lake(context, url)?;
        let found = lake.properties(url.path()).await?;
        if found.is_directory() {
            records.extend(lake.usage(url.path(), args.depth).await?.into_iter().map(|sum| {
                let url = url.with_path(sum.path).to_string();
                UsageRecord { url, files: sum.files, bytes: sum.bytes }
            }));
        } else {
            records.push(UsageRecord { url: url.to_string(), files: 1, bytes: found.size });
        }
    }
    context.printer().records(&records, &COLUMNS)
}

const COLUMNS: [Column<UsageRecord>; 3] = [
    Column::number("bytes", |usage| bytes(usage.bytes)),
    Column::number("files", |usage| count(usage.files)),
    Column::text("directory", |usage| usage.url.clone()),
];

const EXAMPLES: &str = "\
Examples:
  azconnect lake du abfss://raw@myaccount.dfs.core.windows.net/
  azconnect lake du --depth 0 -o json abfss://raw@myaccount.dfs.core.windows.net/sales";
