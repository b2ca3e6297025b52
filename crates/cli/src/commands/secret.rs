//! `azconnect secret`: the secrets of a Key Vault.

use std::collections::BTreeMap;

use azconnect_keyvault::{
    Secret, SecretName, SecretProperties, SecretReference, SecretVersion, Vault, VaultClient,
};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use clap::{Args, Subcommand};
use futures::TryStreamExt;
use serde::Serialize;

use crate::{
    cli::OutputFormat,
    context::Context,
    failure::Failure,
    printer::{Column, Printer},
};

/// Arguments of `secret`.
#[derive(Args, Debug)]
#[command(after_help = GROUP_EXAMPLES)]
pub(crate) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Print a secret: its bare value, or with `-o json` its properties as well
    #[command(after_help = GET_EXAMPLES)]
    Get(GetArgs),
    /// List the secrets of a vault, or the versions of one, without their values
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
}

#[derive(Args, Debug)]
struct GetArgs {
    /// A name (with `--vault`), `akv://VAULT/NAME[/VERSION]`, or the https id of a secret
    secret: String,

    /// The name or the URL of the vault
    #[arg(long, value_name = "VAULT")]
    vault: Option<String>,

    /// The version, of 32 hexadecimal digits; default: the latest
    #[arg(long, value_name = "VERSION", requires = "vault")]
    version: Option<String>,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// The name or the URL of the vault
    #[arg(long, value_name = "VAULT")]
    vault: String,

    /// List the versions of this secret instead
    #[arg(long, value_name = "NAME")]
    versions_of: Option<String>,
}

/// Which secret of which vault is meant.
#[derive(Debug)]
struct Target {
    /// A name or a URL.
    vault: String,
    name: SecretName,
    version: Option<SecretVersion>,
}

/// A secret without its value. Times are RFC 3339.
#[derive(Serialize)]
struct PropertiesRecord {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    id: String,
    enabled: bool,
    content_type: Option<String>,
    created: Option<String>,
    updated: Option<String>,
    not_before: Option<String>,
    expires: Option<String>,
    managed: bool,
    tags: BTreeMap<String, String>,
}

/// A secret with its value.
#[derive(Serialize)]
struct SecretRecord<'a> {
    value: &'a str,
    #[serde(flatten)]
    properties: PropertiesRecord,
}

/// Runs `secret`.
pub(crate) async fn run(args: SecretArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        SecretCommand::Get(args) => {
            let target = args.target()?;
            let client = client(&target.vault, context)?;
            let secret = match &target.version {
                None => client.secret(&target.name).await?,
                Some(version) => client.secret_version(&target.name, version).await?,
            };
            print_secret(&secret, context.printer())
        }
        SecretCommand::List(args) => {
            let client = client(&args.vault, context)?;
            let properties = match &args.versions_of {
                None => client.secrets(),
                Some(name) => client.versions(&name.parse().map_err(usage)?),
            };
            let properties: Vec<_> =
                properties.map_ok(PropertiesRecord::from).try_collect().await?;
            print_list(&properties, args.versions_of.is_some(), context.printer())
        }
    }
}

impl GetArgs {
    fn target(self) -> Result<Target, Failure> {
        let is_reference = self.secret.contains("://") || self.secret.starts_with('@');
        match (self.vault, is_reference) {
            (Some(_), true) => Err(Failure::usage("the reference names its vault already")
                .with_hint("leave `--vault` out, or give the name of the secret only")),
            (None, false) => Err(Failure::usage("which vault is the secret in?")
                .with_hint("add `--vault NAME`, or write `akv://VAULT/SECRET`")),
            (Some(vault), false) => Ok(Target {
                vault,
                name: self.secret.parse().map_err(usage)?,
                version: self.version.map(SecretVersion::new).transpose().map_err(usage)?,
            }),
            (None, true) => {
                let reference: SecretReference = self.secret.parse().map_err(usage)?;
                Ok(Target {
                    vault: match reference.vault() {
                        Vault::Url(url) => url.as_str().to_owned(),
                        vault => vault.to_string(),
                    },
                    name: reference.name().clone(),
                    version: reference.version().cloned(),
                })
            }
        }
    }
}

fn client(vault: &str, context: &Context) -> Result<VaultClient, Failure> {
    let url = context.cloud()?.key_vault_url(vault)?;
    let builder = VaultClient::builder(url, context.credential()?);
    Ok(builder.with_transport(context.transport()?).build()?)
}

/// What is wrong with a name or a reference is wrong with the command line.
fn usage(error: azconnect_keyvault::Error) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error.hint() {
        None => failure,
        Some(hint) => failure.with_hint(hint),
    }
}

/// Prints the value, which is what this command is for: byte for byte, so that it can go to a file.
fn print_secret(secret: &Secret, printer: Printer) -> Result<(), Failure> {
    let value = secret.value.expose_secret();
    match printer.format() {
        OutputFormat::None => Ok(()),
        OutputFormat::Json => {
            printer.json(&SecretRecord { value, properties: secret.properties.clone().into() })
        }
        // A prompt right behind the value would look like a part of it.
        _ if printer.is_terminal() => printer.value(value),
        _ => printer.raw(value.as_bytes()),
    }
}

fn print_list(
    records: &[PropertiesRecord],
    versions: bool,
    printer: Printer,
) -> Result<(), Failure> {
    let first: Column<PropertiesRecord> = if versions {
        Column::text("VERSION", |record| record.version.clone().unwrap_or_default())
    } else {
        Column::text("NAME", |record| record.name.clone())
    };
    printer.records(
        records,
        &[
            first,
            Column::text("ENABLED", |record| yes_or_no(record.enabled)),
            Column::text("UPDATED", |record| record.updated.clone().unwrap_or_default()),
            Column::text("EXPIRES", |record| record.expires.clone().unwrap_or_default()),
            Column::text("CONTENT TYPE", |record| record.content_type.clone().unwrap_or_default()),
        ],
    )
}

fn yes_or_no(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

impl From<SecretProperties> for PropertiesRecord {
    fn from(properties: SecretProperties) -> Self {
        let time = |time: Option<OffsetDateTime>| time.map(|time| to_rfc3339(&time));
        Self {
            name: properties.name.to_string(),
            version: properties.version.map(|version| version.to_string()),
            id: properties.id,
            enabled: properties.enabled,
            content_type: properties.content_type,
            created: time(properties.created),
            updated: time(properties.updated),
            not_before: time(properties.not_before),
            expires: time(properties.expires),
            managed: properties.managed,
            tags: properties.tags,
        }
    }
}

const GROUP_EXAMPLES: &str = "\
Examples:
  azconnect secret list --vault kv-demo
  azconnect secret get akv://kv-demo/db-password";

const GET_EXAMPLES: &str = "\
Examples:
  Use a secret in a script:
    password=$(azconnect secret get db-password --vault kv-demo)

  One version of it, into a file:
    azconnect secret get akv://kv-demo/db-password/0123456789abcdef0123456789abcdef > password

  The certificate that Key Vault keeps as a secret, as a PFX file:
    azconnect secret get my-certificate --vault kv-demo | base64 -d > my-certificate.pfx

The value is printed byte for byte; only on a terminal it is followed by a line feed.";

const LIST_EXAMPLES: &str = "\
Examples:
  azconnect secret list --vault kv-demo
  azconnect secret list --vault kv-demo --versions-of db-password
  azconnect secret list --vault kv-demo -o json";

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    fn target(secret: &str, vault: Option<&str>, version: Option<&str>) -> Result<Target, Failure> {
        let args = GetArgs {
            secret: secret.to_owned(),
            vault: vault.map(str::to_owned),
            version: version.map(str::to_owned),
        };
        args.target()
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
        let id = ["https://kv-demo.vault.azure.net/secrets/db/", VERSION].concat();
        check(target(&id, None, None), "https://kv-demo.vault.azure.net/", "db", Some(VERSION));
    }

    #[test]
    fn a_vault_named_twice_or_not_at_all_is_wrong_usage() {
        for (secret, vault) in [
            ("db", None),
            ("akv://kv-demo/db", Some("kv-demo")),
            ("akv://kv-demo", None),
            ("a_b", Some("kv-demo")),
        ] {
            let failure = target(secret, vault, None).unwrap_err();
            let mut text = Vec::new();
            assert_eq!(failure.report(&mut text), std::process::ExitCode::from(2), "{secret}");
        }
    }
}
