//! URLs of places in the lake, in the spellings that other tools use.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;

use super::{AccountName, LakePath};
use crate::error::{Error, Result};

/// A place in a named account: `abfss://filesystem@account.dfs.core.windows.net/path`.
///
/// | accepted | path is |
/// | --- | --- |
/// | `abfss://fs@account.dfs.core.windows.net/path` (also `abfs`) | literal, as in Hadoop and Spark |
/// | `wasbs://fs@account.blob.core.windows.net/path` (also `wasb`) | literal |
/// | `https://account.dfs.core.windows.net/fs/path` (also `.blob.`) | percent-encoded, as in a browser |
///
/// `Display` is the first form, and parses back to an equal value. Hosts outside of Azure are
/// refused, so that a URL from elsewhere can never draw a token to a stranger.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LakeUrl {
    account: AccountName,
    endpoint_suffix: &'static str,
    path: LakePath,
}

impl LakeUrl {
    /// The place `path` in `account`, in the public cloud.
    pub fn new(account: AccountName, path: LakePath) -> Self {
        Self { account, endpoint_suffix: PUBLIC_CLOUD, path }
    }

    /// The storage account.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// What follows `account.dfs.` in the host name: `core.windows.net` in the public cloud.
    pub fn endpoint_suffix(&self) -> &str {
        self.endpoint_suffix
    }

    /// The filesystem and the path in it.
    pub fn path(&self) -> &LakePath {
        &self.path
    }

    /// The same account, another path.
    #[must_use]
    pub fn with_path(&self, path: LakePath) -> Self {
        Self { path, ..self.clone() }
    }
}

impl FromStr for LakeUrl {
    type Err = Error;

    /// # Errors
    /// `InvalidInput`, saying which part of the URL is not as it should be. The text after a `?`
    /// is never quoted, since it may hold a signature.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|error| match error {
            Mistake::Named(detail) => {
                Error::invalid_input("use the URL", shown(text), detail).with_hint(EXPECTED)
            }
            Mistake::In(error) => error,
        })
    }
}

impl fmt::Display for LakeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account, endpoint_suffix, path } = self;
        write!(f, "abfss://{}@{account}.dfs.{endpoint_suffix}/{}", path.filesystem(), path.path())
    }
}

enum Mistake {
    Named(String),
    In(Error),
}

impl From<Error> for Mistake {
    fn from(error: Error) -> Self {
        Self::In(error)
    }
}

impl From<&str> for Mistake {
    fn from(detail: &str) -> Self {
        Self::Named(detail.to_owned())
    }
}

fn parse(text: &str) -> Result<LakeUrl, Mistake> {
    let (scheme, rest) = text.split_once("://").ok_or("it has no scheme")?;
    match scheme.to_ascii_lowercase().as_str() {
        "abfss" | "abfs" => hadoop(rest, "dfs"),
        "wasbs" | "wasb" => hadoop(rest, "blob"),
        "https" => https(rest),
        "http" => Err("http would send the token in the clear: write https".into()),
        "az" | "adl" => Err("this form does not name the account".into()),
        other => Err(Mistake::Named(format!("the scheme `{other}` is not one of the data lake"))),
    }
}

fn hadoop(rest: &str, service: &str) -> Result<LakeUrl, Mistake> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (filesystem, host) =
        authority.split_once('@').ok_or("there is no `filesystem@` before the host name")?;
    let (account, found, endpoint_suffix) = host_parts(host)?;
    if found != service {
        return Err(Mistake::Named(format!("the host must be `ACCOUNT.{service}.…` here")));
    }
    let path = LakePath::new(filesystem.parse()?, path)?;
    Ok(LakeUrl { account, endpoint_suffix, path })
}

fn https(rest: &str) -> Result<LakeUrl, Mistake> {
    let (before_query, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    if !query.is_empty() {
        return Err("a query or a shared access signature has no place here: \
                    sign in with an identity instead"
            .into());
    }
    let (host, path) = before_query.split_once('/').unwrap_or((before_query, ""));
    if host.contains('@') {
        return Err("user information before the host has no place in an https URL".into());
    }
    let (account, _, endpoint_suffix) = host_parts(host)?;
    let decoded = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| "the path is not percent-encoded UTF-8")?;
    let (filesystem, path) = decoded.split_once('/').unwrap_or((&decoded, ""));
    if filesystem.is_empty() {
        return Err("there is no filesystem after the host name".into());
    }
    let path = LakePath::new(filesystem.parse()?, path)?;
    Ok(LakeUrl { account, endpoint_suffix, path })
}

fn host_parts(host: &str) -> Result<(AccountName, &'static str, &'static str), Mistake> {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":443").unwrap_or(&host);
    let (account, rest) = host.split_once('.').ok_or("the host does not name an account")?;
    let (service, suffix) = match rest.split_once('.') {
        Some(("dfs", suffix)) => ("dfs", suffix),
        Some(("blob", suffix)) => ("blob", suffix),
        _ => return Err("the host is not `ACCOUNT.dfs.…` or `ACCOUNT.blob.…`".into()),
    };
    let known = ENDPOINT_SUFFIXES.iter().find(|known| **known == suffix).ok_or_else(|| {
        Mistake::Named(format!(
            "`{suffix}` is not one of Azure's host suffixes ({})",
            ENDPOINT_SUFFIXES.join(", ")
        ))
    })?;
    Ok((account.parse()?, service, known))
}

/// What of a refused URL may be repeated in a message.
fn shown(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let before = &text[..end];
    match (before.split_once("://"), before.rsplit_once('@')) {
        // A password may stand before the host.
        (Some((scheme, rest)), Some((_, host))) if rest.contains(':') => {
            format!("{scheme}://…@{host}")
        }
        _ => before.to_owned(),
    }
}

const EXPECTED: &str = "write abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/PATH";

const PUBLIC_CLOUD: &str = "core.windows.net";

/// Public, US Government, China, and OneLake.
///
/// Spec: <https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-endpoints>
const ENDPOINT_SUFFIXES: [&str; 4] =
    [PUBLIC_CLOUD, "core.usgovcloudapi.net", "core.chinacloudapi.cn", "fabric.microsoft.com"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, canonical: &str) {
        let url: LakeUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), canonical, "{text}");
        assert_eq!(canonical.parse::<LakeUrl>().unwrap(), url, "{text}");
    }

    #[test]
    fn every_spelling_has_one_canonical_form() {
        let canonical = "abfss://raw@lakedemo.dfs.core.windows.net/a/b.parquet";
        for text in [
            canonical,
            "ABFSS://raw@LakeDemo.dfs.core.windows.net//a/b.parquet/",
            "abfs://raw@lakedemo.dfs.core.windows.net/a/b.parquet",
            "wasbs://raw@lakedemo.blob.core.windows.net/a/b.parquet",
            "https://lakedemo.dfs.core.windows.net/raw/a/b.parquet",
            "https://lakedemo.blob.core.windows.net:443/raw/a/b.parquet",
        ] {
            check(text, canonical);
        }
    }

    #[test]
    fn abfss_is_literal_and_https_is_encoded() {
        check(
            "https://lakedemo.dfs.core.windows.net/raw/a%20b/100%25/%23+%E6%97%A5",
            "abfss://raw@lakedemo.dfs.core.windows.net/a b/100%/#+日",
        );
        check(
            "abfss://raw@lakedemo.dfs.core.windows.net/a%20b?c#d",
            "abfss://raw@lakedemo.dfs.core.windows.net/a%20b?c#d",
        );
    }

    #[test]
    fn roots_and_sovereign_clouds_parse() {
        check(
            "https://lakedemo.dfs.core.usgovcloudapi.net/raw",
            "abfss://raw@lakedemo.dfs.core.usgovcloudapi.net/",
        );
        check(
            "abfss://raw@lakedemo.dfs.core.chinacloudapi.cn",
            "abfss://raw@lakedemo.dfs.core.chinacloudapi.cn/",
        );
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, said) in [
            ("raw/a", "no scheme"),
            ("s3://raw/a", "`s3` is not one"),
            ("az://raw/a", "does not name the account"),
            ("http://lakedemo.dfs.core.windows.net/raw", "in the clear"),
            ("abfss://lakedemo.dfs.core.windows.net/raw", "`filesystem@`"),
            ("abfss://raw@lakedemo.blob.core.windows.net/a", "ACCOUNT.dfs."),
            ("abfss://raw@lakedemo/a", "does not name an account"),
            ("abfss://raw@lakedemo.dfs.example.com/a", "`example.com` is not one"),
            ("https://lakedemo.dfs.core.windows.net.example.com/raw", "is not one of Azure's"),
            ("https://lakedemo.table.core.windows.net/raw", "ACCOUNT.dfs."),
            ("https://lakedemo.dfs.core.windows.net/", "no filesystem"),
            ("https://lakedemo.dfs.core.windows.net/raw/%ff", "percent-encoded UTF-8"),
            ("https://u:p@lakedemo.dfs.core.windows.net/raw", "user information"),
            ("https://lakedemo.dfs.core.windows.net/raw/a/%2e%2e/b", "`..`"),
            ("abfss://Raw@lakedemo.dfs.core.windows.net/a", "lower-case"),
            ("abfss://raw@lake_demo.dfs.core.windows.net/a", "3 to 24"),
        ] {
            let message = text.parse::<LakeUrl>().unwrap_err().to_string();
            assert!(message.contains(said), "{text}: {message}");
        }
    }

    #[test]
    fn secrets_of_a_refused_url_are_not_repeated() {
        for text in [
            "https://lakedemo.dfs.core.windows.net/raw/a?sv=2024&sig=TOPSECRET",
            "ftp://user:TOPSECRET@lakedemo.dfs.core.windows.net/raw",
            "https://user:TOPSECRET@lakedemo.dfs.core.windows.net/raw",
        ] {
            let error = text.parse::<LakeUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("TOPSECRET"), "{error}");
        }
    }
}
