//! `azconnect secret get`.

use azconnect_keyvault::{ErrorKind, Secret, Validity, VaultCertificate, VaultClient};
use azure_core::time::{OffsetDateTime, to_rfc3339};
use clap::Args;
use serde::Serialize;
use tracing::warn;

use crate::{
    cli::OutputFormat,
    commands::secret::{
        options::{Patience, SecretArg, Target},
        record::PropertiesRecord,
    },
    context::Context,
    failure::Failure,
    printer::Printer,
};

/// Arguments of `secret get`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct GetArgs {
    #[command(flatten)]
    secret: SecretArg,

    /// The version, of 32 hexadecimal digits; default: the latest
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Print a certificate with its private key and chain as PEM
    #[arg(long)]
    pem: bool,

    /// Recover the secret first if it was deleted
    #[arg(long)]
    recover_deleted: bool,

    #[command(flatten)]
    patience: Patience,
}

/// A secret with its value.
#[derive(Serialize)]
struct SecretRecord<'a> {
    value: &'a str,
    #[serde(flatten)]
    properties: PropertiesRecord,
}

/// Runs `secret get`.
pub(super) async fn run(args: GetArgs, context: &Context) -> Result<(), Failure> {
    let target = args.secret.target(args.version.as_deref())?;
    let client = args.patience.client(&target.vault, context)?;
    let secret = match read(&client, &target).await {
        Ok(secret) => secret,
        Err(error) => {
            let error = client.explain(&target.name, error).await;
            match error.kind() {
                ErrorKind::Deleted if args.recover_deleted => {
                    client.recover_secret(&target.name).await?;
                    read(&client, &target).await?
                }
                ErrorKind::Deleted => {
                    let hint = format!(
                        "{}: add `--recover-deleted`",
                        error.hint().unwrap_or("the secret was deleted")
                    );
                    return Err(Failure::from(error).with_hint(hint));
                }
                _ => return Err(error.into()),
            }
        }
    };
    warn_of_validity(&secret);
    if args.pem {
        let pem = VaultCertificate::from_secret(&secret)?.to_pem()?;
        return context.printer().raw(pem.as_bytes());
    }
    print_secret(&secret, context.printer())
}

async fn read(client: &VaultClient, target: &Target) -> Result<Secret, azconnect_keyvault::Error> {
    match &target.version {
        None => client.secret(&target.name).await,
        Some(version) => client.secret_version(&target.name, version).await,
    }
}

/// The vault hands out what has expired like anything else.
pub(super) fn warn_of_validity(secret: &Secret) {
    let name = &secret.properties.name;
    match secret.properties.validity(OffsetDateTime::now_utc()) {
        Validity::Expired(time) => warn!("the secret `{name}` expired at {}", to_rfc3339(&time)),
        Validity::NotYetValid(time) => {
            warn!("the secret `{name}` is not meant to be used before {}", to_rfc3339(&time));
        }
        Validity::Valid => {}
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

const EXAMPLES: &str = "\
Examples:
  Use a secret in a script:
    password=$(azconnect secret get db-password --vault kv-demo)

  One version of it, into a file:
    azconnect secret get akv://kv-demo/db-password/0123456789abcdef0123456789abcdef > password

  A certificate of the vault with its private key:
    azconnect secret get my-certificate --vault kv-demo --pem > my-certificate.pem

  Right after somebody gave this job its role:
    azconnect secret get akv://kv-demo/db-password --wait-for-access 15m

The value is printed byte for byte; only on a terminal it is followed by a line feed.
A secret that has expired is printed like any other, with a warning on stderr.";
