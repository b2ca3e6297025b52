//! `azconnect cert thumbprint`: one line to paste where a thumbprint is asked for.

use azconnect_cert_tools::{Thumbprint, ThumbprintAlgorithm};
use clap::{Args, ValueEnum};

use crate::{
    commands::cert::{leaf, source::SourceArgs},
    context::Context,
    failure::Failure,
};

/// Arguments of `cert thumbprint`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ThumbprintArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Spelling of the thumbprint
    #[arg(long, value_enum, default_value = "hex")]
    format: Format,

    /// Digest to make it with
    #[arg(long, value_enum, default_value = "sha1")]
    algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// As the Azure portal and Azure Batch show it
    Hex,
    /// As `openssl x509 -fingerprint` prints it
    Colon,
    /// As app registrations hold it
    Base64,
    /// As the headers of a client assertion hold it (`x5t`, `x5t#S256`)
    Base64url,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Algorithm {
    /// 20 bytes
    Sha1,
    /// 32 bytes
    Sha256,
}

/// Runs `cert thumbprint`.
pub(super) fn run(args: &ThumbprintArgs, context: &Context) -> Result<(), Failure> {
    let file = args.source.find(context)?;
    let contents = file.read()?;
    let thumbprint = leaf(&contents)?.thumbprint(args.algorithm.into())?;
    context.printer().value(&args.format.spell(&thumbprint))
}

impl Format {
    fn spell(self, thumbprint: &Thumbprint) -> String {
        match self {
            Self::Hex => thumbprint.to_hex(),
            Self::Colon => thumbprint.to_colon_hex(),
            Self::Base64 => thumbprint.to_base64(),
            Self::Base64url => thumbprint.to_base64url(),
        }
    }
}

impl From<Algorithm> for ThumbprintAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::Sha1,
            Algorithm::Sha256 => Self::Sha256,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  azconnect cert thumbprint certs/service-principal.crt
  azconnect cert thumbprint certs/service-principal.crt --format base64url --algorithm sha256";
