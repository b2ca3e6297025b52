//! `azconnect lake`: files of the data lake, listed, read, copied and removed.

mod cat;
mod copy;
mod list;
mod location;
mod parquet;
mod record;
mod remove;
mod rename;
mod usage;

use clap::{Args, Subcommand};

use crate::{context::Context, failure::Failure};

/// Arguments of `lake`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LakeArgs {
    #[command(subcommand)]
    command: LakeCommand,
}

#[derive(Debug, Subcommand)]
enum LakeCommand {
    /// List what is in a directory
    Ls(list::LsArgs),
    /// Show the properties of a file or directory
    Stat(list::StatArgs),
    /// Write files to stdout
    Cat(cat::CatArgs),
    /// Copy a file, a directory or a stream between this machine and the lake
    Cp(copy::CpArgs),
    /// Rename files or directories, each in one step
    Mv(rename::MvArgs),
    /// Make directories, with those that they are in
    Mkdir(rename::MkdirArgs),
    /// Sum up the sizes of what is in directories
    Du(usage::DuArgs),
    /// Show the first rows of a Parquet file
    Head(parquet::HeadArgs),
    /// Show the columns and row groups of a Parquet file
    Schema(parquet::SchemaArgs),
    /// Delete files, or directories with all that is below them
    Rm(remove::RmArgs),
}

impl LakeArgs {
    /// Whether the result is batches of rows.
    pub(crate) fn writes_batches(&self) -> bool {
        matches!(self.command, LakeCommand::Head(_))
    }
}

/// Runs `lake`.
pub(crate) async fn run(args: LakeArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        LakeCommand::Ls(args) => list::list(args, context).await,
        LakeCommand::Stat(args) => list::stat(args, context).await,
        LakeCommand::Cat(args) => cat::run(args, context).await,
        LakeCommand::Cp(args) => copy::run(args, context).await,
        LakeCommand::Mv(args) => rename::rename(args, context).await,
        LakeCommand::Mkdir(args) => rename::make_directories(args, context).await,
        LakeCommand::Du(args) => usage::run(args, context).await,
        LakeCommand::Head(args) => parquet::head(args, context).await,
        LakeCommand::Schema(args) => parquet::schema(args, context).await,
        LakeCommand::Rm(args) => remove::run(args, context).await,
    }
}

const EXAMPLES: &str = "\
A URL of the lake is abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH, with the path as it is, or
https://ACCOUNT.dfs.core.windows.net/FILESYSTEM/PATH, with the path percent-encoded.

Examples:
  azconnect lake ls abfss://raw@myaccount.dfs.core.windows.net/sales
  azconnect lake cp orders.parquet abfss://raw@myaccount.dfs.core.windows.net/sales/
  azconnect lake cat abfss://raw@myaccount.dfs.core.windows.net/sales/notes.txt
  azconnect lake head abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet";
