//! Private and public keys. RSA keys are made here; keys of other kinds can be read, written and compared.

use std::fmt;

use openssl::{
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{HasPublic, Id, PKey, PKeyRef, Private, Public},
    rsa::Rsa,
    symm::Cipher,
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    error::{Error, ErrorKind, Result},
    pem::{self, Block},
    pfx,
};

/// A private key. `Debug` shows its kind and size only; OpenSSL wipes it when it is dropped.
#[derive(Clone)]
pub struct PrivateKey(PKey<Private>);

/// The public half of a key.
#[derive(Clone)]
pub struct PublicKey(PKey<Public>);

/// The kind of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// An elliptic curve key (NIST curves, among others).
    Ec,
    /// An Ed25519 or Ed448 key.
    EdDsa,
    /// Any other kind; such a key can be carried but Entra ID accepts none of them.
    Other,
    /// An RSA key, the only kind that Entra ID accepts for a client certificate.
    Rsa,
}

/// A curve that keys are made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EllipticCurve {
    /// NIST P-256 (`prime256v1`, `secp256r1`).
    P256,
    /// NIST P-384 (`secp384r1`).
    P384,
    /// NIST P-521 (`secp521r1`).
    P521,
}

/// The two numbers of an RSA public key, big-endian without leading zeros, as a JSON Web Key holds them.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1>
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RsaPublicParameters {
    /// `n`, as many bytes as the key has bits divided by eight.
    pub modulus: Vec<u8>,
    /// `e`, nearly always `01 00 01`.
    pub exponent: Vec<u8>,
}

impl PrivateKey {
    /// The smallest RSA key that is made here, in bits: what Entra ID asks for at least.
    pub const MIN_RSA_BITS: u32 = 2048;
    /// The largest RSA key that is made here, in bits: larger ones slow every token down and gain nothing.
    pub const MAX_RSA_BITS: u32 = 4096;

    /// Makes a new RSA key with the public exponent 65537.
    ///
    /// `bits`: length of the modulus, 2048 to 4096, a multiple of 8. 4096 bits take about a second.
    ///
    /// # Errors
    /// - `InvalidInput`: `bits` is outside its limits.
    /// - `Crypto`: OpenSSL could not make the key.
    pub fn generate_rsa(bits: u32) -> Result<Self> {
        if !(Self::MIN_RSA_BITS..=Self::MAX_RSA_BITS).contains(&bits) || !bits.is_multiple_of(8) {
            return Err(Error::invalid(format!(
                "cannot make an RSA key of {bits} bits: the size must be a multiple of 8 from {} to {}",
                Self::MIN_RSA_BITS,
                Self::MAX_RSA_BITS,
            )));
        }
        Rsa::generate(bits)
            .and_then(PKey::from_rsa)
            .map(Self)
            .map_err(|stack| Error::crypto("cannot make an RSA key", stack))
    }

    /// Makes a new key on a NIST curve, for TLS and the like: Entra ID takes RSA keys only.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not make the key.
    pub fn generate_ec(curve: EllipticCurve) -> Result<Self> {
        let curve = match curve {
            EllipticCurve::P256 => Nid::X9_62_PRIME256V1,
            EllipticCurve::P384 => Nid::SECP384R1,
            EllipticCurve::P521 => Nid::SECP521R1,
        };
        EcGroup::from_curve_name(curve)
            .and_then(|group| EcKey::generate(&group))
            .and_then(PKey::from_ec_key)
            .map(Self)
            .map_err(|stack| Error::crypto("cannot make an elliptic curve key", stack))
    }

    /// Reads the first private key of a PEM text: PKCS#8 (`BEGIN PRIVATE KEY`), PKCS#1 or SEC 1.
    ///
    /// # Errors
    /// - `PasswordRequired`: the key is encrypted; see [`from_encrypted_pem`](Self::from_encrypted_pem).
    /// - `InvalidInput`: there is no private key in the text, or it is damaged.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let block = private_key_block(pem.as_ref())?;
        if block.label == ENCRYPTED_PRIVATE_KEY || block.is_encrypted() {
            return Err(Error::new(
                ErrorKind::PasswordRequired,
                "cannot read the private key: it is encrypted and no password was given",
            ));
        }
        Self::from_plain_block(&block)
    }

    /// Reads the first private key of a PEM text, which may be encrypted with `password`.
    ///
    /// # Errors
    /// - `InvalidInput`: there is no private key in the text, or it is damaged.
    /// - `LimitExceeded`: decrypting would take more than
    ///   [`Pfx::DEFAULT_MAX_ROUNDS`](crate::Pfx::DEFAULT_MAX_ROUNDS) key-derivation rounds.
    /// - `Unsupported`: it is encrypted by an algorithm that is not known; the message names it.
    /// - `WrongPassword`: the key is encrypted with another password.
    pub fn from_encrypted_pem(pem: impl AsRef<[u8]>, password: &SecretString) -> Result<Self> {
        let block = private_key_block(pem.as_ref())?;
        if block.label == ENCRYPTED_PRIVATE_KEY {
            let encrypted = block.bytes().ok_or_else(no_private_key)?;
            return pfx::decrypt_key(encrypted, password).map(Self);
        }
        if !block.is_encrypted() {
            return Self::from_plain_block(&block);
        }
        // The old form derives its key with a single round of MD5.
        let parsed = PKey::private_key_from_pem_callback(block.text, |buffer| {
            let password = password.expose_secret().as_bytes();
            Ok(buffer.get_mut(..password.len()).map_or(0, |room| {
                room.copy_from_slice(password);
                password.len()
            }))
        });
        parsed.map(Self).map_err(|stack| pfx::wrong_key_password().with_openssl(stack))
    }

    fn from_plain_block(block: &Block<'_>) -> Result<Self> {
        let der = block.bytes().ok_or_else(no_private_key)?;
        let parsed = if block.label == PRIVATE_KEY {
            PKey::private_key_from_pkcs8(&der)
        } else {
            PKey::private_key_from_der(&der)
        };
        parsed.map(Self).map_err(|stack| no_private_key().with_openssl(stack))
    }

    /// Writes the key as unencrypted PKCS#8 PEM (`BEGIN PRIVATE KEY`), the form that every Azure SDK reads.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>> {
        let pem = self
            .0
            .private_key_to_pem_pkcs8()
            .map_err(|stack| Error::crypto("cannot write the private key as PEM", stack))?;
        ascii(pem).map(Zeroizing::new)
    }

    /// Writes the key in the form of its own kind, as older programs want it: PKCS#1 for RSA
    /// (`BEGIN RSA PRIVATE KEY`), SEC 1 for elliptic curves (`BEGIN EC PRIVATE KEY`).
    ///
    /// # Errors
    /// - `Unsupported`: keys of this kind have no form but PKCS#8.
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_traditional_pem(&self) -> Result<Zeroizing<String>> {
        let pem = match self.0.id() {
            Id::RSA => self.0.rsa().and_then(|key| key.private_key_to_pem()),
            Id::EC => self.0.ec_key().and_then(|key| key.private_key_to_pem()),
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "keys of this kind have no form but PKCS#8",
                ));
            }
        };
        let pem =
            pem.map_err(|stack| Error::crypto("cannot write the private key as PEM", stack))?;
        ascii(pem).map(Zeroizing::new)
    }

    /// Writes the key as encrypted PKCS#8 PEM (`BEGIN ENCRYPTED PRIVATE KEY`): PBES2 with AES-256-CBC.
    ///
    /// # Errors
    /// - `InvalidInput`: the password is empty.
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_encrypted_pem(&self, password: &SecretString) -> Result<Zeroizing<String>> {
        if password.expose_secret().is_empty() {
            return Err(Error::invalid("the password to encrypt the private key with is empty"));
        }
        let pem = self
            .0
            .private_key_to_pem_pkcs8_passphrase(
                Cipher::aes_256_cbc(),
                password.expose_secret().as_bytes(),
            )
            .map_err(|stack| Error::crypto("cannot encrypt the private key", stack))?;
        ascii(pem).map(Zeroizing::new)
    }

    /// Writes the key as unencrypted PKCS#8 DER.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.0
            .private_key_to_pkcs8()
            .map(Zeroizing::new)
            .map_err(|stack| Error::crypto("cannot write the private key as DER", stack))
    }

    /// The public half of this key.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the public key.
    pub fn public_key(&self) -> Result<PublicKey> {
        self.0
            .public_key_to_der()
            .and_then(|der| PKey::public_key_from_der(&der))
            .map(PublicKey)
            .map_err(|stack| Error::crypto("cannot take the public half of the private key", stack))
    }

    /// The kind of this key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        algorithm(&self.0)
    }

    /// The size of this key in bits: of the modulus for RSA, of the field for elliptic curves.
    pub fn bits(&self) -> u32 {
        self.0.bits()
    }

    pub(crate) fn from_openssl(key: PKey<Private>) -> Self {
        Self(key)
    }

    pub(crate) fn openssl(&self) -> &PKeyRef<Private> {
        &self.0
    }

    /// The digest that signatures by this key are made over.
    pub(crate) fn signature_digest(&self) -> MessageDigest {
        match self.algorithm() {
            // These schemes hash by themselves, and OpenSSL refuses any other digest for them.
            KeyAlgorithm::EdDsa => MessageDigest::null(),
            _ => MessageDigest::sha256(),
        }
    }
}

impl PublicKey {
    /// Reads a public key in PEM (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// - `InvalidInput`: there is no public key in the text, or it is damaged.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self> {
        let invalid = || {
            Error::invalid("cannot read a public key from the PEM text")
                .with_hint("a PEM public key starts with `-----BEGIN PUBLIC KEY-----`")
        };
        let der = pem::blocks(pem.as_ref())
            .find(|block| block.label == b"PUBLIC KEY")
            .and_then(|block| block.bytes())
            .ok_or_else(invalid)?;
        PKey::public_key_from_der(&der).map(Self).map_err(|stack| invalid().with_openssl(stack))
    }

    /// Writes the key as PEM (`BEGIN PUBLIC KEY`), ready for a JWT library.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_pem(&self) -> Result<String> {
        let pem = self
            .0
            .public_key_to_pem()
            .map_err(|stack| Error::crypto("cannot write the public key as PEM", stack))?;
        ascii(pem)
    }

    /// Writes the key as DER (`SubjectPublicKeyInfo`).
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode the key.
    pub fn to_der(&self) -> Result<Vec<u8>> {
        self.0
            .public_key_to_der()
            .map_err(|stack| Error::crypto("cannot write the public key as DER", stack))
    }

    /// The kind of this key.
    pub fn algorithm(&self) -> KeyAlgorithm {
        algorithm(&self.0)
    }

    /// The size of this key in bits: of the modulus for RSA, of the field for elliptic curves.
    pub fn bits(&self) -> u32 {
        self.0.bits()
    }

    /// The numbers of an RSA key, for a JSON Web Key; `None` for a key of another kind.
    pub fn rsa_parameters(&self) -> Option<RsaPublicParameters> {
        let rsa = self.0.rsa().ok()?;
        Some(RsaPublicParameters { modulus: rsa.n().to_vec(), exponent: rsa.e().to_vec() })
    }

    pub(crate) fn from_openssl(key: PKey<Public>) -> Self {
        Self(key)
    }

    pub(crate) fn openssl(&self) -> &PKeyRef<Public> {
        &self.0
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.public_eq(&other.0)
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({:?}, {} bits, [REDACTED])", self.algorithm(), self.bits())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({:?}, {} bits)", self.algorithm(), self.bits())
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Ec => "EC",
            Self::EdDsa => "EdDSA",
            Self::Other => "other",
            Self::Rsa => "RSA",
        })
    }
}

/// Turns PEM bytes into text without copying them, so that no second copy of a secret is left behind.
pub(crate) fn ascii(pem: Vec<u8>) -> Result<String> {
    String::from_utf8(pem).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Error::new(ErrorKind::Crypto, "OpenSSL wrote a PEM text that is not ASCII")
    })
}

/// The first block that is a private key of some form.
fn private_key_block(pem: &[u8]) -> Result<Block<'_>> {
    pem::blocks(pem).find(|block| block.label.ends_with(PRIVATE_KEY)).ok_or_else(no_private_key)
}

fn no_private_key() -> Error {
    Error::invalid("cannot read a private key from the PEM text")
        .with_hint("a PEM private key starts with `-----BEGIN PRIVATE KEY-----`")
}

fn algorithm<T: HasPublic>(key: &PKeyRef<T>) -> KeyAlgorithm {
    match key.id() {
        Id::RSA | Id::RSA_PSS => KeyAlgorithm::Rsa,
        Id::EC => KeyAlgorithm::Ec,
        Id::ED25519 | Id::ED448 => KeyAlgorithm::EdDsa,
        _ => KeyAlgorithm::Other,
    }
}

const PRIVATE_KEY: &[u8] = b"PRIVATE KEY";
const ENCRYPTED_PRIVATE_KEY: &[u8] = b"ENCRYPTED PRIVATE KEY";

#[cfg(test)]
mod tests;
