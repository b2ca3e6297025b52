//! Certificate signing requests (PKCS#10).

use std::fmt;

use openssl::{
    error::ErrorStack,
    stack::Stack,
    x509::{X509Req, X509ReqBuilder},
};

use crate::{
    alternative_name::AlternativeName,
    error::{Error, Result},
    extensions,
    key::{self, PrivateKey, PublicKey},
    name::{self, DistinguishedName},
    pem,
};

/// A request that a certificate authority turns into a certificate.
///
/// It is not a certificate: it has no thumbprint, and app registrations do not take it.
pub struct CertificateRequest(X509Req);

impl CertificateRequest {
    /// Asks for a certificate for `key` in the name of `subject`, and signs the request with `key` over SHA-256.
    ///
    /// `alternative_names`: names to speak for beside the subject; may be empty.
    ///
    /// # Errors
    /// - `InvalidInput`: the subject cannot be encoded.
    /// - `Crypto`: OpenSSL could not sign.
    pub fn new(
        key: &PrivateKey,
        subject: &DistinguishedName,
        alternative_names: &[AlternativeName],
    ) -> Result<Self> {
        let subject = subject.to_openssl()?;
        let build = || -> Result<X509Req, ErrorStack> {
            let mut builder = X509ReqBuilder::new()?;
            // Version 1, the only one, is encoded as 0.
            builder.set_version(0)?;
            builder.set_subject_name(&subject)?;
            builder.set_pubkey(key.openssl())?;
            let names =
                extensions::alternative_names(alternative_names, &builder.x509v3_context(None))?;
            if let Some(names) = names {
                let mut extensions = Stack::new()?;
                extensions.push(names)?;
                builder.add_extensions(&extensions)?;
            }
            builder.sign(key.openssl(), key.signature_digest())?;
            Ok(builder.build())
        };
        build().map(Self).map_err(|stack| Error::crypto("cannot make a certificate request", stack))
    }

    /// Reads a request in PEM (`BEGIN CERTIFICATE REQUEST`).
    ///
    /// # Errors
    /// - `InvalidInput`: there is no request in the text, or it is damaged.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let invalid = || Error::invalid("cannot read a certificate request from the PEM text");
        let der = pem::blocks(pem.as_ref())
            .find(|block| LABELS.contains(&block.label))
            .and_then(|block| block.bytes())
            .ok_or_else(invalid)?;
        X509Req::from_der(&der).map(Self).map_err(|stack| invalid().with_openssl(stack))
    }

    /// Writes the request as PEM, with a line feed at the end.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the request.
    pub fn to_pem(&self) -> Result<String> {
        let pem = self
            .0
            .to_pem()
            .map_err(|stack| Error::crypto("cannot write the certificate request as PEM", stack))?;
        key::ascii(pem)
    }

    /// Writes the request as DER.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the request.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        self.0
            .to_der()
            .map_err(|stack| Error::crypto("cannot write the certificate request as DER", stack))
    }

    /// The subject asked for, in the text form of RFC 4514.
    pub fn subject(&self) -> String {
        name::to_text(self.0.subject_name())
    }

    /// The public key to be certified.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL does not know this kind of key.
    pub fn public_key(&self) -> Result<PublicKey> {
        self.0.public_key().map(PublicKey::from_openssl).map_err(|stack| {
            Error::crypto("cannot read the public key of the certificate request", stack)
        })
    }

    /// Whether the request is signed by the key it asks a certificate for.
    pub fn is_signed_by_its_key(&self) -> bool {
        self.0.public_key().is_ok_and(|key| self.0.verify(&key).unwrap_or(false))
    }
}

impl fmt::Debug for CertificateRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CertificateRequest")
            .field("subject", &self.subject())
            .finish_non_exhaustive()
    }
}

/// The second is that of older programs, Netscape's and Windows' among them.
const LABELS: [&[u8]; 2] = [b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"];

#[cfg(test)]
mod tests;
