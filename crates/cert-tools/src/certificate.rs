//! X.509 certificates as they are read and shown.

use std::{cmp::Ordering, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use openssl::{
    hash::MessageDigest,
    x509::{X509, X509Ref},
};
use time::OffsetDateTime;

use crate::{
    alternative_name::AlternativeName,
    error::{Error, ErrorKind, Result},
    key::{self, PrivateKey, PublicKey},
    name, pem,
    thumbprint::{Thumbprint, ThumbprintAlgorithm},
    times,
};

/// An X.509 certificate. Cheap to clone; equal when the DER bytes are.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate(X509);

impl Certificate {
    /// Reads the first certificate of a PEM text; other blocks, such as a private key, are passed over.
    ///
    /// # Errors
    /// - `InvalidInput`: there is no certificate in the text, or it is damaged.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let first = blocks(pem.as_ref()).next();
        first.unwrap_or_else(|| Err(no_pem_certificate()))
    }

    /// Reads all certificates of a PEM text, in its order; other blocks are passed over.
    ///
    /// Returns at least one certificate.
    ///
    /// # Errors
    /// - `InvalidInput`: there is no certificate in the text, or one of them is damaged.
    pub fn chain_from_pem(pem: impl AsRef<[u8]>) -> Result<Vec<Self>> {
        let certificates: Vec<Self> = blocks(pem.as_ref()).collect::<Result<_>>()?;
        if certificates.is_empty() { Err(no_pem_certificate()) } else { Ok(certificates) }
    }

    /// Reads a certificate in DER, the binary form of `.cer` and `.crt` files.
    ///
    /// # Errors
    /// - `InvalidInput`: the bytes are not a certificate, or bytes follow it.
    pub fn from_der(der: impl AsRef<[u8]>) -> Result<Self> {
        let der = der.as_ref();
        let certificate = X509::from_der(der).map_err(|stack| {
            Error::invalid("cannot read a certificate from the DER bytes").with_openssl(stack)
        })?;
        // OpenSSL passes over what follows, so the bytes compared are its own again.
        match certificate.to_der() {
            Ok(written) if written.len() == der.len() => Ok(Self(certificate)),
            Ok(written) => Err(Error::invalid(format!(
                "cannot read a certificate from {} DER bytes: its encoding takes {}",
                der.len(),
                written.len(),
            ))),
            Err(stack) => Err(Error::crypto("cannot write the certificate as DER", stack)),
        }
    }

    /// Writes the certificate as PEM, with a line feed at the end.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the certificate.
    pub fn to_pem(&self) -> Result<String> {
        let pem = self
            .0
            .to_pem()
            .map_err(|stack| Error::crypto("cannot write the certificate as PEM", stack))?;
        key::ascii(pem)
    }

    /// Writes the certificate as DER.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the certificate.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        self.0.to_der().map_err(|stack| Error::crypto("cannot write the certificate as DER", stack))
    }

    /// The text between the BEGIN and END lines of the PEM form: base64 in lines of 64 characters.
    ///
    /// Returns lines parted by `\n`, without one at the end.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the certificate.
    pub fn base64_body(&self) -> Result<String> {
        let pem = self.to_pem()?;
        let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Ok(lines.join("\n"))
    }

    /// The DER bytes as base64 in one line, as the JWT header `x5c` and the app manifest's `keyCredentials` hold it.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the certificate.
    pub fn to_base64(&self) -> Result<String> {
        self.to_der().map(|der| BASE64_STANDARD.encode(der))
    }

    /// The digest of the DER bytes.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not compute the digest.
    pub fn thumbprint(&self, algorithm: ThumbprintAlgorithm) -> Result<Thumbprint> {
        let digest = match algorithm {
            ThumbprintAlgorithm::Sha1 => MessageDigest::sha1(),
            ThumbprintAlgorithm::Sha256 => MessageDigest::sha256(),
        };
        let bytes = self
            .0
            .digest(digest)
            .map_err(|stack| Error::crypto("cannot compute the thumbprint", stack))?;
        Thumbprint::new(algorithm, bytes.to_vec())
    }

    /// The subject in the text form of RFC 4514, most specific attribute first (`CN=node-1,O=Contoso`).
    pub fn subject(&self) -> String {
        name::to_text(self.0.subject_name())
    }

    /// The issuer in the text form of RFC 4514; equal to the subject where the certificate signs itself.
    pub fn issuer(&self) -> String {
        name::to_text(self.0.issuer_name())
    }

    /// The serial number in upper-case hexadecimal digits, as `openssl x509 -serial` prints it.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not convert the number.
    pub fn serial(&self) -> Result<String> {
        let digits = || Ok(self.0.serial_number().to_bn()?.to_hex_str()?.to_string());
        digits().map_err(|stack| Error::crypto("cannot read the serial number", stack))
    }

    /// The first second at which the certificate is valid, in UTC.
    ///
    /// # Errors
    /// - `Corrupt`: the certificate holds no time there.
    pub fn not_before(&self) -> Result<OffsetDateTime> {
        times::from_openssl(self.0.not_before()).ok_or_else(|| bad_time("notBefore"))
    }

    /// The last second at which the certificate is valid, in UTC.
    ///
    /// # Errors
    /// - `Corrupt`: the certificate holds no time there.
    pub fn not_after(&self) -> Result<OffsetDateTime> {
        times::from_openssl(self.0.not_after()).ok_or_else(|| bad_time("notAfter"))
    }

    /// The DNS names, IP addresses, e-mail addresses and URIs that the certificate speaks for beside its subject.
    ///
    /// Names of rarer kinds, such as directory names, are left out.
    pub fn alternative_names(&self) -> Vec<AlternativeName> {
        let names = self.0.subject_alt_names();
        names.iter().flatten().filter_map(AlternativeName::from_openssl).collect()
    }

    /// The public key that the certificate vouches for.
    ///
    /// # Errors
    /// - `Unsupported`: OpenSSL does not know this kind of key.
    pub fn public_key(&self) -> Result<PublicKey> {
        self.0.public_key().map(PublicKey::from_openssl).map_err(|stack| {
            Error::new(ErrorKind::Unsupported, "cannot read the public key of the certificate")
                .with_openssl(stack)
        })
    }

    /// Whether `key` is the private half of the certificate's public key.
    pub fn matches_key(&self, key: &PrivateKey) -> bool {
        self.0.public_key().is_ok_and(|public| public.public_eq(key.openssl()))
    }

    /// Whether `issuer` signed this certificate: the issuer's name and the signature itself.
    ///
    /// Dates, key usage, revocation and the rest of a chain's validation are not looked at.
    pub fn is_issued_by(&self, issuer: &Self) -> bool {
        self.names_as_issuer(issuer) && self.is_signed_by(issuer)
    }

    /// Whether the subject of `issuer` is the name that this certificate gives its issuer.
    pub(crate) fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.0.issuer_name().try_cmp(issuer.0.subject_name()).is_ok_and(Ordering::is_eq)
    }

    /// Whether the key of `issuer` made the signature; costs as much as that.
    pub(crate) fn is_signed_by(&self, issuer: &Self) -> bool {
        issuer.0.public_key().is_ok_and(|key| self.0.verify(&key).unwrap_or(false))
    }

    pub(crate) fn from_openssl(certificate: X509) -> Self {
        Self(certificate)
    }

    pub(crate) fn openssl(&self) -> &X509Ref {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificate")
            .field("subject", &self.subject())
            .field("issuer", &self.issuer())
            .field("serial", &self.serial().ok())
            .finish_non_exhaustive()
    }
}

/// The certificates of a PEM text, also by the labels that older programs write.
fn blocks(pem: &[u8]) -> impl Iterator<Item = Result<Certificate>> {
    const LABELS: [&[u8]; 3] = [b"CERTIFICATE", b"TRUSTED CERTIFICATE", b"X509 CERTIFICATE"];
    pem::blocks(pem).filter(|block| LABELS.contains(&block.label)).map(|block| {
        let der = block.bytes().ok_or_else(no_pem_certificate)?;
        X509::from_der(&der)
            .map(Certificate)
            .map_err(|stack| no_pem_certificate().with_openssl(stack))
    })
}

fn no_pem_certificate() -> Error {
    Error::invalid("cannot read a certificate from the PEM text")
        .with_hint("a PEM certificate starts with `-----BEGIN CERTIFICATE-----`; a request (CSR) or a private key is not a certificate")
}

fn bad_time(field: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the certificate's `{field}` is not a time"))
}

#[cfg(test)]
mod tests;
