//! `azconnect cert new`: makes everything that an app registration and its jobs need.

use std::path::{Path, PathBuf};

use azconnect_cert_tools::{
    AlternativeName, BatchCertificate, CertificateBuilder, CertificateRequest, DistinguishedName,
    EllipticCurve, EncodeOptions, PfxContents, PrivateKey, ThumbprintAlgorithm, Validity,
    generate_password,
};
use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::{
    certificate_file::read_password,
    commands::cert::{show::rfc3339, source::PASSWORD_VARIABLE},
    context::Context,
    failure::Failure,
    new_file::{self, Access, NewFile},
    printer::Column,
};

/// Arguments of `cert new`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct NewArgs {
    /// Name of the files, and common name of the certificate
    #[arg(long)]
    name: String,

    /// Whole subject in place of `CN=<name>`, such as `CN=node-1,O=Contoso,C=SE`
    #[arg(long, value_name = "NAME")]
    subject: Option<DistinguishedName>,

    /// DNS name or IP address that the certificate speaks for beside its subject; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    alternative_names: Vec<AlternativeName>,

    /// Days until the certificate expires
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=36_525))]
    days: u32,

    /// Size of the RSA key in bits, from 2048 to 4096
    #[arg(long, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(2048..=4096))]
    bits: u32,

    /// Make an elliptic curve key in place of an RSA key; Entra ID takes RSA only
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "bits")]
    curve: Option<Curve>,

    /// Use the weak algorithms for the PFX file that Windows Server 2016 and other old programs read
    #[arg(long)]
    legacy: bool,

    /// Folder to write to; made if it does not exist
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// File whose first line is the password for the PFX file; without it the password comes from
    /// AZCONNECT_PFX_PASSWORD, or is made and written to `<name>.pfx.pw`
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Name the PFX file and its password file as an Azure Batch node does: `sha1-<thumbprint>.pfx` and `.pfx.pw`
    #[arg(long)]
    batch_layout: bool,

    /// Write over files that exist
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Curve {
    P256,
    P384,
    P521,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    subject: String,
    thumbprint_sha1: String,
    thumbprint_sha256: String,
    not_before: String,
    not_after: String,
    key_file: PathBuf,
    request_file: PathBuf,
    certificate_file: PathBuf,
    pfx_file: PathBuf,
    /// `None` where the caller knows the password already.
    password_file: Option<PathBuf>,
}

/// Runs `cert new`.
pub(super) async fn run(args: NewArgs, context: &Context) -> Result<(), Failure> {
    let given = match &args.password_file {
        Some(path) => Some(read_password(path)?),
        None => context.environment().secret(PASSWORD_VARIABLE),
    };
    args.check(given.as_ref())?;

    let (bits, curve) = (args.bits, args.curve);
    // Making a large key takes seconds; the program must still hear that it is to stop.
    let key = tokio::task::spawn_blocking(move || match curve {
        Some(curve) => PrivateKey::generate_ec(curve.into()),
        None => PrivateKey::generate_rsa(bits),
    })
    .await
    .map_err(|error| Failure::from_error("cannot make a key", &error))??;
    let made = make(&args, key, given, OffsetDateTime::now_utc())?;
    context.printer().record(&made, &COLUMNS)
}

impl NewArgs {
    /// Refuses what would fail later, before the key is made.
    fn check(&self, password: Option<&SecretString>) -> Result<(), Failure> {
        let mut components = Path::new(&self.name).components();
        let is_file_name = matches!(components.next(), Some(std::path::Component::Normal(first)) if first == self.name.as_str());
        if !is_file_name || self.name.starts_with('-') {
            return Err(Failure::usage(format!("`{}` cannot be the name of a file", self.name)));
        }
        if password.is_some_and(|password| password.expose_secret().is_empty()) {
            return Err(Failure::usage("the password for the PFX file is empty")
                .with_hint("leave it out to have one made"));
        }
        if self.force {
            return Ok(());
        }
        let existing = ["key", "csr", "crt", "pfx", "pfx.pw"].map(|extension| self.path(extension));
        match existing.iter().find(|path| path.exists()) {
            Some(path) => Err(new_file::exists(path)),
            None => Ok(()),
        }
    }

    fn path(&self, extension: &str) -> PathBuf {
        self.out.join(format!("{}.{extension}", self.name))
    }
}

fn make(
    args: &NewArgs,
    key: PrivateKey,
    given_password: Option<SecretString>,
    now: OffsetDateTime,
) -> Result<Made, Failure> {
    let subject = match &args.subject {
        Some(subject) => subject.clone(),
        None => DistinguishedName::common_name(&args.name)?,
    };
    // Machines whose clocks are a little behind must be able to use the certificate at once.
    let validity = Validity::days(now - CLOCK_SKEW, args.days)?;
    let request = CertificateRequest::new(&key, &subject, &args.alternative_names)?.to_pem()?;
    let certificate = CertificateBuilder::new(subject, validity)
        .with_alternative_names(args.alternative_names.iter().cloned())
        .self_signed(&key)?;

    let sha1 = certificate.thumbprint(ThumbprintAlgorithm::Sha1)?;
    let mut made = Made {
        subject: certificate.subject(),
        thumbprint_sha1: sha1.to_hex(),
        thumbprint_sha256: certificate.thumbprint(ThumbprintAlgorithm::Sha256)?.to_hex(),
        not_before: rfc3339(validity.not_before()),
        not_after: rfc3339(validity.not_after()),
        key_file: args.path("key"),
        request_file: args.path("csr"),
        certificate_file: args.path("crt"),
        pfx_file: args.path("pfx"),
        password_file: None,
    };
    let key_pem = key.to_pkcs8_pem()?;
    let certificate_pem = certificate.to_pem()?;

    let is_given = given_password.is_some();
    let password = given_password.map_or_else(generate_password, Ok)?;
    let options = if args.legacy { EncodeOptions::legacy() } else { EncodeOptions::default() };
    let options = options.with_friendly_name(&args.name);
    let pfx = PfxContents::new(key, certificate, Vec::new())?.encode_opts(&password, &options)?;
    if args.batch_layout {
        let layout = BatchCertificate::new(&args.out, &sha1)?;
        made.pfx_file = layout.pfx_path().to_owned();
        made.password_file = Some(layout.password_path());
    } else if !is_given {
        made.password_file = Some(args.path("pfx.pw"));
    }

    new_file::make_folder(&args.out)?;
    let mut new_files = vec![
        NewFile::create(&made.key_file, key_pem.as_bytes(), Access::Owner)?,
        NewFile::create(&made.request_file, request.as_bytes(), Access::Everyone)?,
        NewFile::create(&made.certificate_file, certificate_pem.as_bytes(), Access::Everyone)?,
        NewFile::create(&made.pfx_file, &pfx, Access::Owner)?,
    ];
    if let Some(path) = &made.password_file {
        new_files.push(NewFile::create(path, password.expose_secret().as_bytes(), Access::Owner)?);
    }
    for file in new_files {
        file.publish(args.force)?;
    }
    Ok(made)
}

impl From<Curve> for EllipticCurve {
    fn from(curve: Curve) -> Self {
        match curve {
            Curve::P256 => Self::P256,
            Curve::P384 => Self::P384,
            Curve::P521 => Self::P521,
        }
    }
}

const COLUMNS: [Column<Made>; 10] = [
    Column::text("subject", |made| made.subject.clone()),
    Column::text("thumbprint (SHA-1)", |made| made.thumbprint_sha1.clone()),
    Column::text("thumbprint (SHA-256)", |made| made.thumbprint_sha256.clone()),
    Column::text("not before", |made| made.not_before.clone()),
    Column::text("not after", |made| made.not_after.clone()),
    Column::text("private key", |made| made.key_file.display().to_string()),
    Column::text("request", |made| made.request_file.display().to_string()),
    Column::text("certificate", |made| made.certificate_file.display().to_string()),
    Column::text("PFX file", |made| made.pfx_file.display().to_string()),
    Column::text("password file", |made| {
        made.password_file
            .as_ref()
            .map_or_else(|| "none: as given".to_owned(), |path| path.display().to_string())
    }),
];

const CLOCK_SKEW: Duration = Duration::minutes(10);

const EXAMPLES: &str = "\
Writes <name>.key, <name>.csr, <name>.crt and <name>.pfx. Only their owner can read the key, the
PFX file and the password file. Upload <name>.crt to the app registration.

Examples:
  azconnect cert new --name service-principal --days 365 --out certs
  azconnect cert new --name tls --san localhost --san 127.0.0.1 --bits 2048 --out certs
  azconnect cert new --name node --batch-layout --out \"$AZ_BATCH_CERTIFICATES_DIR\"";

#[cfg(test)]
mod tests;
