//! `azconnect cert`: keys, certificates and PFX files, without a network and without OpenSSL installed.

mod crt;
mod csr;
mod exec;
mod key_credentials;
mod new;
mod pem;
mod pfx;
mod show;
mod source;
mod thumbprint;

use azconnect_cert_tools::Certificate;
use clap::{Args, Subcommand};

use crate::{certificate_file::Contents, context::Context, failure::Failure};

/// Arguments of `cert`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    command: CertCommand,
}

#[derive(Debug, Subcommand)]
enum CertCommand {
    /// Print a certificate without its key, to be uploaded
    Crt(crt::CrtArgs),
    /// Make a certificate request for a key that exists
    Csr(csr::CsrArgs),
    /// Run a program that finds the certificate as a PEM file in memory
    Exec(exec::ExecArgs),
    /// Print a certificate as Microsoft Graph takes it for an application
    KeyCredentials(key_credentials::KeyCredentialsArgs),
    /// Make a key, a request, a self-signed certificate and a PFX file
    New(Box<new::NewArgs>),
    /// Print a file as PEM: key, leaf, chain
    Pem(pem::PemArgs),
    /// Put key, certificate and chain into a PFX file
    Pfx(pfx::PfxArgs),
    /// Show the certificates of a PEM, DER or PFX file
    Show(show::ShowArgs),
    /// Print the thumbprint of a certificate
    Thumbprint(thumbprint::ThumbprintArgs),
}

/// Runs `cert`.
pub(crate) async fn run(args: CertArgs, context: &Context) -> Result<(), Failure> {
    match args.command {
        CertCommand::Crt(args) => crt::run(&args, context),
        CertCommand::Csr(args) => csr::run(&args, context),
        CertCommand::Exec(args) => exec::run(&args, context),
        CertCommand::KeyCredentials(args) => key_credentials::run(&args, context),
        CertCommand::New(args) => new::run(*args, context).await,
        CertCommand::Pem(args) => pem::run(&args, context),
        CertCommand::Pfx(args) => pfx::run(&args, context),
        CertCommand::Show(args) => show::run(&args, context),
        CertCommand::Thumbprint(args) => thumbprint::run(&args, context),
    }
}

/// The certificate that a file is about: the first.
fn leaf(contents: &Contents) -> Result<&Certificate, Failure> {
    contents.certificates.first().ok_or_else(|| Failure::new("the file holds no certificate"))
}

const EXAMPLES: &str = "\
Examples:
  Make a certificate for an app registration, valid for a year:
    azconnect cert new --name service-principal --days 365 --out certs

  Run a program with the certificate of an Azure Batch node, with nothing written to disk:
    azconnect cert exec --batch $CERT_THUMBPRINT -- python job.py

  Print the thumbprint in base64:
    azconnect cert thumbprint certs/service-principal.crt --format base64";
