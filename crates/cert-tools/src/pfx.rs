//! PKCS#12 files (`.pfx`, `.p12`): opening those found in the wild, writing modern ones.

mod contents;
mod input;
mod inspect;
mod providers;

use std::fmt;

use openssl::{
    error::ErrorStack,
    pkcs12::{ParsedPkcs12_2, Pkcs12},
};
use secrecy::{ExposeSecret, SecretString};

pub use self::contents::{EncodeOptions, PfxContents};
use self::inspect::Inspection;
use crate::{
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
};

/// A PKCS#12 file that has been read but not opened yet.
///
/// It understands every kind of encryption that OpenSSL 3.6 does, among them RC2-40 and 3DES as the Azure portal,
/// Windows and older tools write them, PBES2, scrypt, PBMAC1, BER with indefinite lengths, and files without a MAC.
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
    file: Pkcs12,
    inspection: Inspection,
    max_rounds: u64,
}

impl Pfx {
    /// How many key-derivation rounds [`open`](Self::open) spends on a file unless told otherwise.
    ///
    /// Files with a million exist; ten million take some seconds, and 2^31 − 1, which a file may ask for, minutes.
    pub const DEFAULT_MAX_ROUNDS: u64 = 10_000_000;

    /// Reads a file and opens it with `password`: [`parse`](Self::parse) and [`open`](Self::open) in one.
    ///
    /// # Errors
    /// Those of both.
    pub fn decode(bytes: impl AsRef<[u8]>, password: &SecretString) -> Result<PfxContents> {
        Self::parse(bytes)?.open(password)
    }

    /// Reads a file without opening it: DER, BER, or base64 text of either, as Key Vault gives it.
    ///
    /// # Errors
    /// - `Corrupt`: the bytes begin as a PKCS#12 file does, but are damaged or cut short.
    /// - `InvalidInput`: the bytes are another sort of file, such as PEM.
    pub fn parse(bytes: impl AsRef<[u8]>) -> Result<Self> {
        let der = input::to_binary(bytes.as_ref())?;
        let inspection = inspect::inspect(&der)
            .map_err(|error| input::explain_damage(&der).with_source(error))?;
        let file = Pkcs12::from_der(&der)
            .map_err(|stack| input::explain_damage(&der).with_openssl(stack))?;
        Ok(Self { file, inspection, max_rounds: Self::DEFAULT_MAX_ROUNDS })
    }

    /// Allows `max_rounds` key-derivation rounds in place of [`DEFAULT_MAX_ROUNDS`](Self::DEFAULT_MAX_ROUNDS).
    #[must_use]
    pub fn with_max_rounds(mut self, max_rounds: u64) -> Self {
        self.max_rounds = max_rounds;
        self
    }

    /// How many key-derivation rounds opening takes, all parts of the file together.
    ///
    /// Parts inside an encrypted part, which no known program writes, cannot be seen and are not counted.
    pub fn rounds(&self) -> u64 {
        self.inspection.rounds
    }

    /// Whether the file is protected by a MAC or by encryption; if not, any password opens it.
    pub fn is_protected(&self) -> bool {
        self.inspection.has_mac || self.inspection.is_encrypted
    }

    /// Opens the file: its first private key, that key's certificate, and the other certificates.
    ///
    /// `password`: may be empty, which stands for both an empty and an absent password.
    ///
    /// The leaf is the certificate whose public key is that of the private key, wherever it stands in the file.
    ///
    /// # Errors
    /// - `InvalidInput`: the password has a NUL in it.
    /// - `LimitExceeded`: opening would take more rounds than allowed; nothing was derived.
    /// - `PasswordRequired`: the password is empty, and the file has another.
    /// - `WrongPassword`: the file has another password.
    /// - `Corrupt`: the password is right, or none is needed, but the contents are damaged or were altered. What was
    ///   altered so that the password no longer decrypts it cannot be told from a wrong password.
    /// - `NotFound`: the file holds no private key, or no certificate for it.
    /// - `Unsupported`: the file uses an algorithm that OpenSSL does not know.
    pub fn open(&self, password: &SecretString) -> Result<PfxContents> {
        contents_of(self.decrypt(password)?)
    }

    /// Opens the file and takes its certificates alone, whether or not it holds a private key, as a trust store.
    ///
    /// The leaf comes first, if there is a key; the others keep the order of the file. There may be none at all.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but for `NotFound`.
    pub fn open_certificates(&self, password: &SecretString) -> Result<Vec<Certificate>> {
        let parsed = self.decrypt(password)?;
        let others = parsed.ca.into_iter().flatten();
        Ok(parsed.cert.into_iter().chain(others).map(Certificate::from_openssl).collect())
    }

    fn decrypt(&self, password: &SecretString) -> Result<ParsedPkcs12_2> {
        check_password(password)?;
        if self.inspection.rounds > self.max_rounds {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "cannot open the PFX file: it asks for {} key-derivation rounds, and {} are allowed",
                    self.inspection.rounds, self.max_rounds
                ),
            )
            .with_hint("raise the limit only for a file whose origin you trust"));
        }
        providers::load()?;
        self.file.parse2(password.expose_secret()).map_err(|stack| self.explain(stack, password))
    }

    /// Tells apart why OpenSSL did not open the file.
    fn explain(&self, stack: ErrorStack, password: &SecretString) -> Error {
        let error = if has_reason(&stack, &UNSUPPORTED) {
            Error::new(
                ErrorKind::Unsupported,
                "cannot open the PFX file: it uses an algorithm that is not supported",
            )
            .with_hint("export the file again with AES-256 encryption")
        } else if self.inspection.has_mac && !has_reason(&stack, &[PKCS12_MAC_VERIFY_FAILURE]) {
            // The MAC was right, and so the password is.
            altered("its contents are damaged")
        } else if !self.is_protected() {
            altered("its contents are damaged")
        } else if password.expose_secret().is_empty() {
            Error::new(
                ErrorKind::PasswordRequired,
                "cannot open the PFX file: it is protected by a password",
            )
            .with_hint("give the password of the PFX file")
        } else if self.decrypts_with(password) {
            altered("the password is right, but the contents were altered")
        } else {
            Error::new(ErrorKind::WrongPassword, "cannot open the PFX file: the password is wrong")
                .with_hint("a password file must hold the password alone, on its first line")
        };
        error.with_openssl(stack)
    }

    /// Whether the password opens the file's encrypted parts, though the MAC does not fit.
    ///
    /// What comes out is not authentic and is thrown away.
    fn decrypts_with(&self, password: &SecretString) -> bool {
        self.inspection.is_encrypted
            && self.inspection.without_mac.as_deref().is_some_and(|der| {
                Pkcs12::from_der(der)
                    .is_ok_and(|file| file.parse2(password.expose_secret()).is_ok())
            })
    }
}

impl fmt::Debug for Pfx {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pfx")
            .field("rounds", &self.inspection.rounds)
            .field("has_mac", &self.inspection.has_mac)
            .field("is_encrypted", &self.inspection.is_encrypted)
            .field("max_rounds", &self.max_rounds)
            .finish_non_exhaustive()
    }
}

/// Refuses what the `openssl` crate would panic on.
fn check_password(password: &SecretString) -> Result<()> {
    if password.expose_secret().contains('\0') {
        return Err(Error::invalid("the password of a PFX file cannot have a NUL character in it")
            .with_hint("a password file in UTF-16 must be decoded first"));
    }
    Ok(())
}

fn contents_of(parsed: ParsedPkcs12_2) -> Result<PfxContents> {
    let Some(key) = parsed.pkey else {
        return Err(Error::new(ErrorKind::NotFound, "the PFX file holds no private key")
            .with_hint("export the certificate together with its private key"));
    };
    let Some(leaf) = parsed.cert else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "the PFX file holds no certificate for its private key",
        ));
    };
    let others = parsed.ca.into_iter().flatten();
    Ok(PfxContents::from_openssl(key, leaf, others))
}

fn altered(how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot open the PFX file: {how}"))
        .with_hint("copy or export the file again; text-mode transfers damage it")
}

fn has_reason(stack: &ErrorStack, reasons: &[(i32, i32)]) -> bool {
    stack
        .errors()
        .iter()
        .any(|error| reasons.contains(&(error.library_code(), error.reason_code())))
}

/// Numbers of OpenSSL's libraries and reasons, which its headers keep stable.
///
/// Spec: <https://github.com/openssl/openssl/tree/openssl-3.6/include/openssl> (`err.h`, `evperr.h`, `pkcs12err.h`)
const LIBRARY_EVP: i32 = 6;
const LIBRARY_PKCS12: i32 = 35;
const PKCS12_MAC_VERIFY_FAILURE: (i32, i32) = (LIBRARY_PKCS12, 113);
const UNSUPPORTED: [(i32, i32); 10] = [
    (LIBRARY_EVP, 107),    // unsupported cipher
    (LIBRARY_EVP, 121),    // unknown PBE algorithm
    (LIBRARY_EVP, 123),    // unsupported key length
    (LIBRARY_EVP, 124),    // unsupported key derivation function
    (LIBRARY_EVP, 125),    // unsupported PRF
    (LIBRARY_EVP, 156),    // unsupported algorithm
    (LIBRARY_EVP, 160),    // unknown cipher
    (LIBRARY_PKCS12, 118), // unknown digest algorithm
    (LIBRARY_PKCS12, 119), // unsupported PKCS#12 mode
    (LIBRARY_PKCS12, 121), // content type not data
];

#[cfg(test)]
mod tests;
