//! From passwords to keys, within a budget of iterations.

use openssl::{
    error::ErrorStack,
    hash::{Hasher, MessageDigest},
    md::Md,
    md_ctx::MdCtx,
    pkcs5,
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    algorithm::{Cipher, Derivation, Encryption, damaged},
    password::PasswordForm,
};
use crate::error::{Error, ErrorKind, Result};

/// The iterations that opening a file may still take.
pub(super) struct Budget {
    allowed: u64,
    spent: u64,
}

/// What PKCS#12's derivation is to give.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-B.3>
#[derive(Clone, Copy)]
enum Purpose {
    Key = 1,
    InitializationVector = 2,
    Mac = 3,
}

/// A key and an initialization vector.
pub(super) struct KeyAndIv {
    pub(super) key: Zeroizing<Vec<u8>>,
    pub(super) iv: Zeroizing<Vec<u8>>,
}

impl Budget {
    pub(super) fn new(allowed: u64) -> Self {
        Self { allowed, spent: 0 }
    }

    /// Takes `rounds`, or refuses to go on.
    pub(super) fn spend(&mut self, rounds: u64) -> Result<()> {
        self.spent = self.spent.saturating_add(rounds);
        if self.spent > self.allowed {
            return Err(limit_exceeded(self.spent, self.allowed));
        }
        Ok(())
    }
}

pub(super) fn limit_exceeded(rounds: u64, allowed: u64) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!(
            "cannot open the PFX file: it asks for {rounds} key-derivation rounds, and {allowed} are allowed"
        ),
    )
    .with_hint("raise the limit only for a file whose origin you trust")
}

/// The key, and the initialization vector where the file has none, of an encrypted part.
pub(super) fn key_and_iv(
    encryption: &Encryption,
    password: &PasswordForm,
    budget: &mut Budget,
) -> Result<KeyAndIv> {
    let Encryption { derivation, cipher, iv } = encryption;
    budget.spend(derivation.rounds())?;
    let Cipher { key_bytes, iv_bytes, .. } = *cipher;
    let (key, derived_iv) = match derivation {
        Derivation::Pkcs12 { digest, salt, rounds } => {
            let derive =
                |purpose, bytes| pkcs12(*digest, purpose, &password.bmp, salt, *rounds, bytes);
            let iv = if iv_bytes == 0 {
                Zeroizing::default()
            } else {
                derive(Purpose::InitializationVector, iv_bytes)?
            };
            (derive(Purpose::Key, key_bytes)?, iv)
        }
        Derivation::Pbkdf1 { digest, salt, rounds } => {
            let derived = pbkdf1(*digest, &password.octets, salt, *rounds)?;
            let (key, rest) = derived.split_at_checked(key_bytes).ok_or_else(too_short)?;
            let iv = rest.get(..iv_bytes).ok_or_else(too_short)?;
            (Zeroizing::new(key.to_vec()), Zeroizing::new(iv.to_vec()))
        }
        Derivation::Pbkdf2 { key_bytes: Some(given), .. } if *given != key_bytes as u64 => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("cannot open the PFX file: a key of {given} bytes for {}", cipher.name),
            ));
        }
        Derivation::Pbkdf2 { prf, salt, rounds, .. } => {
            (pbkdf2(*prf, &password.octets, salt, *rounds, key_bytes)?, Zeroizing::default())
        }
        Derivation::Scrypt { salt, cost, block_size, parallelization } => {
            let mut key = Zeroizing::new(vec![0; key_bytes]);
            pkcs5::scrypt(
                &password.octets,
                salt,
                *cost,
                *block_size,
                *parallelization,
                MAX_SCRYPT_BYTES,
                &mut key,
            )
            .map_err(|stack| {
                Error::new(ErrorKind::LimitExceeded, "cannot open the PFX file: its scrypt parameters are invalid or ask for too much memory")
                    .with_openssl(stack)
            })?;
            (key, Zeroizing::default())
        }
    };
    let iv = iv.as_ref().map_or(derived_iv, |iv| Zeroizing::new(iv.to_vec()));
    Ok(KeyAndIv { key, iv })
}

/// The key of a MAC of PKCS#12's own kind: as long as the digest.
pub(super) fn mac_key(
    digest: MessageDigest,
    password: &PasswordForm,
    salt: &[u8],
    rounds: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    pkcs12(digest, Purpose::Mac, &password.bmp, salt, rounds, digest.size())
}

/// PBKDF2 of PKCS#5 version 2.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc8018#section-5.2>
pub(super) fn pbkdf2(
    prf: MessageDigest,
    password: &[u8],
    salt: &[u8],
    rounds: u64,
    bytes: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    let rounds = usize::try_from(rounds).ok().filter(|rounds| *rounds > 0).ok_or_else(no_rounds)?;
    let mut key = Zeroizing::new(vec![0; bytes]);
    pkcs5::pbkdf2_hmac(password, salt, rounds, prf, &mut key).map_err(cannot_derive)?;
    Ok(key)
}

/// PBKDF1 of PKCS#5 version 1.5: all bytes of the last digest.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc8018#section-5.1>
fn pbkdf1(
    digest: MessageDigest,
    password: &[u8],
    salt: &[u8],
    rounds: u64,
) -> Result<Zeroizing<Vec<u8>>> {
    let derive = || {
        let mut hasher = Hasher::new(digest)?;
        hasher.update(password)?;
        hasher.update(salt)?;
        let mut derived = hasher.finish()?;
        for _ in 1..rounds {
            hasher.update(&derived)?;
            derived = hasher.finish()?;
        }
        let key = Zeroizing::new(derived.to_vec());
        derived.zeroize();
        Ok(key)
    };
    derive().map_err(cannot_derive)
}

/// PKCS#12's own derivation.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-B.2>
fn pkcs12(
    digest: MessageDigest,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    rounds: u64,
    bytes: usize,
) -> Result<Zeroizing<Vec<u8>>> {
    if rounds == 0 {
        return Err(no_rounds());
    }
    let block = digest.block_size();
    let diversifier = vec![purpose as u8; block];
    let padded = |part: &[u8]| part.len().div_ceil(block) * block;
    // Room for all of it at once: growing would leave copies of the password behind.
    let mut input = Zeroizing::new(Vec::with_capacity(padded(salt) + padded(password)));
    for part in [salt, password] {
        let length = padded(part);
        input.extend(part.iter().copied().cycle().take(length));
    }
    let mut derived = Zeroizing::new(Vec::with_capacity(bytes + digest.size()));
    let mut derive = || -> Result<(), ErrorStack> {
        // Fetched once: a digest by its number alone is looked up among the providers again for every round.
        let digest = Md::fetch(None, digest.type_().short_name()?, None)?;
        let mut context = MdCtx::new()?;
        let mut hashed = Zeroizing::new(vec![0; digest.size()]);
        while derived.len() < bytes {
            context.digest_init(&digest)?;
            context.digest_update(&diversifier)?;
            context.digest_update(&input)?;
            context.digest_final(&mut hashed)?;
            for _ in 1..rounds {
                context.digest_init(&digest)?;
                context.digest_update(&hashed)?;
                context.digest_final(&mut hashed)?;
            }
            derived.extend_from_slice(&hashed);
            for chunk in input.chunks_mut(block) {
                add_and_one(chunk, &hashed);
            }
        }
        Ok(())
    };
    derive().map_err(cannot_derive)?;
    derived.truncate(bytes);
    Ok(derived)
}

/// `chunk + addend + 1`, where both are big-endian numbers and the addend is repeated to the chunk's length.
fn add_and_one(chunk: &mut [u8], addend: &[u8]) {
    let length = chunk.len();
    let mut carry = 1;
    for (byte, index) in chunk.iter_mut().zip(0..length).rev() {
        let other = addend.get(index % addend.len()).copied().unwrap_or(0);
        let sum = u16::from(*byte) + u16::from(other) + carry;
        let [high, low] = sum.to_be_bytes();
        *byte = low;
        carry = u16::from(high);
    }
}

fn cannot_derive(stack: ErrorStack) -> Error {
    Error::crypto("cannot derive a key from the password", stack)
}

fn no_rounds() -> Error {
    damaged("it asks for an impossible number of key-derivation rounds")
}

fn too_short() -> Error {
    damaged("its digest is too short for its cipher")
}

/// A quarter of a gibibyte: four times what the parameters in use take.
const MAX_SCRYPT_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What OpenSSL's own implementation gives:
    /// `openssl kdf -keylen N -kdfopt digest:SHA1 -kdfopt hexpass:… -kdfopt hexsalt:… -kdfopt iter:… -kdfopt id:1 PKCS12KDF`
    #[test]
    fn keys_are_those_of_openssl() {
        let password = b"\0s\0m\0e\0g\0\0";
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        for (digest, purpose, rounds, bytes, expected) in KDF_VECTORS {
            let digest = MessageDigest::from_name(digest).unwrap();
            let key = pkcs12(digest, *purpose, password, &salt, *rounds, *bytes).unwrap();
            assert_eq!(hex(&key), *expected);
        }
    }

    const KDF_VECTORS: &[(&str, Purpose, u64, usize, &str)] = &[
        ("SHA1", Purpose::Key, 1, 24, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"),
        ("SHA1", Purpose::InitializationVector, 1, 8, "79993dfe048d3b76"),
        ("SHA1", Purpose::Key, 2048, 24, "a47d8885ac455b8c81b82b5b3117b212a272bfd5a0b6babf"),
        (
            "SHA256",
            Purpose::Mac,
            2048,
            32,
            "e4388cd88983083b1d1552867406cb3426e16cbcf4358c7bf5a97cdb2a11db46",
        ),
        (
            "SHA512",
            Purpose::Mac,
            1000,
            64,
            "03d741f5949e0f87720daa7f1e6c8e77deefae1c0e1c829300730195c2f2f3ca276408f5841e6c2529fbd0c8a2bdb325b39191d145db35f7d443d8f3c6d2e723",
        ),
        (
            "SHA3-256",
            Purpose::Mac,
            100,
            32,
            "f1c7f68f572829727a8f958996d0572eb8cfb700a8334c964c9ea22bf79b421e",
        ),
        (
            "SHA384",
            Purpose::Mac,
            5,
            48,
            "7fa4ca58928703c9de39ad5d52c2fa62f885b1d13ab5ccd57d8207516705fae13b3832effccb8bfac44fcd843922a143",
        ),
        (
            "MD5",
            Purpose::Key,
            3,
            40,
            "d2a1cb4ba516520ec310f0eb7ed5cb254b8f6aa09517de28cafebe0bb5035a73364e4cddbfb213bd",
        ),
    ];

    #[test]
    fn a_budget_is_not_overdrawn() {
        let mut budget = Budget::new(10);
        assert!(budget.spend(10).is_ok());
        assert_eq!(budget.spend(1).unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert_eq!(Budget::new(10).spend(u64::MAX).unwrap_err().kind(), ErrorKind::LimitExceeded);
    }
}
