//! `azconnect lake du`.

use std::collections::BTreeMap;

use azconnect_lake::{LakePath, LakeUrl, ListDepth, ListOptions};
use clap::Args;
use futures::TryStreamExt;
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
struct Usage {
    url: String,
    files: u64,
    bytes: u64,
}

/// Files and their bytes.
#[derive(Clone, Copy, Default)]
struct Sum {
    files: u64,
    bytes: u64,
}

/// Runs `lake du`. Memory grows with the directories that have a line, not with the files.
pub(super) async fn run(args: DuArgs, context: &Context) -> Result<(), Failure> {
    let mut usages = Vec::new();
    for url in &args.urls {
        let lake = clients::lake(context, url)?;
        let found = lake.properties(url.path()).await?;
        if !found.is_directory() {
            usages.push(Usage { url: url.to_string(), files: 1, bytes: found.size });
            continue;
        }
        let mut sums = BTreeMap::from([(url.path().path().to_owned(), Sum::default())]);
        let options = ListOptions::default().with_depth(ListDepth::Recursive);
        let mut entries = lake.list_opts(url.path(), options);
        while let Some(entry) = entries.try_next().await? {
            add(&mut sums, &entry.path, url.path(), args.depth, entry.is_directory(), entry.size);
        }
        for (path, Sum { files, bytes }) in sums {
            let path = LakePath::new(url.path().filesystem().clone(), &path)?;
            usages.push(Usage { url: url.with_path(path).to_string(), files, bytes });
        }
    }
    context.printer().records(&usages, &COLUMNS)
}

/// Adds an entry to all directories between it and `root` that have a line.
fn add(
    sums: &mut BTreeMap<String, Sum>,
    path: &LakePath,
    root: &LakePath,
    depth: usize,
    is_directory: bool,
    size: u64,
) {
    let below = path.relative_to(root).unwrap_or_default();
    let offset = path.path().len() - below.len();
    let ends = below.match_indices('/').map(|(at, _)| offset + at);
    // A directory has a line of its own, if it is not too deep, even with nothing in it.
    let ends = ends.chain(is_directory.then_some(path.path().len())).take(depth);
    let directories = ends.filter_map(|end| path.path().get(..end));
    for directory in std::iter::once(root.path()).chain(directories) {
        // Most files are in a directory that is known.
        let sum = match sums.get_mut(directory) {
            Some(sum) => sum,
            None => sums.entry(directory.to_owned()).or_default(),
        };
        if !is_directory {
            sum.files += 1;
            sum.bytes = sum.bytes.saturating_add(size);
        }
    }
}

const COLUMNS: [Column<Usage>; 3] = [
    Column::number("bytes", |usage| bytes(usage.bytes)),
    Column::number("files", |usage| count(usage.files)),
    Column::text("directory", |usage| usage.url.clone()),
];

const EXAMPLES: &str = "\
Examples:
  azconnect lake du abfss://raw@myaccount.dfs.core.windows.net/
  azconnect lake du --depth 0 -o json abfss://raw@myaccount.dfs.core.windows.net/sales";

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> LakePath {
        LakePath::new("raw".parse().unwrap(), text).unwrap()
    }

    #[test]
    fn each_directory_has_the_sum_of_all_below_it_and_deep_ones_have_no_line() {
        let entries = [
            ("d/a", false, 1),
            ("d/e", true, 0),
            ("d/e/b", false, 10),
            ("d/e/f", true, 0),
            ("d/e/f/c", false, 100),
            ("d/empty", true, 0),
        ];
        for (root, depth, expected) in [
            ("d", 0, vec![("d", 3, 111)]),
            ("d", 1, vec![("d", 3, 111), ("d/e", 2, 110), ("d/empty", 0, 0)]),
            ("d", 9, vec![("d", 3, 111), ("d/e", 2, 110), ("d/e/f", 1, 100), ("d/empty", 0, 0)]),
            ("", 1, vec![("", 3, 111), ("d", 3, 111)]),
        ] {
            let mut sums = BTreeMap::new();
            for (name, is_directory, size) in entries {
                add(&mut sums, &path(name), &path(root), depth, is_directory, size);
            }
            let found: Vec<_> =
                sums.iter().map(|(name, sum)| (name.as_str(), sum.files, sum.bytes)).collect();
            assert_eq!(found, expected, "{root} {depth}");
        }
    }
}
