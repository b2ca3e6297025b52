//! PKCS#12 files (`.pfx`, `.p12`): opening those found in the wild, writing modern ones.
//!
//! A file is read in three steps: `input` finds the binary form, `structure` takes its outer layers apart, and
//! `unlock` decrypts. What a file asks for is known and limited before anything is derived.

mod algorithm;
mod contents;
mod derive;
mod input;
mod password;
mod providers;
mod store;
mod structure;
mod unlock;
mod write;

use std::fmt;

use bytes::Bytes;
use openssl::pkey::{PKey, Private};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use self::{
    algorithm::{Encryption, MacScheme},
    structure::{AlgorithmIdentifier, File, Mac},
};
pub use self::{
    contents::{EncodeOptions, PemOptions, PfxContents},
    store::{PfxStore, Stored},
};
use crate::{
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
};

/// A PKCS#12 file that has been read but not opened yet.
///
/// It understands what programs have written in thirty years: RC2, RC4, DES and 3DES as Windows, the Azure portal
/// and NSS do it, PBES2 with every HMAC, scrypt, MACs of every SHA, PBMAC1, files without a MAC, BER with indefinite
/// lengths, passwords that are empty, absent or beyond ASCII.
///
/// ```
/// use azconnect_cert_tools::{ErrorKind, Pfx};
/// use secrecy::SecretString;
///
/// let file = include_bytes!("../fixtures/legacy-rc2-40.pfx");
/// let contents = Pfx::decode(file, &SecretString::from("fixture-password"))?;
/// assert_eq!(contents.leaf().subject(), "CN=azconnect fixture,O=Contoso\\, Ltd,C=SE");
///
/// let error = Pfx::decode(file, &SecretString::from("guess")).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::WrongPassword);
/// # Ok::<(), azconnect_cert_tools::Error>(())
/// ```
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc7292>
pub struct Pfx {
    file: File,
    is_encrypted: bool,
    rounds: u64,
    max_rounds: u64,
}

impl Pfx {
    /// How many key-derivation rounds [`open`](Self::open) spends on a file unless told otherwise.
    ///
    /// Files with a million exist; ten million take some seconds, and 2^31 − 1, which a file may ask for, minutes.
    pub const DEFAULT_MAX_ROUNDS: u64 = 10_000_000;

    /// How large a file may be, in bytes of its binary form; the largest in use, trust stores, have some hundred KiB.
    ///
    /// The older ciphers pass some ten megabytes in a second, and several times where the password is wrong.
    pub const MAX_BYTES: usize = 4 << 20;
    /// How many private keys, and encrypted parts, a file may hold in all.
    pub const MAX_KEYS: usize = 128;
    /// How many certificates a file may hold.
    pub const MAX_CERTIFICATES: usize = 4096;

    /// Reads a file and opens it with `password`: [`parse`](Self::parse) and [`open`](Self::open) in one.
    ///
    /// # Errors
    /// Those of both.
    pub fn decode(bytes: impl AsRef<[u8]>, password: &SecretString) -> Result<PfxContents> {
        Self::parse(bytes)?.open(password)
    }

    /// Reads a file without opening it: DER, BER, or base64 text of either, as Key Vault gives it.
    ///
    /// Bytes after the file's own end are passed over.
    ///
    /// # Errors
    /// - `Corrupt`: the bytes begin as a PKCS#12 file does, but are damaged or cut short.
    /// - `InvalidInput`: the bytes are another sort of file, such as PEM.
    /// - `LimitExceeded`: there are more than [`MAX_BYTES`](Self::MAX_BYTES) of them.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let binary = Bytes::from_owner(input::to_binary(bytes.as_ref())?);
        if binary.len() > Self::MAX_BYTES {
            let (size, limit) = (binary.len(), Self::MAX_BYTES);
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("cannot read the PFX file: it has {size} bytes, and {limit} are allowed"),
            ));
        }
        let damaged = |error| input::explain_damage(&binary).with_source(error);
        let file = File::read(binary.clone()).map_err(damaged)?;
        let encryptions = file.encryptions().map_err(damaged)?;
        let rounds = visible_rounds(file.mac.as_ref(), &encryptions);
        let is_encrypted = !encryptions.is_empty();
        Ok(Self { file, is_encrypted, rounds, max_rounds: Self::DEFAULT_MAX_ROUNDS })
    }

    /// Allows `max_rounds` key-derivation rounds in place of [`DEFAULT_MAX_ROUNDS`](Self::DEFAULT_MAX_ROUNDS).
    #[must_use]
    pub fn with_max_rounds(mut self, max_rounds: u64) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// How many key-derivation rounds opening takes, all parts of the file together.
    ///
    /// Parts inside an encrypted part cannot be seen and are not counted here, but they are when the file is opened.
    pub fn rounds(&self) -> u64 {
        self.rounds
    }

    /// Whether the file is protected by a MAC or by encryption; if not, any password opens it.
    pub fn is_protected(&self) -> bool {
        self.file.mac.is_some() || self.is_encrypted
    }

    /// Opens the file: its first private key that has a certificate, that certificate, and the other certificates.
    ///
    /// `password`: may be empty, which stands for both an empty and an absent password.
    ///
    /// The leaf is the certificate whose public key is that of the private key, wherever it stands in the file.
    ///
    /// # Errors
    /// - `InvalidInput`: the password has a NUL in it.
    /// - `LimitExceeded`: opening would take more rounds than allowed; nothing beyond them was derived. Or the file
    ///   holds more than [`MAX_KEYS`](Self::MAX_KEYS) or [`MAX_CERTIFICATES`](Self::MAX_CERTIFICATES).
    /// - `PasswordRequired`: the password is empty, and the file has another.
    /// - `WrongPassword`: the file has another password.
    /// - `Corrupt`: the password is right, or none is needed, but the contents are damaged or were altered. What was
    ///   altered so that the password no longer decrypts it cannot be told from a wrong password.
    /// - `NotFound`: the file holds no private key, or no certificate for it.
    /// - `Unsupported`: the file uses an algorithm that is not known; the message names it.
    pub fn open(&self, password: &SecretString) -> Result<PfxContents> {
        self.open_store(password)?.into_contents()
    }

    /// Opens the file and takes everything out of it: all private keys and all certificates, with their names.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but for `NotFound`: a store may hold nothing at all.
    pub fn open_store(&self, password: &SecretString) -> Result<PfxStore> {
        check_password(password)?;
        if self.rounds > self.max_rounds {
            return Err(derive::limit_exceeded(self.rounds, self.max_rounds));
        }
        providers::load()?;
        unlock::unlock(&self.file, self.is_encrypted, password, self.max_rounds).map(PfxStore::new)
    }

    /// Opens the file and takes its certificates alone, whether or not it holds a private key, as a trust store.
    ///
    /// The leaf comes first, if there is a key; the others keep the order of the file. There may be none at all.
    ///
    /// # Errors
    /// Those of [`open_store`](Self::open_store).
    pub fn open_certificates(&self, password: &SecretString) -> Result<Vec<Certificate>> {
        Ok(self.open_store(password)?.into_certificates())
    }
}

/// The rounds of the MAC and of all encrypted parts that can be seen. An algorithm that is not known counts for
/// nothing, since nothing will be derived for it.
fn visible_rounds(mac: Option<&Mac>, encryptions: &[AlgorithmIdentifier]) -> u64 {
    let mac = mac.and_then(|mac| Some(MacScheme::read(&mac.algorithm).ok()?.rounds(mac.rounds)));
    let encryptions = encryptions
        .iter()
        .filter_map(|algorithm| Some(Encryption::read(algorithm).ok()?.derivation.rounds()));
    mac.into_iter().chain(encryptions).fold(0, u64::saturating_add)
}

/// Decrypts a private key that stands alone, as in a PEM text: its protection is that of keys in PFX files.
pub(crate) fn decrypt_key(
    encrypted: Zeroizing<Vec<u8>>,
    password: &SecretString,
) -> Result<PKey<Private>> {
    providers::load()?;
    unlock::unlock_key(Bytes::from_owner(encrypted), password, Pfx::DEFAULT_MAX_ROUNDS)
}

pub(crate) fn wrong_key_password() -> Error {
    Error::new(ErrorKind::WrongPassword, "cannot decrypt the private key: the password is wrong")
        .with_hint("check the password of the private key")
}

impl fmt::Debug for Pfx {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pfx")
            .field("rounds", &self.rounds)
            .field("is_protected", &self.is_protected())
            .field("max_rounds", &self.max_rounds)
            .finish_non_exhaustive()
    }
}

/// A NUL would end the password early for half of the programs that ever read the file.
fn check_password(password: &SecretString) -> Result<()> {
    if password.expose_secret().contains('\0') {
        return Err(Error::invalid("the password of a PFX file cannot have a NUL character in it")
            .with_hint("a password file in UTF-16 must be decoded first"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
