//! `azconnect cert pem`: a PFX file as PEM on stdout, with nothing written to disk.

use std::path::PathBuf;

use azconnect_cert_tools::Thumbprint;
use clap::Args;
use serde::Serialize;

use crate::{
    certificate_file::{BATCH_DIRECTORY_VARIABLE, CertificateFile},
    cli::OutputFormat,
    commands::cert::password_source,
    context::Context,
    failure::Failure,
};

/// Arguments of `cert pem`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct PemArgs {
    /// PFX file, or base64 text of one; `-` is stdin
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    file: Option<PathBuf>,

    /// File whose first line is the password; without it the password comes from AZCONNECT_PFX_PASSWORD, or
    /// from `<FILE>.pw` if that exists
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    password_file: Option<PathBuf>,

    /// Take the certificate that Azure Batch has put on this node, by its SHA-1 thumbprint
    #[arg(long, value_name = "THUMBPRINT")]
    batch: Option<Thumbprint>,

    /// Folder of the node's certificates
    #[arg(long, value_name = "DIR", env = BATCH_DIRECTORY_VARIABLE, hide_env_values = true)]
    certificates_dir: Option<PathBuf>,
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
    let file = match (&args.file, &args.batch) {
        (Some(path), _) => {
            CertificateFile::new(path, password_source(args.password_file.clone(), context))
        }
        (None, Some(thumbprint)) => {
            CertificateFile::of_batch_node(thumbprint, args.certificates_dir.as_deref())?
        }
        (None, None) => return Err(Failure::usage("neither a file nor a thumbprint is given")),
    };
    let contents = file.read_pfx()?;
    let printer = context.printer();
    match printer.format() {
        OutputFormat::Json => printer.json(&Parts {
            private_key: &contents.key().to_pkcs8_pem()?,
            leaf: contents.leaf().to_pem()?,
            chain: contents
                .chain()
                .iter()
                .map(|certificate| certificate.to_pem())
                .collect::<Result<_, _>>()?,
        }),
        OutputFormat::None => Ok(()),
        _ => printer.raw(contents.to_pem()?.as_bytes()),
    }
}

const EXAMPLES: &str = "\
The result holds the private key in clear: pipe it to a program rather than into a file.

Examples:
  azconnect cert pem certs/service-principal.pfx --password-file certs/service-principal.pfx.pw
  azconnect cert pem --batch $CERT_THUMBPRINT
  azconnect secret get my-vault my-certificate | azconnect cert pem -";
