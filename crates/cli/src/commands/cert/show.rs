//! `azconnect cert show`: what is in a file, in words.

use azconnect_cert_tools::{Certificate, PrivateKey, ThumbprintAlgorithm};
use clap::Args;
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    certificate_file::Contents, cli::OutputFormat, commands::cert::source::SourceArgs,
    context::Context, failure::Failure, printer::Column,
};

/// Arguments of `cert show`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArgs {
    #[command(flatten)]
    source: SourceArgs,
}

/// One certificate of the file.
#[derive(Debug, PartialEq, Serialize)]
struct Shown {
    subject: String,
    issuer: String,
    serial: String,
    not_before: String,
    not_after: String,
    status: Status,
    alternative_names: Vec<String>,
    public_key: String,
    has_private_key: bool,
    thumbprint_sha1: String,
    thumbprint_sha256: String,
    x5t: String,
    x5t_s256: String,
    /// The text between the BEGIN and END lines, in one line.
    base64: String,
}

/// How the time of validity stands to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Expired,
    NotYetValid,
    Valid,
}

/// Runs `cert show`.
pub(super) fn run(args: &ShowArgs, context: &Context) -> Result<(), Failure> {
    let file = args.source.find(context)?;
    let shown = show(&file.read()?, OffsetDateTime::now_utc())?;
    let printer = context.printer();
    match printer.format() {
        OutputFormat::Table => {
            for (index, certificate) in shown.iter().enumerate() {
                if index > 0 {
                    printer.raw(b"\n")?;
                }
                printer.record(certificate, &COLUMNS)?;
            }
            Ok(())
        }
        _ => printer.records(&shown, &COLUMNS),
    }
}

/// A time in RFC 3339, UTC.
pub(super) fn rfc3339(time: OffsetDateTime) -> String {
    time.format(&Rfc3339).unwrap_or_else(|_| time.to_string())
}

fn show(contents: &Contents, now: OffsetDateTime) -> Result<Vec<Shown>, Failure> {
    contents
        .certificates
        .iter()
        .map(|certificate| Shown::of(certificate, contents.key.as_ref(), now))
        .collect()
}

impl Shown {
    fn of(
        certificate: &Certificate,
        key: Option<&PrivateKey>,
        now: OffsetDateTime,
    ) -> Result<Self, Failure> {
        let (not_before, not_after) = (certificate.not_before()?, certificate.not_after()?);
        let public_key = certificate.public_key()?;
        let sha1 = certificate.thumbprint(ThumbprintAlgorithm::Sha1)?;
        let sha256 = certificate.thumbprint(ThumbprintAlgorithm::Sha256)?;
        Ok(Self {
            subject: certificate.subject(),
            issuer: certificate.issuer(),
            serial: certificate.serial()?,
            not_before: rfc3339(not_before),
            not_after: rfc3339(not_after),
            status: match now {
                now if now < not_before => Status::NotYetValid,
                now if now > not_after => Status::Expired,
                _ => Status::Valid,
            },
            alternative_names: certificate
                .alternative_names()
                .iter()
                .map(ToString::to_string)
                .collect(),
            public_key: format!("{} {} bits", public_key.algorithm(), public_key.bits()),
            has_private_key: key.is_some_and(|key| certificate.matches_key(key)),
            thumbprint_sha1: sha1.to_hex(),
            thumbprint_sha256: sha256.to_hex(),
            x5t: sha1.to_base64url(),
            x5t_s256: sha256.to_base64url(),
            base64: certificate.to_base64()?,
        })
    }
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::Valid => "valid",
        }
    }
}

const COLUMNS: [Column<Shown>; 13] = [
    Column::text("subject", |shown| shown.subject.clone()),
    Column::text("issuer", |shown| shown.issuer.clone()),
    Column::text("serial", |shown| shown.serial.clone()),
    Column::text("not before", |shown| shown.not_before.clone()),
    Column::text("not after", |shown| shown.not_after.clone()),
    Column::text("status", |shown| shown.status.as_str().to_owned()),
    Column::text("alternative names", |shown| shown.alternative_names.join(", ")),
    Column::text("public key", |shown| shown.public_key.clone()),
    Column::text("private key", |shown| {
        if shown.has_private_key { "in this file" } else { "not in this file" }.to_owned()
    }),
    Column::text("thumbprint (SHA-1)", |shown| shown.thumbprint_sha1.clone()),
    Column::text("thumbprint (SHA-256)", |shown| shown.thumbprint_sha256.clone()),
    Column::text("x5t", |shown| shown.x5t.clone()),
    Column::text("x5t#S256", |shown| shown.x5t_s256.clone()),
];

const EXAMPLES: &str = "\
With `-o json` each certificate also has `base64`, its text between the BEGIN and END lines.

Examples:
  azconnect cert show certs/service-principal.crt
  azconnect cert show certs/service-principal.pfx --password-file certs/service-principal.pfx.pw -o json";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use time::macros::datetime;

    use super::*;
    use crate::certificate_file::{CertificateFile, PasswordSource};

    fn fixture(name: &str) -> CertificateFile {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cert-tools/fixtures");
        let password = PasswordSource {
            file: Some(folder.join("password.txt")),
            from_environment: None,
            hint: "none is needed",
        };
        CertificateFile::new(folder.join(name), password)
    }

    fn shown(name: &str) -> Vec<Shown> {
        let contents = fixture(name).read().unwrap();
        show(&contents, datetime!(2027-01-01 0:00 UTC)).unwrap()
    }

    #[test]
    fn the_same_certificate_is_shown_from_pem_der_and_pfx() {
        let pem = shown("leaf.pem").remove(0);
        // openssl x509 -in leaf.pem -noout -serial -fingerprint -dates -dateopt iso_8601
        assert_eq!(pem.serial, "8F3A5C7E9B1D2F4A6C8E0A1B2C3D4E5F");
        assert_eq!(pem.thumbprint_sha1, "3636733AC82FD1B2EC72E4FBEF0474B26C97C20A");
        assert_eq!(
            (pem.not_before.as_str(), pem.not_after.as_str()),
            ("2026-11-24T05:50:24Z", "2126-10-31T05:50:24Z")
        );
        assert_eq!((pem.status, pem.has_private_key), (Status::Valid, false));
        assert_eq!(pem.public_key, "RSA 2048 bits");

        assert_eq!(shown("leaf.der"), [shown("leaf.pem").remove(0)]);
        for name in ["modern.pfx", "legacy-rc2-40.pfx", "modern.pfx.base64"] {
            let pfx = shown(name).remove(0);
            assert_eq!(
                pfx,
                Shown { has_private_key: true, ..shown("leaf.pem").remove(0) },
                "{name}"
            );
        }
    }

    #[test]
    fn a_chain_is_shown_leaf_first() {
        let subjects: Vec<String> =
            shown("chain.pfx").into_iter().map(|shown| shown.subject).collect();
        assert_eq!(
            subjects,
            [
                "CN=azconnect fixture in a chain",
                "CN=azconnect fixture issuing CA",
                "CN=azconnect fixture root"
            ]
        );
    }

    #[test]
    fn a_pfx_file_without_a_key_is_shown() {
        assert_eq!(shown("no-key.pfx"), shown("leaf.pem"));
    }

    #[test]
    fn the_status_follows_the_clock() {
        let contents = fixture("leaf.pem").read().unwrap();
        for (now, status) in [
            (datetime!(2026-11-24 05:50:23 UTC), Status::NotYetValid),
            (datetime!(2026-11-24 05:50:24 UTC), Status::Valid),
            (datetime!(2126-10-31 05:50:24 UTC), Status::Valid),
            (datetime!(2126-10-31 05:50:25 UTC), Status::Expired),
        ] {
            assert_eq!(show(&contents, now).unwrap()[0].status, status);
        }
    }

    #[test]
    fn failures_name_the_file_and_what_to_do() {
        let request = fixture("request.pem").read().unwrap_err().to_string();
        assert!(
            request.contains("request.pem")
                && request.contains("a request (CSR) or a private key is not a certificate"),
            "{request}"
        );
        let truncated = fixture("truncated.pfx").read().unwrap_err().to_string();
        assert!(truncated.contains("damaged or cut short"), "{truncated}");
        let wrong = fixture("unicode-password.pfx").read().unwrap_err().to_string();
        assert!(wrong.contains("the password is wrong") && wrong.contains("hint: "), "{wrong}");
        let missing = fixture("missing.pem").read().unwrap_err().to_string();
        assert!(missing.contains("cannot read") && missing.contains("missing.pem"), "{missing}");
    }
}
