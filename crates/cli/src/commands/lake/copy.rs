//! `azconnect lake cp`: between this machine and the lake, one file or a whole directory.

mod plan;
mod stream;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use azconnect_lake::{
    DownloadOptions, ExistingFile, LakeClient, LakeUrl, ProgressHook, UploadOptions, WriteCondition,
};
use clap::Args;
use futures::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use serde::Serialize;

use self::plan::{Pair, Plan};
use super::{
    cat::write_to_stdout,
    location::{Location, lake_target},
};
use crate::{
    clients,
    context::Context,
    failure::Failure,
    printer::{Column, bytes},
};

/// Arguments of `lake cp`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct CpArgs {
    /// What is copied: a URL of the lake, a local path, or `-` for stdin
    #[arg(value_name = "FROM")]
    from: Location,

    /// Where it goes: a URL of the lake, a local path, or `-` for stdout
    #[arg(value_name = "TO")]
    to: Location,

    /// Copy a directory: what is below FROM goes below TO
    #[arg(short, long)]
    recursive: bool,

    /// Replace files that exist; without it the copy fails and they stay as they are
    #[arg(long)]
    overwrite: bool,
}

/// What was copied.
#[derive(Serialize)]
struct Copied {
    from: String,
    to: String,
    bytes: u64,
}

/// Runs `lake cp`.
pub(super) async fn run(args: CpArgs, context: &Context) -> Result<(), Failure> {
    let copy = Copy { context, recursive: args.recursive, overwrite: args.overwrite };
    let copied = match (args.from, args.to) {
        (Location::Local { path, .. }, Location::Lake { url, trailing_slash }) => {
            copy.upload(path, url, trailing_slash).await?
        }
        (Location::Standard, Location::Lake { url, trailing_slash }) => {
            vec![copy.upload_stdin(url, trailing_slash).await?]
        }
        (Location::Lake { url, .. }, Location::Local { path, trailing_slash }) => {
            copy.download(url, path, trailing_slash).await?
        }
        // The file itself is the result.
        (Location::Lake { url, .. }, Location::Standard) => {
            return copy.download_to_stdout(&url).await;
        }
        (Location::Lake { .. }, Location::Lake { .. }) => {
            return Err(Failure::usage("both ends of the copy are in the lake")
                .with_hint("copy to this machine first, and from there"));
        }
        (
            Location::Local { .. } | Location::Standard,
            Location::Local { .. } | Location::Standard,
        ) => {
            return Err(Failure::usage("neither end of the copy is in the lake").with_hint(
                "a place in the lake is abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH",
            ));
        }
    };
    context.printer().records(&copied, &COLUMNS)
}

struct Copy<'a> {
    context: &'a Context,
    recursive: bool,
    overwrite: bool,
}

impl Copy<'_> {
    async fn upload(
        &self,
        local: PathBuf,
        url: LakeUrl,
        trailing_slash: bool,
    ) -> Result<Vec<Copied>, Failure> {
        let lake = clients::lake(self.context, &url)?;
        let plan = if self.recursive {
            Plan::upload_tree(local, url.path().clone()).await?
        } else {
            let name = plan::local_file_name(&local)?;
            let target = lake_target(&lake, &url, trailing_slash, name.as_deref());
            Plan::upload_file(local, target.await?).await?
        };
        if !self.overwrite && !self.recursive {
            // Better told now than after the bytes were sent; the condition of the upload decides.
            for pair in &plan.pairs {
                if lake.exists(&pair.remote).await? {
                    return Err(exists(&url.with_path(pair.remote.clone()).to_string()));
                }
            }
        }
        for directory in &plan.empty_lake_directories {
            lake.create_directory(directory).await?;
        }
        let options = UploadOptions::default()
            .with_concurrency(plan.requests_a_file())
            .with_condition(self.condition());
        self.each(&plan, |pair, hook| {
            let (lake, options) = (lake.clone(), options.clone().with_progress(hook));
            let to = url.with_path(pair.remote.clone()).to_string();
            async move {
                let done = lake.upload_file(&pair.remote, &pair.local, options).await?;
                Ok(Copied { from: pair.local.display().to_string(), to, bytes: done.bytes })
            }
        })
        .await
    }

    async fn upload_stdin(&self, url: LakeUrl, trailing_slash: bool) -> Result<Copied, Failure> {
        if self.recursive {
            return Err(Failure::usage("stdin is no directory").with_hint("leave out --recursive"));
        }
        let lake = clients::lake(self.context, &url)?;
        let target = lake_target(&lake, &url, trailing_slash, None).await?;
        let to = url.with_path(target.clone()).to_string();
        if !self.overwrite && lake.exists(&target).await? {
            return Err(exists(&to));
        }
        let bar = self.context.progress().bytes(None, to.as_str());
        let options =
            UploadOptions::default().with_condition(self.condition()).with_progress(advance(&bar));
        let done = lake.upload_stream(&target, stream::stdin(), options).await;
        bar.finish_and_clear();
        Ok(Copied { from: "-".to_owned(), to, bytes: done?.bytes })
    }

    async fn download(
        &self,
        url: LakeUrl,
        local: PathBuf,
        trailing_slash: bool,
    ) -> Result<Vec<Copied>, Failure> {
        let lake = clients::lake(self.context, &url)?;
        let found = lake.properties(url.path()).await?;
        let plan = match (found.is_directory(), self.recursive) {
            (true, true) => Plan::download_tree(&lake, url.path(), &local).await?,
            (true, false) => return Err(directory(&url.to_string())),
            (false, _) => Plan::download_file(found, local, trailing_slash)?,
        };
        plan.make_local_directories().await?;
        let existing = if self.overwrite { ExistingFile::Replace } else { ExistingFile::Keep };
        let options = DownloadOptions::default()
            .with_concurrency(plan.requests_a_file())
            .with_existing_file(existing);
        self.each(&plan, |pair, hook| {
            let (lake, mut options) = (lake.clone(), options.clone().with_progress(hook));
            if let Some(etag) = &pair.etag {
                options = options.with_if_match(etag.clone());
            }
            let from = url.with_path(pair.remote.clone()).to_string();
            async move {
                let done = lake.download_opts(&pair.remote, &pair.local, options).await?;
                Ok(Copied { from, to: pair.local.display().to_string(), bytes: done.bytes })
            }
        })
        .await
    }

    async fn download_to_stdout(&self, url: &LakeUrl) -> Result<(), Failure> {
        if self.recursive {
            return Err(Failure::usage("a directory does not fit into stdout")
                .with_hint("leave out --recursive, or copy to a local directory"));
        }
        let lake: LakeClient = clients::lake(self.context, url)?;
        let bar = self.context.progress().bytes(None, url.path().path());
        let options = DownloadOptions::default().with_progress(advance(&bar));
        let done = write_to_stdout(&lake, url.path(), options, self.context.printer()).await;
        bar.finish_and_clear();
        done
    }

    /// Copies every pair, a few at a time, under one progress bar. Ends with the first failure;
    /// files that were whole by then stay.
    async fn each<F>(
        &self,
        plan: &Plan,
        copy: impl Fn(Pair, ProgressHook) -> F,
    ) -> Result<Vec<Copied>, Failure>
    where
        F: Future<Output = Result<Copied, Failure>>,
    {
        let message = match plan.pairs.as_slice() {
            [only] => only.remote.name().unwrap_or_default().to_owned(),
            pairs => format!("{} files", pairs.len()),
        };
        let bar = self.context.progress().bytes(Some(plan.bytes()), message);
        let copied = futures::stream::iter(plan.pairs.iter().cloned())
            .map(|pair| copy(pair, advance(&bar)))
            .buffered(plan::FILES_AT_ONCE)
            .try_collect()
            .await;
        bar.finish_and_clear();
        copied
    }

    fn condition(&self) -> WriteCondition {
        if self.overwrite { WriteCondition::Always } else { WriteCondition::IfAbsent }
    }
}

/// Adds what one file has advanced to a bar that others advance too. Parallel parts may report out
/// of order.
fn advance(bar: &ProgressBar) -> ProgressHook {
    let (bar, reported) = (bar.clone(), Arc::new(AtomicU64::new(0)));
    ProgressHook::new(move |progress| {
        let before = reported.fetch_max(progress.bytes_done, Ordering::Relaxed);
        bar.inc(progress.bytes_done.saturating_sub(before));
    })
}

fn exists(name: &str) -> Failure {
    Failure::new(format!("`{name}` exists")).with_hint("replace it by --overwrite")
}

fn directory(name: &str) -> Failure {
    Failure::usage(format!("`{name}` is a directory"))
        .with_hint("copy all that is below it by --recursive")
}

const COLUMNS: [Column<Copied>; 3] = [
    Column::number("bytes", |copied| bytes(copied.bytes)),
    Column::text("from", |copied| copied.from.clone()),
    Column::text("to", |copied| copied.to.clone()),
];

const EXAMPLES: &str = "\
A file goes into TO if TO is a directory or ends with a slash; otherwise TO is its new name. Missing
directories are made. Every file appears whole or not at all, in the lake as on this machine; what
exists stays as it is unless --overwrite says otherwise.

Examples:
  azconnect lake cp orders.parquet abfss://raw@myaccount.dfs.core.windows.net/sales/
  azconnect lake cp abfss://raw@myaccount.dfs.core.windows.net/sales/orders.parquet .
  azconnect lake cp --recursive abfss://raw@myaccount.dfs.core.windows.net/sales ./sales
  pg_dump mydb | azconnect lake cp --overwrite - abfss://raw@myaccount.dfs.core.windows.net/mydb.sql";
