//! `azconnect cert csr`: a request for a certificate authority, for a key that exists.

use azconnect_cert_tools::{AlternativeName, CertificateRequest, DistinguishedName};
use clap::Args;

use crate::{commands::cert::source::SourceArgs, context::Context, failure::Failure};

/// Arguments of `cert csr`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct CsrArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Subject of the certificate, such as `CN=node-1,O=Contoso,C=SE`
    #[arg(long, value_name = "NAME")]
    subject: DistinguishedName,

    /// DNS name or IP address that the certificate speaks for beside its subject; may be repeated
    #[arg(long = "san", value_name = "NAME")]
    alternative_names: Vec<AlternativeName>,
}

/// Runs `cert csr`.
pub(super) fn run(args: &CsrArgs, context: &Context) -> Result<(), Failure> {
    let key = args.source.find(context)?.read_key()?;
    let request = CertificateRequest::new(&key, &args.subject, &args.alternative_names)?;
    context.printer().raw(request.to_pem()?.as_bytes())
}

const EXAMPLES: &str = "\
The request goes to a certificate authority. It is not a certificate: app registrations do not take it.

Examples:
  azconnect cert csr node.key --subject CN=node-1,O=Contoso --san node-1.contoso.com > node.csr";
