//! Makes X.509 v3 certificates, signed by their own key or by a certificate authority's.

use openssl::{
    asn1::Asn1Integer,
    bn::{BigNum, MsbOption},
    error::ErrorStack,
    hash::MessageDigest,
    pkey::{PKeyRef, Private},
    x509::{
        X509, X509Builder, X509Ref,
        extension::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
};
use time::{Duration, OffsetDateTime};

use crate::{
    alternative_name::AlternativeName,
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
    extensions,
    key::{PrivateKey, PublicKey},
    name::DistinguishedName,
    times,
};

/// Makes certificates: version 3, SHA-256, a random serial number of 128 bits.
///
/// ```
/// use azconnect_cert_tools::{
///     AlternativeName, CertificateBuilder, CertificateUse, DistinguishedName, PrivateKey, Validity,
/// };
/// use time::macros::datetime;
///
/// let validity = Validity::days(datetime!(2026-01-01 0:00 UTC), 30)?;
/// let ca_key = PrivateKey::generate_rsa(2048)?;
/// let ca = CertificateBuilder::new(DistinguishedName::common_name("Test CA")?, validity)
///     .with_use(CertificateUse::CertificateAuthority)
///     .self_signed(&ca_key)?;
///
/// let key = PrivateKey::generate_rsa(2048)?;
/// let leaf = CertificateBuilder::new(DistinguishedName::common_name("localhost")?, validity)
///     .with_use(CertificateUse::TlsServer)
///     .with_alternative_names(["localhost".parse()?, "127.0.0.1".parse()?])
///     .signed_by(&ca, &ca_key, &key.public_key()?)?;
/// assert!(leaf.is_issued_by(&ca));
/// # Ok::<(), azconnect_cert_tools::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CertificateBuilder {
    subject: DistinguishedName,
    validity: Validity,
    use_: CertificateUse,
    alternative_names: Vec<AlternativeName>,
}

/// What a certificate is for; decides its basic constraints, key usage and extended key usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateUse {
    /// Signs other certificates, but no further authority below it (path length 0).
    CertificateAuthority,
    /// Proves an application's identity, to Entra ID say: digital signature, client authentication.
    #[default]
    Client,
    /// Proves a host's identity: digital signature, key encipherment, server authentication.
    TlsServer,
}

/// The time between which a certificate is valid, both ends included, in UTC and whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl Validity {
    /// From `not_before`, cut to whole seconds, until `days` times 24 hours later.
    ///
    /// `days`: 1 to 36,525 (a hundred years).
    ///
    /// # Errors
    /// - `InvalidInput`: `days` is outside its limits, or an end is outside the years 1950 to 9999.
    pub fn days(not_before: OffsetDateTime, days: u32) -> Result<Self> {
        if !(1..=36_525).contains(&days) {
            return Err(Error::invalid(format!(
                "a certificate cannot be valid for {days} days: 1 to 36525 are possible"
            )));
        }
        // Years before 1950 have no agreed encoding. Spec: RFC 5280, section 4.1.2.5.
        let outside =
            || Error::invalid("a certificate's validity must lie within the years 1950 to 9999");
        let not_before = OffsetDateTime::from_unix_timestamp(not_before.unix_timestamp())
            .ok()
            .filter(|time| time.year() >= 1950)
            .ok_or_else(outside)?;
        let not_after = not_before
            .checked_add(Duration::days(i64::from(days)))
            .filter(|time| time.year() <= 9999)
            .ok_or_else(outside)?;
        Ok(Self { not_before, not_after })
    }

    /// The first second of validity.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// The last second of validity.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }
}

impl CertificateBuilder {
    /// Starts a [`Client`](CertificateUse::Client) certificate without alternative names.
    pub fn new(subject: DistinguishedName, validity: Validity) -> Self {
        Self { subject, validity, use_: CertificateUse::default(), alternative_names: Vec::new() }
    }

    /// Says what the certificate is for. Default: [`CertificateUse::Client`].
    #[must_use]
    pub fn with_use(mut self, use_: CertificateUse) -> Self {
        self.use_ = use_;
        self
    }

    /// Adds names that the certificate speaks for beside its subject. Default: none.
    #[must_use]
    pub fn with_alternative_names(
        mut self,
        names: impl IntoIterator<Item = AlternativeName>,
    ) -> Self {
        self.alternative_names.extend(names);
        self
    }

    /// Makes the certificate for `key` and signs it with the same key.
    ///
    /// # Errors
    /// - `InvalidInput`: the subject cannot be encoded.
    /// - `Crypto`: OpenSSL could not sign.
    pub fn self_signed(&self, key: &PrivateKey) -> Result<Certificate> {
        self.build(
            &key.public_key()?,
            Signer { certificate: None, key: key.openssl(), digest: key.signature_digest() },
        )
    }

    /// Makes the certificate for `subject_key` and signs it in the name of `ca`.
    ///
    /// # Errors
    /// - `KeyMismatch`: `ca_key` is not the key of `ca`.
    /// - `InvalidInput`: the subject cannot be encoded.
    /// - `Crypto`: OpenSSL could not sign.
    pub fn signed_by(
        &self,
        ca: &Certificate,
        ca_key: &PrivateKey,
        subject_key: &PublicKey,
    ) -> Result<Certificate> {
        if !ca.matches_key(ca_key) {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!(
                    "cannot sign as `{}`: the private key is not that of its certificate",
                    ca.subject()
                ),
            ));
        }
        let signer = Signer {
            certificate: Some(ca.openssl()),
            key: ca_key.openssl(),
            digest: ca_key.signature_digest(),
        };
        self.build(subject_key, signer)
    }

    fn build(&self, subject_key: &PublicKey, signer: Signer<'_>) -> Result<Certificate> {
        let subject = self.subject.to_openssl()?;
        let not_before = times::to_openssl(self.validity.not_before)?;
        let not_after = times::to_openssl(self.validity.not_after)?;
        let build = || -> Result<X509, ErrorStack> {
            let mut builder = X509Builder::new()?;
            // The encoded number of version 3 is 2.
            builder.set_version(2)?;
            builder.set_serial_number(&*random_serial()?)?;
            builder.set_subject_name(&subject)?;
            builder.set_issuer_name(signer.certificate.map_or(&subject, X509Ref::subject_name))?;
            builder.set_not_before(&not_before)?;
            builder.set_not_after(&not_after)?;
            builder.set_pubkey(subject_key.openssl())?;
            for extension in extensions::for_use(self.use_)? {
                builder.append_extension(extension)?;
            }
            let names = extensions::alternative_names(
                &self.alternative_names,
                &builder.x509v3_context(None, None),
            )?;
            if let Some(names) = names {
                builder.append_extension(names)?;
            }
            let subject_key_id =
                SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
            builder.append_extension(subject_key_id)?;
            if signer.certificate.is_some() {
                let context = builder.x509v3_context(signer.certificate, None);
                let authority_key_id =
                    AuthorityKeyIdentifier::new().keyid(false).build(&context)?;
                builder.append_extension(authority_key_id)?;
            }
            builder.sign(signer.key, signer.digest)?;
            Ok(builder.build())
        };
        build()
            .map(Certificate::from_openssl)
            .map_err(|stack| Error::crypto("cannot make a certificate", stack))
    }
}

struct Signer<'a> {
    /// `None` where the certificate signs itself.
    certificate: Option<&'a X509Ref>,
    key: &'a PKeyRef<Private>,
    digest: MessageDigest,
}

/// 128 bits, far more than the 64 that make a collision improbable, and within the 20 bytes of RFC 5280.
fn random_serial() -> Result<Asn1Integer, ErrorStack> {
    let mut number = BigNum::new()?;
    // RFC 5280 asks for a positive number; zero will not be drawn twice.
    while number.num_bits() == 0 {
        number.rand(128, MsbOption::MAYBE_ZERO, false)?;
    }
    number.to_asn1_integer()
}

#[cfg(test)]
mod tests;
