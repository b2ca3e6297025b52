//! What the commands of `secret` have in common: how a secret is named, and how patient they are.

use std::time::Duration;

use azconnect_keyvault::{AccessWait, SecretName, SecretReference, SecretVersion, VaultClient};
use azure_core::{
    http::Url,
    time::{OffsetDateTime, parse_rfc3339},
};
use clap::Args;

use crate::{clients, commands::secret::usage, context::Context, failure::Failure};

/// How patient a command is with its vaults.
#[derive(Args, Clone, Debug)]
pub(super) struct Patience {
    /// Wait this long for a role that was given a moment ago: 90s, 15m, 1h; then exit with status 3
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    wait_for_access: Option<Duration>,

    /// Wait for a random time of up to this before the first request, so that jobs which start together do not ask
    /// together
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    #[arg(env = "AZCONNECT_START_JITTER")]
    start_jitter: Option<Duration>,
}

impl Patience {
    /// A client of the vault of this name or URL.
    pub(super) fn client(&self, vault: &str, context: &Context) -> Result<VaultClient, Failure> {
        let url = context.cloud()?.key_vault_url(vault)?;
        Ok(self.connector(context)?(url)?)
    }

    /// What makes the clients of vaults, which share credential and connections.
    pub(super) fn connector(&self, context: &Context) -> Result<Connector, Failure> {
        let connect = clients::key_vault(context)?;
        let Self { wait_for_access, start_jitter } = self.clone();
        Ok(Box::new(move |url| {
            let mut builder = connect(url);
            if let Some(longest) = wait_for_access {
                builder = builder.with_access_wait(AccessWait::new(longest));
            }
            builder.with_start_jitter(start_jitter.unwrap_or_default()).build()
        }))
    }
}

type Connector = Box<dyn Fn(Url) -> azconnect_keyvault::Result<VaultClient> + Send + Sync>;

/// A secret as the command line names it.
#[derive(Args, Clone, Debug)]
pub(super) struct SecretArg {
    /// A name (with `--vault`), `akv://VAULT/NAME[/VERSION]`, or the https id of a secret
    secret: String,

    /// The name or the URL of the vault
    #[arg(long, value_name = "VAULT")]
    vault: Option<String>,
}

/// Which secret of which vault is meant.
#[derive(Debug)]
pub(super) struct Target {
    /// A name or a URL.
    pub(super) vault: String,
    pub(super) name: SecretName,
    pub(super) version: Option<SecretVersion>,
}

impl SecretArg {
    /// The secret, and the version of it if one is named.
    ///
    /// `version`: what an option of its own says.
    pub(super) fn target(&self, version: Option<&str>) -> Result<Target, Failure> {
        let is_reference = self.secret.contains("://") || self.secret.starts_with('@');
        match (&self.vault, is_reference) {
            (Some(_), true) => Err(Failure::usage("the reference names its vault already")
                .with_hint("leave `--vault` out, or give the name of the secret only")),
            (None, false) => Err(Failure::usage("which vault is the secret in?")
                .with_hint("add `--vault NAME`, or write `akv://VAULT/SECRET`")),
            (Some(vault), false) => Ok(Target {
                vault: vault.clone(),
                name: self.secret.parse().map_err(usage)?,
                version: version.map(SecretVersion::new).transpose().map_err(usage)?,
            }),
            (None, true) => {
                let reference: SecretReference = self.secret.parse().map_err(usage)?;
                if version.is_some() && reference.version().is_some() {
                    return Err(Failure::usage("the reference names its version already")
                        .with_hint("leave `--version` out"));
                }
                let version = match version {
                    Some(version) => Some(SecretVersion::new(version).map_err(usage)?),
                    None => reference.version().cloned(),
                };
                Ok(Target {
                    vault: reference.vault().to_string(),
                    name: reference.name().clone(),
                    version,
                })
            }
        }
    }

    /// A secret with all of its versions, which is what the command is about.
    pub(super) fn whole(&self) -> Result<Target, Failure> {
        let target = self.target(None)?;
        match &target.version {
            None => Ok(target),
            Some(_) => Err(Failure::usage("this is about a secret with all of its versions")
                .with_hint("leave the version out")),
        }
    }
}

/// What came of an operation, with what can be found out about a secret that is not there.
pub(super) async fn explained<T>(
    outcome: azconnect_keyvault::Result<T>,
    client: &VaultClient,
    name: &SecretName,
) -> azconnect_keyvault::Result<T> {
    match outcome {
        Ok(value) => Ok(value),
        Err(error) => Err(client.explain(name, error).await),
    }
}

/// A time: RFC 3339, or a duration from now on.
pub(super) fn parse_time(text: &str) -> Result<OffsetDateTime, String> {
    if let Ok(time) = parse_rfc3339(text) {
        return Ok(time);
    }
    let from_now = humantime::parse_duration(text).ok();
    from_now
        .and_then(|duration| OffsetDateTime::now_utc().checked_add(duration.try_into().ok()?))
        .ok_or_else(|| "give a time such as 2027-01-31T00:00:00Z, or a duration such as 90d".into())
}

/// `KEY=VALUE`.
pub(super) fn parse_tag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("a tag is KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    fn target(secret: &str, vault: Option<&str>, version: Option<&str>) -> Result<Target, Failure> {
        SecretArg { secret: secret.to_owned(), vault: vault.map(str::to_owned) }.target(version)
    }

    #[track_caller]
    fn check(target: Result<Target, Failure>, vault: &str, name: &str, version: Option<&str>) {
        let target = target.unwrap();
        assert_eq!(target.vault, vault);
        assert_eq!(target.name.as_str(), name);
        assert_eq!(target.version.as_ref().map(SecretVersion::as_str), version);
    }

    #[test]
    fn a_secret_is_named_with_its_vault_or_by_a_reference() {
        check(target("db", Some("kv-demo"), None), "kv-demo", "db", None);
        check(target("db", Some("kv-demo"), Some(VERSION)), "kv-demo", "db", Some(VERSION));
        check(target("akv://kv-demo/db", None, None), "kv-demo", "db", None);
        check(target("akv://kv-demo/db", None, Some(VERSION)), "kv-demo", "db", Some(VERSION));
        let id = ["https://kv-demo.vault.azure.net/secrets/db/", VERSION].concat();
        check(target(&id, None, None), "https://kv-demo.vault.azure.net/", "db", Some(VERSION));
    }

    #[test]
    fn a_vault_named_twice_or_not_at_all_is_wrong_usage() {
        let versioned = ["akv://kv-demo/db/", VERSION].concat();
        for (secret, vault, version) in [
            ("db", None, None),
            ("akv://kv-demo/db", Some("kv-demo"), None),
            ("akv://kv-demo", None, None),
            ("a_b", Some("kv-demo"), None),
            ("db", Some("kv-demo"), Some("latest")),
            (&versioned, None, Some(VERSION)),
        ] {
            let failure = target(secret, vault, version).unwrap_err();
            let mut text = Vec::new();
            assert_eq!(failure.report(&mut text), std::process::ExitCode::from(2), "{secret}");
        }
    }

    #[test]
    fn what_is_about_the_whole_secret_takes_no_version() {
        let secret = ["akv://kv-demo/db/", VERSION].concat();
        let arg = SecretArg { secret, vault: None };
        assert!(arg.whole().is_err());
        let arg = SecretArg { secret: "akv://kv-demo/db".to_owned(), vault: None };
        arg.whole().unwrap();
    }

    #[test]
    fn times_are_absolute_or_from_now_on() {
        let time = parse_time("2027-01-31T00:00:00Z").unwrap();
        assert_eq!(time.unix_timestamp(), 1_801_353_600);
        let day = parse_time("1d").unwrap() - OffsetDateTime::now_utc();
        assert!((86_390..=86_400).contains(&day.whole_seconds()), "{day}");
        for wrong in ["", "tomorrow", "2027-01-31", "99999999999y"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_has_a_key() {
        assert_eq!(parse_tag("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
        assert_eq!(parse_tag("a=").unwrap(), ("a".to_owned(), String::new()));
        for wrong in ["", "a", "=b"] {
            assert!(parse_tag(wrong).is_err(), "{wrong}");
        }
    }
}
