//! Opening a file with a password: the MAC is verified, then every part is decrypted and taken apart.

use bytes::Bytes;
use openssl::{
    cipher,
    cipher_ctx::CipherCtx,
    error::ErrorStack,
    hash::MessageDigest,
    memcmp,
    pkey::{PKey, Private},
    sign::Signer,
    x509::X509,
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::{
    Pfx,
    algorithm::{Encryption, MacScheme, damaged, shown},
    derive::{Budget, key_and_iv, mac_key, pbkdf2},
    password::{self, PasswordForm},
    store::Stored,
    structure::{Bag, BagValue, Encrypted, File, MAX_DEPTH, Mac, Part, read_bags},
};
use crate::{
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
    key::PrivateKey,
};

/// Everything that a file holds, in the order of the file.
pub(super) struct Unlocked {
    pub(super) keys: Vec<Stored<PrivateKey>>,
    pub(super) certificates: Vec<Stored<Certificate>>,
    /// Why a key was passed over that OpenSSL has no algorithm for.
    pub(super) unusable_key: Option<Error>,
}

/// Opens `file`, spending at most `max_rounds` on all derivations together.
///
/// `is_encrypted`: whether a password is needed to read any part of it.
pub(super) fn unlock(
    file: &File,
    is_encrypted: bool,
    password: &SecretString,
    max_rounds: u64,
) -> Result<Unlocked> {
    let mut forms = password::forms(password);
    let mut budget = Budget::new(max_rounds);
    if let Some(mac) = &file.mac {
        let scheme = MacScheme::read(&mac.algorithm)?;
        match authentic_form(file, mac, &scheme, &forms, &mut budget)? {
            Some(index) => forms = forms.split_off(index),
            None => {
                let decrypts = Opener::new(forms, budget).open(file).is_ok();
                let problem = if decrypts && is_encrypted {
                    altered("the password is right, but the contents were altered")
                } else {
                    wrong(password)
                };
                return Err(problem);
            }
        }
    }
    Opener::new(forms, budget).open(file).map_err(|problem| match problem {
        Problem::Told(error) => error,
        // The MAC was right, and so the password is.
        Problem::Unreadable if file.mac.is_some() || !is_encrypted => {
            altered("its contents are damaged")
        }
        Problem::Unreadable => wrong(password),
    })
}

/// Decrypts a private key that stands alone (`EncryptedPrivateKeyInfo`), spending at most `max_rounds`.
pub(super) fn unlock_key(
    encrypted: Bytes,
    password: &SecretString,
    max_rounds: u64,
) -> Result<PKey<Private>> {
    let damaged = |error| Error::invalid("the encrypted private key is damaged").with_source(error);
    let encrypted = Encrypted::read_key(encrypted).map_err(damaged)?;
    let mut opener = Opener::new(password::forms(password), Budget::new(max_rounds));
    match opener.decrypt(&encrypted, |plain| read_key(&plain)) {
        Ok(Ok(key)) => Ok(key),
        Ok(Err(stack)) => Err(unusable_key(stack)),
        Err(Problem::Unreadable) => Err(super::wrong_key_password()),
        Err(Problem::Told(error)) => Err(error),
    }
    .map_err(|error| error.while_doing("cannot decrypt the private key"))
}

/// The first form of the password that the MAC was made with.
fn authentic_form(
    file: &File,
    mac: &Mac,
    scheme: &MacScheme,
    forms: &[PasswordForm],
    budget: &mut Budget,
) -> Result<Option<usize>> {
    for (index, form) in forms.iter().enumerate() {
        let password = scheme.password(form);
        if forms.iter().take(index).any(|tried| scheme.password(tried) == password) {
            continue;
        }
        budget.spend(scheme.rounds(mac.rounds))?;
        let (key, digest) = match scheme {
            MacScheme::Classic { digest } => {
                (mac_key(*digest, form, &mac.salt, mac.rounds)?, *digest)
            }
            MacScheme::Pbmac1 { prf, salt, rounds, key_bytes, digest } => {
                (pbkdf2(*prf, password, salt, *rounds, *key_bytes)?, *digest)
            }
        };
        let computed = hmac(&key, digest, &file.authenticated)
            .map_err(|stack| Error::crypto("cannot compute the MAC of the PFX file", stack))?;
        if computed.len() == mac.digest.len() && memcmp::eq(&computed, &mac.digest) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

pub(super) fn hmac(key: &[u8], digest: MessageDigest, data: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let key = PKey::hmac(key)?;
    Signer::new(digest, &key)?.sign_oneshot_to_vec(data)
}

/// Why a file was not opened.
enum Problem {
    /// What came out of decryption was none of what goes in, or nothing came out.
    Unreadable,
    Told(Error),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

/// Decrypts the parts of one file.
struct Opener {
    /// The one that has worked stands first.
    forms: Vec<PasswordForm>,
    budget: Budget,
    found: Unlocked,
    /// How many keys and encrypted parts have been met: each costs the work of a key, whatever its rounds.
    locked: usize,
}

impl Opener {
    fn new(forms: Vec<PasswordForm>, budget: Budget) -> Self {
        let found = Unlocked { keys: Vec::new(), certificates: Vec::new(), unusable_key: None };
        Self { forms, budget, found, locked: 0 }
    }

    fn open(mut self, file: &File) -> Result<Unlocked, Problem> {
        for part in &file.parts {
            match part {
                Part::Plain(bags) => {
                    self.take_bags(readable(bags)?, 0)?;
                }
                Part::Encrypted(encrypted) => {
                    self.count_locked()?;
                    let bags =
                        self.decrypt(encrypted, |plain| read_bags(Bytes::from_owner(plain)).ok())?;
                    self.take_bags(bags, 0)?;
                }
                Part::Other(kind) => {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("cannot open the PFX file: it has a part of the kind {}, which takes more than a password", shown(kind)),
                    )
                    .with_hint("export the file again, protected by a password")
                    .into());
                }
            }
        }
        Ok(self.found)
    }

    fn take_bags(&mut self, bags: Vec<Bag>, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(altered("its bags are nested too deeply").into());
        }
        for Bag { value, friendly_name, local_key_id } in bags {
            match value {
                BagValue::Key(der) => {
                    self.count_locked()?;
                    let key =
                        read_key(&der).ok_or_else(|| altered("a private key in it is damaged"))?;
                    self.take_key(key, friendly_name, local_key_id);
                }
                BagValue::EncryptedKey(encrypted) => {
                    self.count_locked()?;
                    let key = self.decrypt(&encrypted, |plain| read_key(&plain))?;
                    self.take_key(key, friendly_name, local_key_id);
                }
                BagValue::Certificate(der) => {
                    if self.found.certificates.len() >= Pfx::MAX_CERTIFICATES {
                        return Err(too_many("certificates", Pfx::MAX_CERTIFICATES).into());
                    }
                    let value =
                        X509::from_der(&der).map(Certificate::from_openssl).map_err(|stack| {
                            altered("a certificate in it is damaged").with_openssl(stack)
                        })?;
                    self.found.certificates.push(Stored { value, friendly_name, local_key_id });
                }
                BagValue::Nested(bags) => {
                    self.take_bags(readable(&bags)?, depth + 1)?;
                }
                BagValue::Other => {}
            }
        }
        Ok(())
    }

    fn count_locked(&mut self) -> Result<()> {
        self.locked += 1;
        if self.locked > Pfx::MAX_KEYS {
            return Err(too_many("keys and encrypted parts", Pfx::MAX_KEYS));
        }
        Ok(())
    }

    fn take_key(
        &mut self,
        key: Result<PKey<Private>, ErrorStack>,
        friendly_name: Option<String>,
        local_key_id: Option<Bytes>,
    ) {
        match key {
            Ok(key) => {
                let value = PrivateKey::from_openssl(key);
                self.found.keys.push(Stored { value, friendly_name, local_key_id });
            }
            Err(stack) => self.found.unusable_key = Some(unusable_key(stack)),
        }
    }

    /// Decrypts with the first form of the password under which `read` makes sense of the result.
    fn decrypt<T>(
        &mut self,
        encrypted: &Encrypted,
        read: impl Fn(Zeroizing<Vec<u8>>) -> Option<T>,
    ) -> Result<T, Problem> {
        let encryption = Encryption::read(&encrypted.algorithm)?;
        for index in 0..self.forms.len() {
            let Some(form) = self.forms.get(index) else { break };
            let plain =
                match try_decrypt(&encryption, &encrypted.ciphertext, form, &mut self.budget) {
                    Ok(plain) => plain,
                    // The allowance was for one form; it is not for more that the file is refused.
                    Err(error) if index > 0 && error.kind() == ErrorKind::LimitExceeded => break,
                    Err(error) => return Err(error.into()),
                };
            if let Some(value) = plain.and_then(&read) {
                self.forms.swap(0, index);
                return Ok(value);
            }
        }
        Err(Problem::Unreadable)
    }
}

fn readable(bags: &Bytes) -> Result<Vec<Bag>> {
    read_bags(bags.clone()).map_err(|error| altered("its contents are damaged").with_source(error))
}

/// `None`: the padding shows that the key was another.
pub(super) fn try_decrypt(
    encryption: &Encryption,
    ciphertext: &[u8],
    password: &PasswordForm,
    budget: &mut Budget,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let derived = key_and_iv(encryption, password, budget)?;
    let cipher = cipher::Cipher::fetch(None, encryption.cipher.name, None).map_err(|stack| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "cannot open the PFX file: OpenSSL was built without {}",
                encryption.cipher.name
            ),
        )
        .with_openssl(stack)
    })?;
    // Room for all of it at once: growing would leave copies of a key behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(ciphertext.len() + 2 * MAX_BLOCK));
    let mut decrypt = || -> Result<(), ErrorStack> {
        let mut context = CipherCtx::new()?;
        let iv = (!derived.iv.is_empty()).then_some(derived.iv.as_slice());
        context.decrypt_init(Some(&cipher), Some(&derived.key), iv)?;
        context.cipher_update_vec(ciphertext, &mut plain)?;
        context.cipher_final_vec(&mut plain)?;
        Ok(())
    };
    Ok(decrypt().is_ok().then_some(plain))
}

/// `None`: the bytes are no `PrivateKeyInfo`. The inner error: they are one of a kind that OpenSSL does not know.
fn read_key(der: &[u8]) -> Option<Result<PKey<Private>, ErrorStack>> {
    match PKey::private_key_from_pkcs8(der) {
        Ok(key) => Some(Ok(key)),
        Err(stack) => super::structure::is_private_key_info(der).then_some(Err(stack)),
    }
}

fn too_many(what: &str, allowed: usize) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("cannot open the PFX file: it holds more {what} than the {allowed} allowed"),
    )
}

fn unusable_key(stack: ErrorStack) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "cannot open the PFX file: its private key is of a kind that is not supported",
    )
    .with_openssl(stack)
}

fn wrong(password: &SecretString) -> Error {
    if password.expose_secret().is_empty() {
        Error::new(
            ErrorKind::PasswordRequired,
            "cannot open the PFX file: it is protected by a password",
        )
        .with_hint("give the password of the PFX file")
    } else {
        Error::new(ErrorKind::WrongPassword, "cannot open the PFX file: the password is wrong")
            .with_hint("a password file must hold the password alone, on its first line")
    }
}

fn altered(how: &str) -> Error {
    damaged(how).with_hint("copy or export the file again; text-mode transfers damage it")
}

/// The largest block of a cipher.
const MAX_BLOCK: usize = 32;
