//! Thumbprints of certificates, in every spelling that Azure's tools ask for.

use std::{fmt, str::FromStr};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};

use crate::error::{Error, Result};

/// The digest of a certificate's DER bytes.
///
/// Parsing (`FromStr`) accepts hexadecimal digits of either case, with or without colons and spaces between them,
/// and drops the invisible mark that the Windows certificate dialog puts before the first digit.
/// 40 digits are a SHA-1 thumbprint, 64 a SHA-256 one.
///
/// `Display` is [`to_hex`](Self::to_hex), as the Azure portal shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Thumbprint {
    algorithm: ThumbprintAlgorithm,
    bytes: Vec<u8>,
}

/// The digest that a thumbprint is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ThumbprintAlgorithm {
    /// 20 bytes: what the portal, Azure Batch and the JWT header `x5t` use to name a certificate.
    Sha1,
    /// 32 bytes: what the JWT header `x5t#S256` uses.
    Sha256,
}

impl Thumbprint {
    /// Wraps a digest that was made elsewhere.
    ///
    /// # Errors
    /// - `InvalidInput`: `bytes` has not the length that `algorithm` gives.
    pub fn new(algorithm: ThumbprintAlgorithm, bytes: impl Into<Vec<u8>>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.len() != algorithm.byte_length() {
            return Err(Error::invalid(format!(
                "a {algorithm} thumbprint has {} bytes, not {}",
                algorithm.byte_length(),
                bytes.len(),
            )));
        }
        Ok(Self { algorithm, bytes })
    }

    /// The digest this thumbprint was made with.
    pub fn algorithm(&self) -> ThumbprintAlgorithm {
        self.algorithm
    }

    /// The digest itself: 20 bytes for SHA-1, 32 for SHA-256.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Upper-case hexadecimal digits without separators, as the Azure portal shows them.
    pub fn to_hex(&self) -> String {
        self.hex_with("")
    }

    /// Upper-case hexadecimal digits with a colon between bytes, as `openssl x509 -fingerprint` prints them.
    pub fn to_colon_hex(&self) -> String {
        self.hex_with(":")
    }

    /// Base64 with padding, as the `customKeyIdentifier` of an app registration holds it.
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(&self.bytes)
    }

    /// Base64url without padding, as the JWT headers `x5t` and `x5t#S256` hold it.
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc7515#section-4.1.7>
    pub fn to_base64url(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(&self.bytes)
    }

    fn hex_with(&self, separator: &str) -> String {
        let pairs: Vec<String> = self.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(separator)
    }
}

impl ThumbprintAlgorithm {
    fn byte_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.to_hex())
    }
}

impl fmt::Display for ThumbprintAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        })
    }
}

impl FromStr for Thumbprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|character| !is_separator(*character))
            .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()
            .ok_or_else(|| not_a_thumbprint(text))?;
        let algorithm = match digits.len() {
            40 => ThumbprintAlgorithm::Sha1,
            64 => ThumbprintAlgorithm::Sha256,
            _ => return Err(not_a_thumbprint(text)),
        };
        let bytes =
            digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit));
        Self::new(algorithm, bytes.collect::<Vec<u8>>())
    }
}

fn is_separator(character: char) -> bool {
    // U+200E is the left-to-right mark of the Windows certificate dialog.
    character == ':' || character == '\u{200e}' || character.is_whitespace()
}

fn not_a_thumbprint(text: &str) -> Error {
    Error::invalid(format!(
        "`{}` is not a thumbprint: 40 hexadecimal digits (SHA-1) or 64 (SHA-256) are expected",
        text.escape_debug()
    ))
    .with_hint("`azconnect cert thumbprint FILE` prints the thumbprint of a certificate")
}

#[cfg(test)]
mod tests;
