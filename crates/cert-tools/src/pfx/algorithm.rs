//! The password-based algorithms of a file, read from their identifiers before anything is derived.

use bcder::{ConstOid, OctetString, Oid, Tag};
use bytes::Bytes;
use openssl::hash::MessageDigest;

use super::{
    password::PasswordForm,
    structure::{AlgorithmIdentifier, Outcome, skip_rest},
};
use crate::error::{Error, ErrorKind, Result};

/// How a part of a file is encrypted.
pub(super) struct Encryption {
    pub(super) derivation: Derivation,
    pub(super) cipher: Cipher,
    /// `None` where it is derived from the password too.
    pub(super) iv: Option<Bytes>,
}

/// How bytes come out of a password.
pub(super) enum Derivation {
    /// PKCS#12's own, over the password as BMPString.
    Pkcs12 {
        digest: MessageDigest,
        salt: Bytes,
        rounds: u64,
    },
    /// PBKDF1 of PKCS#5, which gives key and initialization vector at once.
    Pbkdf1 {
        digest: MessageDigest,
        salt: Bytes,
        rounds: u64,
    },
    Pbkdf2 {
        prf: MessageDigest,
        salt: Bytes,
        rounds: u64,
        key_bytes: Option<u64>,
    },
    Scrypt {
        salt: Bytes,
        cost: u64,
        block_size: u64,
        parallelization: u64,
    },
}

/// A cipher by the name that OpenSSL has for it.
#[derive(Clone, Copy)]
pub(super) struct Cipher {
    pub(super) name: &'static str,
    pub(super) key_bytes: usize,
    pub(super) iv_bytes: usize,
}

/// How the MAC of a file is made.
pub(super) enum MacScheme {
    /// HMAC with a key by PKCS#12's own derivation.
    Classic { digest: MessageDigest },
    /// PBMAC1: HMAC with a key by PBKDF2, over the password as UTF-8.
    Pbmac1 { prf: MessageDigest, salt: Bytes, rounds: u64, key_bytes: usize, digest: MessageDigest },
}

impl Derivation {
    /// What it costs: iterations, where scrypt counts as N·r·p.
    pub(super) fn rounds(&self) -> u64 {
        match *self {
            Self::Pkcs12 { rounds, .. }
            | Self::Pbkdf1 { rounds, .. }
            | Self::Pbkdf2 { rounds, .. } => rounds,
            Self::Scrypt { cost, block_size, parallelization, .. } => {
                cost.saturating_mul(block_size).saturating_mul(parallelization)
            }
        }
    }

    /// PBKDF2 or scrypt, as PBES2 and PBMAC1 name them.
    fn of_pbes2(identifier: &AlgorithmIdentifier) -> Result<Self> {
        if identifier.algorithm == SCRYPT {
            // SEQUENCE { salt, costParameter, blockSize, parallelizationParameter, … }
            return readable(identifier.read_parameters(|cons| {
                let salt = OctetString::take_from(cons)?.into_bytes();
                let (cost, block_size, parallelization) =
                    (cons.take_u64()?, cons.take_u64()?, cons.take_u64()?);
                Ok(Self::Scrypt { salt, cost, block_size, parallelization })
            }));
        }
        if identifier.algorithm != PBKDF2 {
            return Err(unsupported("key derivation", &identifier.algorithm));
        }
        // SEQUENCE { salt, iterationCount, keyLength INTEGER OPTIONAL, prf DEFAULT hmacWithSHA1 }
        let (salt, rounds, key_bytes, prf) = readable(identifier.read_parameters(|cons| {
            let salt = OctetString::take_from(cons)?.into_bytes();
            let rounds = cons.take_u64()?;
            let key_bytes = cons.take_opt_primitive_if(Tag::INTEGER, |value| value.to_u64())?;
            let prf = cons.take_opt_sequence(|cons| {
                let algorithm = Oid::take_from(cons)?;
                skip_rest(cons)?;
                Ok(algorithm)
            })?;
            Ok((salt, rounds, key_bytes, prf))
        }))?;
        let prf = match prf {
            Some(algorithm) => hmac_digest(&algorithm)?,
            None => MessageDigest::sha1(),
        };
        Ok(Self::Pbkdf2 { prf, salt, rounds, key_bytes })
    }
}

impl Encryption {
    /// # Errors
    /// - `Unsupported`: an algorithm that is not known.
    /// - `Corrupt`: parameters that do not belong to the algorithm.
    pub(super) fn read(identifier: &AlgorithmIdentifier) -> Result<Self> {
        let algorithm = &identifier.algorithm;
        if *algorithm == PBES2 {
            return Self::read_pbes2(identifier);
        }
        if let Some((_, cipher)) = PKCS12_CIPHERS.iter().find(|(oid, _)| algorithm == oid) {
            let (salt, rounds) = salt_and_rounds(identifier)?;
            let derivation = Derivation::Pkcs12 { digest: MessageDigest::sha1(), salt, rounds };
            return Ok(Self { derivation, cipher: *cipher, iv: None });
        }
        let known = PKCS5_CIPHERS.iter().find(|(oid, ..)| algorithm == oid);
        if let Some((_, digest, cipher)) = known {
            let digest = digest_named(digest)?;
            let (salt, rounds) = salt_and_rounds(identifier)?;
            let derivation = Derivation::Pbkdf1 { digest, salt, rounds };
            return Ok(Self { derivation, cipher: *cipher, iv: None });
        }
        Err(unsupported("encryption", algorithm))
    }

    fn read_pbes2(identifier: &AlgorithmIdentifier) -> Result<Self> {
        let (derivation, scheme) = readable(identifier.read_parameters(|cons| {
            Ok((AlgorithmIdentifier::take_from(cons)?, AlgorithmIdentifier::take_from(cons)?))
        }))?;
        let derivation = Derivation::of_pbes2(&derivation)?;
        let (cipher, iv) = if scheme.algorithm == RC2_CBC {
            rc2(&scheme)?
        } else if let Some((_, cipher)) =
            PBES2_CIPHERS.iter().find(|(oid, _)| scheme.algorithm == *oid)
        {
            (*cipher, readable(scheme.octets())?)
        } else {
            return Err(unsupported("cipher", &scheme.algorithm));
        };
        if iv.len() != cipher.iv_bytes {
            return Err(damaged("an initialization vector has the wrong length"));
        }
        Ok(Self { derivation, cipher, iv: Some(iv) })
    }
}

/// `RC2-CBC-Parameter ::= CHOICE { iv, SEQUENCE { rc2ParameterVersion INTEGER OPTIONAL, iv } }`
///
/// The version stands for the effective bits of the key by a table of its own.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-B.2.3>
fn rc2(scheme: &AlgorithmIdentifier) -> Result<(Cipher, Bytes)> {
    let (version, iv) = match scheme.octets() {
        Ok(iv) => (None, iv),
        Err(_) => readable(scheme.read_parameters(|cons| {
            let version = cons.take_opt_primitive_if(Tag::INTEGER, |value| value.to_u64())?;
            Ok((version, OctetString::take_from(cons)?.into_bytes()))
        }))?,
    };
    let cipher = match version {
        Some(160) => RC2_40,
        Some(120) => RC2_64,
        Some(58) => RC2_128,
        other => {
            let bits = other.map_or("32".to_owned(), |version| format!("of version {version}"));
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("cannot open the PFX file: RC2 with keys {bits} is not supported"),
            ));
        }
    };
    Ok((cipher, iv))
}

impl MacScheme {
    /// # Errors
    /// - `Unsupported`: an algorithm that is not known.
    /// - `Corrupt`: parameters that do not belong to the algorithm.
    pub(super) fn read(identifier: &AlgorithmIdentifier) -> Result<Self> {
        if identifier.algorithm != PBMAC1 {
            let digest = digest(&identifier.algorithm)?;
            return Ok(Self::Classic { digest });
        }
        let (derivation, mac) = readable(identifier.read_parameters(|cons| {
            Ok((AlgorithmIdentifier::take_from(cons)?, AlgorithmIdentifier::take_from(cons)?))
        }))?;
        let digest = hmac_digest(&mac.algorithm)?;
        let Derivation::Pbkdf2 { prf, salt, rounds, key_bytes } =
            Derivation::of_pbes2(&derivation)?
        else {
            return Err(damaged("its MAC (PBMAC1) derives its key in another way than PBKDF2"));
        };
        // RFC 9579: the length must be given. It is the file's own word, so that a short one would let anybody make
        // a file whose MAC fits a password that he does not know (CVE-2026-34181).
        let Some(key_bytes) = key_bytes else {
            return Err(damaged("its MAC (PBMAC1) does not say how long its key is"));
        };
        match usize::try_from(key_bytes) {
            Ok(key_bytes) if (MIN_PBMAC1_KEY..=MAX_PBMAC1_KEY).contains(&key_bytes) => {
                Ok(Self::Pbmac1 { prf, salt, rounds, key_bytes, digest })
            }
            _ => Err(damaged(&format!("its MAC (PBMAC1) has a key of {key_bytes} bytes"))),
        }
    }

    /// What of a password its derivation takes.
    pub(super) fn password<'a>(&self, form: &'a PasswordForm) -> &'a [u8] {
        match self {
            Self::Classic { .. } => &form.bmp,
            Self::Pbmac1 { .. } => &form.octets,
        }
    }

    /// The iterations of its derivation; `outer` are those that stand beside the MAC, which PBMAC1 ignores.
    ///
    /// PBKDF2 starts anew for each digest's length of key, and how long the key is, is the file's own word.
    pub(super) fn rounds(&self, outer: u64) -> u64 {
        match self {
            Self::Classic { .. } => outer,
            Self::Pbmac1 { prf, rounds, key_bytes, .. } => {
                rounds.saturating_mul(key_bytes.div_ceil(prf.size().max(1)) as u64)
            }
        }
    }
}

/// `SEQUENCE { salt OCTET STRING, iterations INTEGER }`
fn salt_and_rounds(identifier: &AlgorithmIdentifier) -> Result<(Bytes, u64)> {
    readable(
        identifier.read_parameters(|cons| {
            Ok((OctetString::take_from(cons)?.into_bytes(), cons.take_u64()?))
        }),
    )
}

fn digest(algorithm: &Oid) -> Result<MessageDigest> {
    named(algorithm, DIGESTS)
}

fn hmac_digest(algorithm: &Oid) -> Result<MessageDigest> {
    named(algorithm, HMACS)
}

fn named(algorithm: &Oid, table: &[(ConstOid, &str)]) -> Result<MessageDigest> {
    match table.iter().find(|(oid, _)| algorithm == oid) {
        Some((_, name)) => digest_named(name),
        None => Err(unsupported("digest", algorithm)),
    }
}

fn digest_named(name: &str) -> Result<MessageDigest> {
    MessageDigest::from_name(name).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("cannot open the PFX file: OpenSSL was built without the digest {name}"),
        )
    })
}

fn readable<T>(outcome: Outcome<T>) -> Result<T> {
    outcome.map_err(|error| {
        damaged("the parameters of an algorithm cannot be read").with_source(error)
    })
}

/// The file is of the right sort, and wrong in this way.
pub(super) fn damaged(how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("cannot open the PFX file: {how}"))
}

fn unsupported(what: &str, algorithm: &Oid) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("cannot open the PFX file: the {what} {} is not supported", shown(algorithm)),
    )
    .with_hint("export the file again with AES-256 encryption")
}

/// An identifier as dotted numbers, unless it is so long that it would fill a screen.
pub(super) fn shown(identifier: &Oid) -> String {
    let bytes = identifier.0.len();
    if bytes > MAX_SHOWN_OID {
        return format!("with an identifier of {bytes} bytes");
    }
    identifier.to_string()
}

/// Twice as long as any in use.
const MAX_SHOWN_OID: usize = 32;

/// RFC 9579 recommends 20 bytes at least; HMAC hashes longer keys than its block, of which 144 bytes is the largest.
const MIN_PBMAC1_KEY: usize = 20;
const MAX_PBMAC1_KEY: usize = 1024;

const AES_128: Cipher = Cipher { name: "AES-128-CBC", key_bytes: 16, iv_bytes: 16 };
const AES_192: Cipher = Cipher { name: "AES-192-CBC", key_bytes: 24, iv_bytes: 16 };
pub(super) const AES_256: Cipher = Cipher { name: "AES-256-CBC", key_bytes: 32, iv_bytes: 16 };
const CAMELLIA_128: Cipher = Cipher { name: "CAMELLIA-128-CBC", key_bytes: 16, iv_bytes: 16 };
const CAMELLIA_192: Cipher = Cipher { name: "CAMELLIA-192-CBC", key_bytes: 24, iv_bytes: 16 };
const CAMELLIA_256: Cipher = Cipher { name: "CAMELLIA-256-CBC", key_bytes: 32, iv_bytes: 16 };
const DES: Cipher = Cipher { name: "DES-CBC", key_bytes: 8, iv_bytes: 8 };
const DES_EDE2: Cipher = Cipher { name: "DES-EDE-CBC", key_bytes: 16, iv_bytes: 8 };
pub(super) const DES_EDE3: Cipher = Cipher { name: "DES-EDE3-CBC", key_bytes: 24, iv_bytes: 8 };
const RC2_40: Cipher = Cipher { name: "RC2-40-CBC", key_bytes: 5, iv_bytes: 8 };
const RC2_64: Cipher = Cipher { name: "RC2-64-CBC", key_bytes: 8, iv_bytes: 8 };
const RC2_128: Cipher = Cipher { name: "RC2-CBC", key_bytes: 16, iv_bytes: 8 };
const RC4_40: Cipher = Cipher { name: "RC4-40", key_bytes: 5, iv_bytes: 0 };
const RC4_128: Cipher = Cipher { name: "RC4", key_bytes: 16, iv_bytes: 0 };
const SEED: Cipher = Cipher { name: "SEED-CBC", key_bytes: 16, iv_bytes: 16 };

/// 1.2.840.113549.1.12.1. Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-C>
const PKCS12_CIPHERS: &[(ConstOid, Cipher)] = &[
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 1]), RC4_128),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 2]), RC4_40),
    (PBE_3DES, DES_EDE3),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 4]), DES_EDE2),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 5]), RC2_128),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 6]), RC2_40),
];

/// 1.2.840.113549.1.5. Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-A.3>
const PKCS5_CIPHERS: &[(ConstOid, &str, Cipher)] = &[
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 3]), "MD5", DES),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 6]), "MD5", RC2_64),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 10]), "SHA1", DES),
    (Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 11]), "SHA1", RC2_64),
];

/// Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-B.2>; Camellia:
/// <https://www.rfc-editor.org/rfc/rfc3657#appendix-A>; SEED: <https://www.rfc-editor.org/rfc/rfc4010#section-2>
const PBES2_CIPHERS: &[(ConstOid, Cipher)] = &[
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 1, 2]), AES_128),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 1, 22]), AES_192),
    (AES_256_CBC, AES_256),
    (Oid(&[42, 134, 72, 134, 247, 13, 3, 7]), DES_EDE3),
    (Oid(&[43, 14, 3, 2, 7]), DES),
    (Oid(&[42, 131, 8, 140, 154, 75, 61, 1, 1, 1, 2]), CAMELLIA_128),
    (Oid(&[42, 131, 8, 140, 154, 75, 61, 1, 1, 1, 3]), CAMELLIA_192),
    (Oid(&[42, 131, 8, 140, 154, 75, 61, 1, 1, 1, 4]), CAMELLIA_256),
    (Oid(&[42, 131, 26, 140, 154, 68, 1, 4]), SEED),
];

/// Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-C>; SHA-3:
/// <https://csrc.nist.gov/projects/computer-security-objects-register/algorithm-registration>
const DIGESTS: &[(ConstOid, &str)] = &[
    (SHA1, "SHA1"),
    (SHA256, "SHA256"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 2]), "SHA384"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 3]), "SHA512"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 4]), "SHA224"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 5]), "SHA512-224"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 6]), "SHA512-256"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 7]), "SHA3-224"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 8]), "SHA3-256"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 9]), "SHA3-384"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 10]), "SHA3-512"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 5]), "MD5"),
    (Oid(&[43, 36, 3, 2, 1]), "RIPEMD160"),
];

const HMACS: &[(ConstOid, &str)] = &[
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 6]), "MD5"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 7]), "SHA1"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 8]), "SHA224"),
    (HMAC_SHA256, "SHA256"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 10]), "SHA384"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 11]), "SHA512"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 12]), "SHA512-224"),
    (Oid(&[42, 134, 72, 134, 247, 13, 2, 13]), "SHA512-256"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 13]), "SHA3-224"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 14]), "SHA3-256"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 15]), "SHA3-384"),
    (Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 16]), "SHA3-512"),
];

/// 2.16.840.1.101.3.4.1.42
pub(super) const AES_256_CBC: ConstOid = Oid(&[96, 134, 72, 1, 101, 3, 4, 1, 42]);
/// 1.2.840.113549.2.9
pub(super) const HMAC_SHA256: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 2, 9]);
/// 1.2.840.113549.1.12.1.3
pub(super) const PBE_3DES: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 1, 3]);
/// 1.3.14.3.2.26
pub(super) const SHA1: ConstOid = Oid(&[43, 14, 3, 2, 26]);
/// 2.16.840.1.101.3.4.2.1
pub(super) const SHA256: ConstOid = Oid(&[96, 134, 72, 1, 101, 3, 4, 2, 1]);
/// 1.2.840.113549.1.5.12. Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-C>
pub(super) const PBKDF2: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 12]);
/// 1.2.840.113549.1.5.13
pub(super) const PBES2: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 13]);
/// 1.2.840.113549.1.5.14
const PBMAC1: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 14]);
/// 1.2.840.113549.3.2
const RC2_CBC: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 3, 2]);
/// 1.3.6.1.4.1.11591.4.11. Spec: <https://www.rfc-editor.org/rfc/rfc7914#section-7>
pub(super) const SCRYPT: ConstOid = Oid(&[43, 6, 1, 4, 1, 218, 71, 4, 11]);
