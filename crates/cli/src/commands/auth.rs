//! `azconnect auth`: tokens for other programs, and which identity would be used.

mod whoami;

use azure_core::credentials::AccessToken;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    cli::OutputFormat,
    context::Context,
    credential::{self, Description},
    failure::Failure,
    printer::{Column, Printer},
};

/// Arguments of `auth`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct AuthArgs {
    #[command(subcommand)]
    command: AuthCommand,
}

#[derive(Debug, Subcommand)]
enum AuthCommand {
    /// Get an access token and print it: bare, or with `-o json` as `az account get-access-token` does
    #[command(after_help = TOKEN_EXAMPLES)]
    Token(TokenArgs),
    /// Show which credential would be used, why, and where each of its settings came from; sends nothing
    #[command(after_help = DESCRIBE_EXAMPLES)]
    Describe,
    /// Get a token and show whom it speaks for, never the token
    #[command(after_help = WHOAMI_EXAMPLES)]
    Whoami(WhoamiArgs),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct TokenArgs {
    /// What the token is for, such as `https://vault.azure.net/.default`
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,

    /// The same without `/.default`, as `az` takes it
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
}

#[derive(Args, Debug)]
struct WhoamiArgs {
    /// What the token is for
    #[arg(long, value_name = "SCOPE", default_value = "https://management.azure.com/.default")]
    scope: String,
}

/// A token in the shape of `az account get-access-token`, with the time in UTC.
#[derive(Serialize)]
struct TokenRecord<'a> {
    #[serde(rename = "accessToken")]
    access_token: &'a str,
    /// RFC 3339.
    #[serde(rename = "expiresOn")]
    expires_on: String,
    /// Seconds since 1970.
    #[serde(rename = "expires_on")]
    expires_on_seconds: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(rename = "tokenType")]
    token_type: &'static str,
}

/// Runs `auth`.
pub(crate) async fn run(args: AuthArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        AuthCommand::Token(args) => {
            let token = get_token(&args.scope(), context).await?;
            print_token(&token, context)
        }
        AuthCommand::Describe => {
            let (descriptions, problem) = credential::describe(context)?;
            print_descriptions(&descriptions, context.printer())?;
            problem.map_or(Ok(()), Err)
        }
        AuthCommand::Whoami(args) => {
            let token = get_token(&args.scope, context).await?;
            whoami::Claims::of(&token)?.print(context)
        }
    }
}

impl TokenArgs {
    fn scope(self) -> String {
        match (self.scope, self.resource) {
            (Some(scope), _) => scope,
            // A resource that ends with a slash keeps it: it is another resource to Entra ID.
            (None, Some(resource)) => resource + "/.default",
            (None, None) => String::new(),
        }
    }
}

async fn get_token(scope: &str, context: &Context) -> Result<AccessToken, Failure> {
    context.credential()?.get_token(&[scope], None).await.map_err(|error| {
        match error.downcast_ref::<azconnect_auth::Error>() {
            Some(error) => Failure::from(error.clone()),
            None => Failure::from_error(format!("cannot get a token for `{scope}`"), &error),
        }
    })
}

/// Prints the token, which is what this command is for: without a label, so that `$(…)` takes it as it is.
fn print_token(token: &AccessToken, context: &Context) -> Result<(), Failure> {
    let printer = context.printer();
    match printer.format() {
        OutputFormat::None => Ok(()),
        OutputFormat::Json => printer.json(&TokenRecord {
            access_token: token.token.secret(),
            expires_on: azure_core::time::to_rfc3339(&token.expires_on),
            expires_on_seconds: token.expires_on.unix_timestamp(),
            tenant: credential::tenant_id(context)?,
            token_type: "Bearer",
        }),
        _ => printer.value(token.token.secret()),
    }
}

fn print_descriptions(descriptions: &[Description], printer: Printer) -> Result<(), Failure> {
    if printer.format() == OutputFormat::Json {
        // An object, unless several credentials were named.
        return match descriptions {
            [description] => printer.json(description),
            several => printer.json(several),
        };
    }
    printer.records(
        &descriptions.iter().flat_map(Description::lines).collect::<Vec<_>>(),
        &[
            Column::text("SETTING", |line| line.name.to_owned()),
            Column::text("VALUE", |line| line.value.clone()),
            Column::text("SOURCE", |line| line.source.clone()),
        ],
    )
}

const EXAMPLES: &str = "\
Which credential is used, first that applies:
  1. what `--auth` or AZCONNECT_AUTH says
  2. `--certificate` or `--batch-certificate`: the certificate of an app registration
     `--identity`: a managed identity
  3. AZCONNECT_IDENTITY; AZURE_TOKEN_CREDENTIALS; AZURE_CLIENT_SECRET;
     AZURE_CLIENT_CERTIFICATE_PATH; AZURE_FEDERATED_TOKEN_FILE (workload identity)
  4. the managed identity of this machine
A credential that was chosen and fails is an error; no other is tried.
Of several that `--auth` names, the first that exists on this machine is used.
An app that trusts a managed identity needs no certificate: `--auth federated-identity` with
`--tenant-id` and `--client-id` of the app and `--identity` of the machine.

Examples:
  azconnect auth describe
  azconnect auth token --scope https://vault.azure.net/.default

  On Azure the identity of the machine, on a laptop whoever is signed in:
    azconnect auth whoami --auth managed-identity,azure-cli

  A hundred tasks of a Batch node share one request:
    azconnect auth whoami --token-cache \"$AZ_BATCH_NODE_SHARED_DIR/tokens\"";

const TOKEN_EXAMPLES: &str = "\
Examples:
  Call a REST interface with the identity of this machine:
    curl -H \"Authorization: Bearer $(azconnect auth token --resource https://management.azure.com)\" URL

  Check that an identity works, without showing the token:
    azconnect auth token --scope https://vault.azure.net/.default --identity $CLIENT_ID -o none";

const DESCRIBE_EXAMPLES: &str = "\
Examples:
  Find out why the wrong identity is used on this machine:
    azconnect auth describe

  The same for a program:
    azconnect auth describe -o json";

const WHOAMI_EXAMPLES: &str = "\
Examples:
  Which identity does this machine have, and until when is its token good?
    azconnect auth whoami

  All claims of a token for storage:
    azconnect auth whoami --scope https://storage.azure.com/.default -o json";
