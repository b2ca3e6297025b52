//! A client certificate: private key, leaf and chain, read from PEM.

mod current;

use std::fmt;

use aws_lc_rs::{
    digest,
    rsa::KeyPair,
    signature::{self, KeyPair as _, RsaEncoding},
};
use azure_core::time::OffsetDateTime;
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{
    CertificateDer,
    pem::{self, PemObject, SectionKind},
};
use zeroize::Zeroizing;

pub(crate) use self::current::CurrentCertificate;
use crate::{
    assertion::AssertionAlgorithm,
    error::{ErrorKind, Failure, Result},
    x509::Facts,
};

/// The certificate that an application proves itself with, and its private key.
///
/// Read from PEM that holds one unencrypted RSA key (PKCS#8 or PKCS#1) and one or more certificates in any
/// order. The certificate that belongs to the key is the leaf; the others are the chain, in the order given.
pub struct ClientCertificate {
    key: KeyPair,
    leaf: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

impl ClientCertificate {
    /// Reads key and certificates from PEM; text around the blocks is ignored.
    ///
    /// # Errors
    /// - `InvalidInput`: no key, several keys, an encrypted key, no certificate, none that matches the key, or
    ///   broken PEM. The message never quotes the text.
    /// - `Unsupported`: the key is not RSA with 2048 to 8192 bits, the only sort that Entra ID takes.
    pub fn from_pem(pem: &[u8]) -> Result<Self> {
        let mut keys = Vec::new();
        let mut certificates = Vec::new();
        // A byte-order mark would hide the first block.
        let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
        for block in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            let (kind, der) = block.map_err(|error| broken_pem(&error))?;
            match kind {
                SectionKind::Certificate => certificates.push(CertificateDer::from(der)),
                SectionKind::PrivateKey
                | SectionKind::RsaPrivateKey
                | SectionKind::EcPrivateKey => keys.push((kind, Zeroizing::new(der))),
                _ => {}
            }
        }
        let key = match keys.as_slice() {
            [(kind, der)] => read_key(*kind, der)?,
            [] => return Err(no_key(pem).into()),
            _ => {
                return Err(Failure::invalid_input(format!(
                    "the PEM holds {} private keys instead of one",
                    keys.len()
                ))
                .into());
            }
        };
        let (leaf, facts) = take_leaf(&mut certificates, &key)?;
        Ok(Self {
            key,
            leaf,
            chain: certificates,
            not_before: facts.not_before,
            not_after: facts.not_after,
        })
    }

    /// The SHA-1 thumbprint of the leaf, by which the Azure portal shows it.
    pub fn sha1_thumbprint(&self) -> [u8; 20] {
        thumbprint(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.leaf)
    }

    /// The SHA-256 thumbprint of the leaf.
    pub fn sha256_thumbprint(&self) -> [u8; 32] {
        thumbprint(&digest::SHA256, &self.leaf)
    }

    /// From when on the leaf is valid.
    pub fn not_before(&self) -> OffsetDateTime {
        self.not_before
    }

    /// Until when the leaf is valid.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// How many certificates came with the leaf.
    pub fn chain_length(&self) -> usize {
        self.chain.len()
    }

    /// The leaf and then the chain, each in standard base64 of DER, as `x5c` wants them.
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc7515#section-4.1.6>
    pub(crate) fn x5c(&self) -> Vec<String> {
        std::iter::once(&self.leaf).chain(&self.chain).map(|der| STANDARD.encode(der)).collect()
    }

    pub(crate) fn sign(
        &self,
        algorithm: AssertionAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let encoding: &'static dyn RsaEncoding = match algorithm {
            AssertionAlgorithm::Ps256 => &signature::RSA_PSS_SHA256,
            AssertionAlgorithm::Rs256 => &signature::RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.key.sign(encoding, &random, message, &mut signature).map_err(|error| {
            Failure::new(ErrorKind::Unsupported, "the private key cannot sign a client assertion")
                .source(error)
        })?;
        Ok(signature)
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientCertificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .field("chain_length", &self.chain.len())
            .finish_non_exhaustive()
    }
}

fn read_key(kind: SectionKind, der: &[u8]) -> Result<KeyPair> {
    let key = match kind {
        SectionKind::RsaPrivateKey => KeyPair::from_der(der),
        SectionKind::PrivateKey => KeyPair::from_pkcs8(der),
        _ => return Err(unsupported_key().into()),
    };
    key.map_err(|error| unsupported_key().source(error).into())
}

fn unsupported_key() -> Failure {
    Failure::new(ErrorKind::Unsupported, "the private key is not an RSA key of 2048 to 8192 bits")
        .hint(
            "Entra ID verifies client assertions with RSA keys only: make the certificate with one",
        )
}

fn no_key(pem: &[u8]) -> Failure {
    let contains = |needle: &[u8]| pem.windows(needle.len()).any(|window| window == needle);
    if contains(b"ENCRYPTED PRIVATE KEY") || contains(b"Proc-Type: 4,ENCRYPTED") {
        Failure::invalid_input("the private key in the PEM is encrypted").hint(
            "decrypt it first (`openssl pkey -in FILE`), or give the PKCS#12 file with its password instead",
        )
    } else if pem.first() == Some(&0x30) {
        Failure::invalid_input("the bytes are DER, not PEM")
            .hint("a PKCS#12 file (`.pfx`) has to be converted to PEM first")
    } else {
        Failure::invalid_input("the PEM holds no private key").hint(
            "key and certificate go into one PEM: a `PRIVATE KEY` block and a `CERTIFICATE` block",
        )
    }
}

/// Takes the certificate whose public key is that of `key` out of `certificates`.
fn take_leaf(
    certificates: &mut Vec<CertificateDer<'static>>,
    key: &KeyPair,
) -> Result<(CertificateDer<'static>, Facts)> {
    if certificates.is_empty() {
        return Err(Failure::invalid_input("the PEM holds a private key and no certificate")
            .hint("Entra ID finds the key by its certificate: add the `CERTIFICATE` block")
            .into());
    }
    let public_key = key.public_key().as_ref();
    for (index, der) in certificates.iter().enumerate() {
        let facts = Facts::read(der).ok_or_else(|| {
            Failure::invalid_input(format!("certificate {} of the PEM is not valid DER", index + 1))
        })?;
        if facts.public_key == public_key {
            return Ok((certificates.remove(index), facts));
        }
    }
    Err(Failure::invalid_input(format!(
        "none of the {} certificates of the PEM belongs to its private key",
        certificates.len()
    ))
    .hint("key and certificate come from different pairs; take both from the same PKCS#12 file")
    .into())
}

/// Describes broken PEM without quoting it: some of these errors carry the line they stumbled over.
fn broken_pem(error: &pem::Error) -> Failure {
    Failure::invalid_input(match error {
        pem::Error::Base64Decode(_) => "a block of the PEM is not base64",
        pem::Error::IllegalSectionStart { .. } => "a `-----BEGIN` line of the PEM is broken",
        pem::Error::MissingSectionEnd { .. } => "a block of the PEM has no `-----END` line",
        _ => "the PEM cannot be read",
    })
}

fn thumbprint<const N: usize>(algorithm: &'static digest::Algorithm, der: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    let digest = digest::digest(algorithm, der);
    for (byte, value) in bytes.iter_mut().zip(digest.as_ref()) {
        *byte = *value;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../tests/fixtures/key.pem");
    const KEY_PKCS1: &str = include_str!("../tests/fixtures/key-pkcs1.pem");
    const LEAF: &str = include_str!("../tests/fixtures/leaf.pem");
    const CA: &str = include_str!("../tests/fixtures/ca.pem");

    /// `openssl x509 -noout -fingerprint -sha1` and `-sha256`, see the README of the fixtures.
    const LEAF_SHA1: &str = "F4:F1:7D:26:39:B1:8F:AF:61:62:8A:2E:FB:00:C0:C3:D3:CD:63:BF";
    const LEAF_SHA256: &str = "E3:96:AF:CF:CD:56:47:CC:2D:F1:DA:A6:5A:60:B4:C1:57:79:0F:73:53:EE:55:60:D9:CE:9B:FC:22:AD:1F:54";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
    }

    #[test]
    fn the_leaf_is_the_certificate_of_the_key_in_any_order() {
        for parts in [
            [KEY, LEAF, CA],
            [CA, LEAF, KEY],
            [LEAF, KEY, CA],
            ["\u{feff}", KEY_PKCS1, &[CA, LEAF].concat()],
            ["Bag Attributes\r\n", KEY, &[LEAF, CA].concat().replace('\n', "\r\n")],
        ] {
            let certificate = ClientCertificate::from_pem(parts.concat().as_bytes()).unwrap();
            assert_eq!(hex(&certificate.sha1_thumbprint()), LEAF_SHA1);
            assert_eq!(hex(&certificate.sha256_thumbprint()), LEAF_SHA256);
            assert_eq!(certificate.chain_length(), 1);
        }
    }

    #[test]
    fn what_is_no_pair_of_rsa_key_and_certificate_is_refused() {
        let ec = include_str!("../tests/fixtures/ec-key.pem");
        let encrypted = include_str!("../tests/fixtures/encrypted-key.pem");
        let cut = &LEAF[..LEAF.len() / 2];
        for (pem, kind, part_of_message) in [
            (String::new(), ErrorKind::InvalidInput, "no private key"),
            (LEAF.to_owned(), ErrorKind::InvalidInput, "no private key"),
            (KEY.to_owned(), ErrorKind::InvalidInput, "no certificate"),
            ([KEY, CA].concat(), ErrorKind::InvalidInput, "belongs to its private key"),
            ([KEY, KEY, LEAF].concat(), ErrorKind::InvalidInput, "2 private keys"),
            ([encrypted, LEAF].concat(), ErrorKind::InvalidInput, "encrypted"),
            ([ec, LEAF].concat(), ErrorKind::Unsupported, "not an RSA key"),
            ([KEY, cut].concat(), ErrorKind::InvalidInput, "no `-----END` line"),
            (KEY.replace('M', "!") + LEAF, ErrorKind::InvalidInput, "not base64"),
        ] {
            let error = ClientCertificate::from_pem(pem.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(part_of_message), "{error}");
        }
        let error = ClientCertificate::from_pem(&[0x30, 0x82, 0x01, 0x00]).unwrap_err();
        assert!(error.to_string().contains("DER"), "{error}");
    }

    #[test]
    fn neither_debug_nor_errors_show_the_key() {
        let certificate = ClientCertificate::from_pem([KEY, LEAF].concat().as_bytes()).unwrap();
        let secret = KEY.lines().nth(3).unwrap();
        assert!(!format!("{certificate:?}").contains(secret));
        let broken = KEY.replace("-----END PRIVATE KEY-----", "-----BEGIN");
        let error = ClientCertificate::from_pem(broken.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}
