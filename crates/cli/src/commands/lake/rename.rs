//! `azconnect lake mv` and `mkdir`.

use azconnect_lake::{LakeUrl, PathType, WriteCondition};
use clap::Args;
use serde::Serialize;

use super::location::{Location, lake_target};
use crate::{clients, context::Context, failure::Failure, printer::Column};

/// Arguments of `lake mv`.
#[derive(Args, Debug)]
#[command(after_help = MV_EXAMPLES)]
pub(super) struct MvArgs {
    /// File or directory
    #[arg(value_name = "FROM")]
    from: LakeUrl,

    /// Its new name, or the directory that it goes into
    #[arg(value_name = "TO")]
    to: Location,

    /// Replace a file, or an empty directory, that has the name
    #[arg(long)]
    overwrite: bool,

    /// Rename nothing, only say what would be renamed
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `lake mkdir`.
#[derive(Args, Debug)]
#[command(after_help = MKDIR_EXAMPLES)]
pub(super) struct MkdirArgs {
    /// Directories; those that are there already stay as they are
    #[arg(value_name = "URL", required = true)]
    urls: Vec<LakeUrl>,
}

/// What was renamed, or would be.
#[derive(Serialize)]
struct Renamed {
    action: &'static str,
    from: String,
    to: String,
}

/// A directory that is there now.
#[derive(Serialize)]
struct Made {
    url: String,
}

/// Runs `lake mv`.
pub(super) async fn rename(args: MvArgs, context: &Context) -> Result<(), Failure> {
    let Location::Lake { url, trailing_slash } = args.to else {
        return Err(Failure::usage("the new name is not in the lake")
            .with_hint("`lake cp` copies to this machine"));
    };
    let is_elsewhere = url.account() != args.from.account()
        || url.endpoint_suffix() != args.from.endpoint_suffix();
    if is_elsewhere {
        return Err(Failure::usage("a rename stays within an account")
            .with_hint("`lake cp` copies to this machine, and from there"));
    }
    let lake = clients::lake(context, &args.from)?;
    let from = args.from.path();
    let found = lake.properties(from).await?;
    let to = lake_target(&lake, &url, trailing_slash, from.name()).await?;
    if found.is_directory() && to.relative_to(from).is_some() {
        return Err(Failure::usage(format!("`{}` cannot go into itself", args.from)));
    }
    let shown = url.with_path(to.clone()).to_string();
    let condition = if args.overwrite { WriteCondition::Always } else { WriteCondition::IfAbsent };
    if args.dry_run {
        if !args.overwrite && lake.exists(&to).await? {
            return Err(exists(&shown));
        }
    } else {
        lake.rename(from, &to, &condition).await.map_err(|error| match error.kind() {
            azconnect_lake::ErrorKind::AlreadyExists if found.path_type == PathType::File => {
                exists(&shown)
            }
            _ => error.into(),
        })?;
    }
    let action = if args.dry_run { "would rename" } else { "renamed" };
    let renamed = Renamed { action, from: args.from.to_string(), to: shown };
    context.printer().records(&[renamed], &RENAMED)
}

/// Runs `lake mkdir`.
pub(super) async fn make_directories(args: MkdirArgs, context: &Context) -> Result<(), Failure> {
    let mut made = Vec::new();
    for url in &args.urls {
        clients::lake(context, url)?.create_directory(url.path()).await?;
        made.push(Made { url: url.to_string() });
    }
    context.printer().records(&made, &MADE)
}

fn exists(name: &str) -> Failure {
    Failure::new(format!("`{name}` exists")).with_hint("replace it by --overwrite")
}

const RENAMED: [Column<Renamed>; 3] = [
    Column::text("action", |renamed| renamed.action.to_owned()),
    Column::text("from", |renamed| renamed.from.clone()),
    Column::text("to", |renamed| renamed.to.clone()),
];
const MADE: [Column<Made>; 1] = [Column::text("url", |made| made.url.clone())];

const MV_EXAMPLES: &str = "\
FROM goes into TO if TO is a directory or ends with a slash; otherwise TO is its new name, whose directory must be
there. Either all of it is renamed or nothing.

Examples:
  azconnect lake mv abfss://raw@myaccount.dfs.core.windows.net/new abfss://raw@myaccount.dfs.core.windows.net/2024
  azconnect lake mv --overwrite --dry-run https://myaccount.dfs.core.windows.net/raw/a.csv \
    https://myaccount.dfs.core.windows.net/raw/done/";

const MKDIR_EXAMPLES: &str = "\
Examples:
  azconnect lake mkdir abfss://raw@myaccount.dfs.core.windows.net/sales/2024";
