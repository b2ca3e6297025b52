//! `azconnect cert pfx`: key, certificate and chain into one PFX file.

use std::path::{Path, PathBuf};

use azconnect_cert_tools::{EncodeOptions, PfxContents, ThumbprintAlgorithm, generate_password};
use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::{
    certificate_file::{CertificateFile, PasswordSource, password_file_beside, read_password},
    commands::cert::source::SourceArgs,
    context::Context,
    failure::Failure,
    new_file::{Access, NewFile},
    printer::Column,
};

/// Arguments of `cert pfx`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct PfxArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// PEM file with the private key, if FILE has the certificate alone
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// PEM file with the certificates of the authorities
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,

    /// PFX file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// File whose first line is the password for the new file; without it one is made and written to `<OUT>.pw`
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,

    /// Name to show in lists of certificates
    #[arg(long, value_name = "TEXT")]
    friendly_name: Option<String>,

    /// Use the weak algorithms that Windows Server 2016 and other old programs read
    #[arg(long, conflicts_with = "rounds")]
    legacy: bool,

    /// Key-derivation rounds of each part
    #[arg(long, value_name = "ROUNDS", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rounds: u32,

    /// Write over files that exist
    #[arg(long)]
    force: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
struct Written {
    subject: String,
    thumbprint_sha1: String,
    pfx_file: PathBuf,
    /// `None` where the caller knows the password already.
    password_file: Option<PathBuf>,
}

/// Runs `cert pfx`.
pub(super) fn run(args: &PfxArgs, context: &Context) -> Result<(), Failure> {
    let contents = collect(args, context)?;
    let mut options = if args.legacy {
        EncodeOptions::legacy()
    } else {
        EncodeOptions::default().with_rounds(args.rounds)
    };
    if let Some(name) = &args.friendly_name {
        options = options.with_friendly_name(name);
    }
    let (password, password_file) = match &args.new_password_file {
        Some(path) => (read_password(path)?, None),
        None => (generate_password()?, Some(password_file_beside(&args.out))),
    };
    let bytes = contents.encode_opts(&password, &options)?;
    let mut new_files = vec![NewFile::create(&args.out, &bytes, Access::Owner)?];
    if let Some(path) = &password_file {
        new_files.push(NewFile::create(path, password.expose_secret().as_bytes(), Access::Owner)?);
    }
    for file in new_files {
        file.publish(args.force)?;
    }
    let written = Written {
        subject: contents.leaf().subject(),
        thumbprint_sha1: contents.leaf().thumbprint(ThumbprintAlgorithm::Sha1)?.to_hex(),
        pfx_file: args.out.clone(),
        password_file,
    };
    context.printer().record(&written, &COLUMNS)
}

fn collect(args: &PfxArgs, context: &Context) -> Result<PfxContents, Failure> {
    let source = args.source.find(context)?;
    let mut contents = match &args.key {
        Some(path) => {
            let key = in_the_clear(path).read_key()?;
            let mut certificates = source.read()?.certificates;
            let index = certificates.iter().position(|one| one.matches_key(&key)).unwrap_or(0);
            if certificates.is_empty() {
                return Err(Failure::new("the file holds no certificate"));
            }
            let leaf = certificates.remove(index);
            PfxContents::new(key, leaf, certificates)?
        }
        None => source.read_identity()?,
    };
    if let Some(path) = &args.chain {
        let more = in_the_clear(path).read()?.certificates;
        let (key, leaf, mut chain) = contents.into_parts();
        chain.extend(more.into_iter().filter(|one| *one != leaf));
        contents = PfxContents::new(key, leaf, chain)?;
    }
    Ok(contents)
}

fn in_the_clear(path: &Path) -> CertificateFile {
    let hint =
        "put key and certificate into one file, and give its password with `--password-file`";
    CertificateFile::new(path, PasswordSource { file: None, from_environment: None, hint })
}

const COLUMNS: [Column<Written>; 4] = [
    Column::text("subject", |written| written.subject.clone()),
    Column::text("thumbprint (SHA-1)", |written| written.thumbprint_sha1.clone()),
    Column::text("PFX file", |written| written.pfx_file.display().to_string()),
    Column::text("password file", |written| {
        written
            .password_file
            .as_ref()
            .map_or_else(|| "none: as given".to_owned(), |path| path.display().to_string())
    }),
];

const EXAMPLES: &str = "\
Examples:
  azconnect cert pfx node.crt --key node.key --chain authorities.pem --out node.pfx
  azconnect cert pfx old.pfx --out new.pfx                      other algorithms, another password
  azconnect cert pfx node.pem --out node.pfx --legacy           for Windows Server 2016";
