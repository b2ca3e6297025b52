//! `azconnect cert`: keys, certificates and PFX files, without a network and without OpenSSL installed.

mod new;
mod pem;
mod show;
mod thumbprint;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{certificate_file::PasswordSource, context::Context, failure::Failure};

/// Arguments of `cert`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    command: CertCommand,
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Make a key, a request, a self-signed certificate and a PFX file
    New(new::NewArgs),
    /// Print a PFX file as PEM: key, leaf, chain
    Pem(pem::PemArgs),
    /// Show the certificates of a PEM, DER or PFX file
    Show(show::ShowArgs),
    /// Print the thumbprint of a certificate
    Thumbprint(thumbprint::ThumbprintArgs),
}

/// Runs `cert`.
pub(crate) async fn run(args: CertArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        CertCommand::New(args) => new::run(args, context).await,
        CertCommand::Pem(args) => pem::run(&args, context),
        CertCommand::Show(args) => show::run(&args, context),
        CertCommand::Thumbprint(args) => thumbprint::run(&args, context),
    }
}

/// Where these commands look for the password of a PFX file.
fn password_source(file: Option<PathBuf>, context: &Context) -> PasswordSource {
    PasswordSource {
        file,
        from_environment: context.environment().secret(PASSWORD_VARIABLE),
        hint: "give it with `--password-file FILE` or in AZCONNECT_PFX_PASSWORD",
    }
}

/// The variable that holds the password of a PFX file.
const PASSWORD_VARIABLE: &str = "AZCONNECT_PFX_PASSWORD";

const EXAMPLES: &str = "\
Examples:
  Make a certificate for an app registration, valid for a year:
    azconnect cert new --name service-principal --days 365 --out certs

  Turn the certificate of an Azure Batch node into PEM, with nothing written to disk:
    azconnect cert pem --batch $CERT_THUMBPRINT | some-program

  Print the thumbprint in base64:
    azconnect cert thumbprint certs/service-principal.crt --format base64";
