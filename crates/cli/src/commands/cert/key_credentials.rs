//! `azconnect cert key-credentials`: a certificate as Microsoft Graph takes it for an application.

use azconnect_cert_tools::{Certificate, ThumbprintAlgorithm};
use clap::Args;
use serde::Serialize;

use crate::{
    commands::cert::{leaf, show::rfc3339, source::SourceArgs},
    context::Context,
    failure::Failure,
};

/// Arguments of `cert key-credentials`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct KeyCredentialsArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Name to show in the portal; without it the certificate's subject
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
}

/// Spec: <https://learn.microsoft.com/graph/api/resources/keycredential>
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyCredential {
    /// The SHA-1 thumbprint in base64.
    custom_key_identifier: String,
    display_name: String,
    end_date_time: String,
    /// The certificate in DER, as base64.
    key: String,
    start_date_time: String,
    r#type: &'static str,
    usage: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    key_credentials: [KeyCredential; 1],
}

/// Runs `cert key-credentials`.
pub(super) fn run(args: &KeyCredentialsArgs, context: &Context) -> Result<(), Failure> {
    let contents = args.source.find(context)?.read()?;
    let credential = KeyCredential::of(leaf(&contents)?, args.display_name.as_deref())?;
    context.printer().json(&Body { key_credentials: [credential] })
}

impl KeyCredential {
    fn of(certificate: &Certificate, display_name: Option<&str>) -> Result<Self, Failure> {
        Ok(Self {
            custom_key_identifier: certificate.thumbprint(ThumbprintAlgorithm::Sha1)?.to_base64(),
            display_name: display_name.map_or_else(|| certificate.subject(), str::to_owned),
            end_date_time: rfc3339(certificate.not_after()?),
            key: certificate.to_base64()?,
            start_date_time: rfc3339(certificate.not_before()?),
            r#type: "AsymmetricX509Cert",
            usage: "Verify",
        })
    }
}

const EXAMPLES: &str = "\
The result replaces all certificates of an application: add to it those that are to stay. It holds no secret.

Examples:
  azconnect cert key-credentials service-principal.crt > body.json
  az rest --method PATCH --url https://graph.microsoft.com/v1.0/applications/OBJECT_ID --body @body.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_written_as_graph_documents_it() {
        let pem = include_bytes!("../../../../cert-tools/fixtures/leaf.pem");
        let credential =
            KeyCredential::of(&Certificate::from_pem(pem).unwrap(), Some("job")).unwrap();
        // openssl x509 -in leaf.pem -noout -fingerprint -sha1 | cut -d= -f2 | tr -d : | xxd -r -p | base64
        assert_eq!(credential.custom_key_identifier, "NjZzOsgv0bLscuT77wR0smyXwgo=");
        let json = serde_json::to_value(&credential).unwrap();
        assert_eq!(json["startDateTime"], "2026-11-24T05:50:24Z");
        assert_eq!(json["endDateTime"], "2126-10-31T05:50:24Z");
        assert_eq!(
            (&json["type"], &json["usage"]),
            (&"AsymmetricX509Cert".into(), &"Verify".into())
        );
        assert_eq!(json["displayName"], "job");
        let body: String = std::str::from_utf8(pem)
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        assert_eq!(json["key"], body);
    }
}
