//! One end of a copy: a place in the lake, a local path, or the standard streams.

use std::{path::PathBuf, str::FromStr};

use azconnect_lake::{Error, ErrorKind, LakeClient, LakePath, LakeUrl};

use crate::failure::Failure;

/// One end of a copy.
#[derive(Clone, Debug)]
pub(super) enum Location {
    /// A URL; a trailing slash, which the URL itself does not keep, names a directory.
    Lake { url: LakeUrl, trailing_slash: bool },
    /// Everything that is neither of the others.
    Local { path: PathBuf, trailing_slash: bool },
    /// `-`: stdin or stdout.
    Standard,
}

impl FromStr for Location {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let trailing_slash = text.ends_with('/');
        if text == "-" {
            Ok(Self::Standard)
        } else if text.contains("://") {
            Ok(Self::Lake { url: text.parse()?, trailing_slash })
        } else {
            Ok(Self::Local { path: text.into(), trailing_slash })
        }
    }
}

/// The path that what is called `name` gets at `url`: the one named, or one in the directory named.
pub(super) async fn lake_target(
    lake: &LakeClient,
    url: &LakeUrl,
    trailing_slash: bool,
    name: Option<&str>,
) -> Result<LakePath, Failure> {
    let path = url.path();
    let is_directory = trailing_slash
        || path.is_root()
        || match lake.properties(path).await {
            Ok(found) => found.is_directory(),
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            Err(error) => return Err(error.into()),
        };
    match (is_directory, name) {
        (false, _) => Ok(path.clone()),
        (true, Some(name)) => Ok(path.join(name)?),
        (true, None) => Err(Failure::usage(format!("`{url}` is a directory"))
            .with_hint("name the file that is to be made in it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_paths_and_the_dash_are_told_apart() {
        for (text, expected) in [
            ("-", "Standard"),
            ("./-", "Local"),
            ("a/b.parquet", "Local"),
            ("C:\\a", "Local"),
            ("abfss://raw@lakedemo.dfs.core.windows.net/a", "Lake"),
            ("https://lakedemo.dfs.core.windows.net/raw/a/", "Lake"),
        ] {
            let location: Location = text.parse().unwrap();
            assert!(format!("{location:?}").starts_with(expected), "{text}");
        }
        assert!("s3://raw/a".parse::<Location>().is_err());
    }
}
