//! `azconnect cert pem`: a PFX or PEM file as PEM on stdout, with nothing written to disk.

use std::path::PathBuf;

use azconnect_cert_tools::PemOptions;
use clap::Args;
use serde::Serialize;

use crate::{
    certificate_file::read_password, cli::OutputFormat, commands::cert::source::SourceArgs,
    context::Context, failure::Failure,
};

/// Arguments of `cert pem`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct PemArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Write the key in the form of its own kind, such as `BEGIN RSA PRIVATE KEY`, for older programs
    #[arg(long, conflicts_with = "encrypt_password_file")]
    traditional: bool,

    /// Encrypt the key with the password in the first line of this file
    #[arg(long, value_name = "FILE")]
    encrypt_password_file: Option<PathBuf>,
}

/// The parts apart, for `-o json`.
#[derive(Serialize)]
struct Parts<'a> {
    private_key: &'a str,
    leaf: String,
    chain: Vec<String>,
}

/// Runs `cert pem`.
pub(super) fn run(args: &PemArgs, context: &Context) -> Result<(), Failure> {
    let contents = args.source.find(context)?.read_identity()?;
    let mut options = PemOptions::default();
    if args.traditional {
        options = options.with_traditional_key();
    }
    if let Some(path) = &args.encrypt_password_file {
        options = options.with_password(read_password(path)?);
    }
    let printer = context.printer();
    match printer.format() {
        OutputFormat::Json => printer.json(&Parts {
            private_key: contents.key_to_pem(&options)?.as_str(),
            leaf: contents.leaf().to_pem()?,
            chain: contents
                .chain()
                .iter()
                .map(|certificate| certificate.to_pem())
                .collect::<Result<_, _>>()?,
        }),
        OutputFormat::None => Ok(()),
        _ => printer.raw(contents.to_pem_opts(&options)?.as_bytes()),
    }
}

const EXAMPLES: &str = "\
The result holds the private key in clear: pipe it to a program rather than into a file.

Examples:
  azconnect cert pem certs/service-principal.pfx --password-file certs/service-principal.pfx.pw
  azconnect cert pem --batch $CERT_THUMBPRINT
  azconnect secret get my-vault my-certificate | azconnect cert pem -";
