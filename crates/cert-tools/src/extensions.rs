//! The X.509 extensions that certificates and requests made here carry.

use openssl::{
    error::ErrorStack,
    x509::{
        X509Extension, X509v3Context,
        extension::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName},
    },
};

use crate::{alternative_name::AlternativeName, certificate_builder::CertificateUse};

/// Basic constraints, key usage and extended key usage for `use_`.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1>
pub(crate) fn for_use(use_: CertificateUse) -> Result<Vec<X509Extension>, ErrorStack> {
    let mut constraints = BasicConstraints::new();
    let mut usage = KeyUsage::new();
    constraints.critical();
    usage.critical();
    let purposes = match use_ {
        CertificateUse::CertificateAuthority => {
            constraints.ca().pathlen(0);
            usage.key_cert_sign().crl_sign();
            None
        }
        CertificateUse::Client => {
            usage.digital_signature();
            Some(ExtendedKeyUsage::new().client_auth().build()?)
        }
        CertificateUse::TlsServer => {
            usage.digital_signature().key_encipherment();
            Some(ExtendedKeyUsage::new().server_auth().build()?)
        }
    };
    let mut extensions = vec![constraints.build()?, usage.build()?];
    extensions.extend(purposes);
    Ok(extensions)
}

/// The subject alternative name extension, or nothing where there are no names.
pub(crate) fn alternative_names(
    names: &[AlternativeName],
    context: &X509v3Context<'_>,
) -> Result<Option<X509Extension>, ErrorStack> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut extension = SubjectAlternativeName::new();
    for name in names {
        name.add_to(&mut extension);
    }
    extension.build(context).map(Some)
}
