//! `azconnect lake cat`, and copies to stdout.

use std::io::{self, BufWriter, Stdout, Write};

use azconnect_lake::{DownloadOptions, LakeClient, LakePath, LakeUrl};
use clap::Args;
use futures::TryStreamExt;

use crate::{clients, context::Context, failure::Failure, printer::Printer};

/// Arguments of `lake cat`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct CatArgs {
    /// Files, which are written one after the other
    #[arg(value_name = "URL", required = true)]
    urls: Vec<LakeUrl>,
}

/// Runs `lake cat`.
pub(super) async fn run(args: CatArgs, context: &Context) -> Result<(), Failure> {
    for url in &args.urls {
        let lake = clients::lake(context, url)?;
        write_to_stdout(&lake, url.path(), DownloadOptions::default(), context.printer()).await?;
    }
    Ok(())
}

/// Writes a file to stdout as its parts come, in bounded memory.
pub(super) async fn write_to_stdout(
    lake: &LakeClient,
    path: &LakePath,
    options: DownloadOptions,
    printer: Printer,
) -> Result<(), Failure> {
    let mut reader = lake.read_stream(path, options).await?;
    let mut stdout = printer.stdout();
    while let Some(part) = reader.try_next().await? {
        stdout = on_thread(stdout, move |stdout| stdout.write_all(&part)).await?;
    }
    on_thread(stdout, BufWriter::flush).await.map(drop)
}

/// A reader of our output may be slow; only this thread waits for it.
async fn on_thread(
    mut stdout: BufWriter<Stdout>,
    write: impl FnOnce(&mut BufWriter<Stdout>) -> io::Result<()> + Send + 'static,
) -> Result<BufWriter<Stdout>, Failure> {
    let written = tokio::task::spawn_blocking(move || write(&mut stdout).map(|()| stdout)).await;
    written.map_err(io::Error::other).and_then(|done| done).map_err(|error| Failure::stdout(&error))
}

const EXAMPLES: &str = "\
Examples:
  azconnect lake cat abfss://raw@myaccount.dfs.core.windows.net/sales/notes.txt
  azconnect lake cat abfss://raw@myaccount.dfs.core.windows.net/logs/today.gz | gunzip | head";
