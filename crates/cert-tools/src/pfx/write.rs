//! Writing PKCS#12 files, in the layout that OpenSSL has: the certificates in an encrypted part, the key in a plain
//! one as an encrypted bag, a MAC over both.
//!
//! OpenSSL's own writer always gives a key the thumbprint of its certificate for a `localKeyID`; ours keeps that of
//! the file that the key came from.

use bcder::ConstOid;
use bytes::Bytes;
use openssl::{
    cipher, cipher_ctx::CipherCtx, error::ErrorStack, hash::MessageDigest, rand::rand_bytes,
};
use secrecy::SecretString;

use super::{
    algorithm::{
        AES_256, AES_256_CBC, Cipher, DES_EDE3, Derivation, Encryption, HMAC_SHA256, PBE_3DES,
        PBES2, PBKDF2, SHA1, SHA256,
    },
    derive::{Budget, key_and_iv, mac_key},
    password::{self, PasswordForm},
    structure::{
        CERTIFICATE_BAG, DATA, ENCRYPTED_DATA, FRIENDLY_NAME, LOCAL_KEY_ID, SHROUDED_KEY_BAG,
        X509_CERTIFICATE,
    },
    unlock::hmac,
};
use crate::{
    certificate::Certificate,
    error::{Error, Result},
    key::PrivateKey,
};

/// What goes into a file.
pub(super) struct Content<'a> {
    pub(super) key: &'a PrivateKey,
    pub(super) leaf: &'a Certificate,
    pub(super) chain: &'a [Certificate],
    pub(super) friendly_name: Option<&'a str>,
    pub(super) local_key_id: &'a [u8],
}

/// The algorithms of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protection {
    /// PBES2 with AES-256-CBC, HMAC-SHA-256.
    Modern,
    /// PKCS#12's own derivation with 3DES, HMAC-SHA-1.
    Legacy,
}

/// Protects everything by `password`, with `rounds` key-derivation rounds for each of the three parts.
pub(super) fn write(
    content: &Content<'_>,
    protection: Protection,
    password: &SecretString,
    rounds: u32,
) -> Result<Vec<u8>> {
    let lock = Lock { protection, forms: password::forms(password), rounds: rounds.into() };
    let attributes = attributes(content.friendly_name, content.local_key_id);
    let mut certificates = certificate_bag(content.leaf, &attributes)?;
    for certificate in content.chain {
        certificates.extend(certificate_bag(certificate, &[])?);
    }
    let (algorithm, ciphertext) = lock.encrypt(&sequence(&[&certificates]))?;
    let encrypted_content =
        sequence(&[&oid(&DATA), &algorithm, &element(CONTEXT_0, &[&ciphertext])]);
    let certificates = content_info(&ENCRYPTED_DATA, &sequence(&[&integer(0), &encrypted_content]));

    let (algorithm, ciphertext) = lock.encrypt(&content.key.to_pkcs8_der()?)?;
    let key = sequence(&[&algorithm, &octets(&ciphertext)]);
    let key = sequence(&[&bag(&SHROUDED_KEY_BAG, &key, &attributes)]);
    let key = content_info(&DATA, &octets(&key));

    let authenticated = sequence(&[&certificates, &key]);
    let mac = lock.mac(&authenticated)?;
    Ok(sequence(&[&integer(VERSION), &content_info(&DATA, &octets(&authenticated)), &mac]))
}

/// How everything in a file is protected.
struct Lock {
    protection: Protection,
    forms: Vec<PasswordForm>,
    rounds: u64,
}

impl Lock {
    /// The standard's form of the password, which stands first.
    fn form(&self) -> Result<&PasswordForm> {
        self.forms
            .first()
            .ok_or_else(|| Error::invalid("there is no password to write a PFX file with"))
    }

    /// The identifier of the encryption, and the ciphertext.
    fn encrypt(&self, plain: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
        let (identifier, encryption) = match self.protection {
            Protection::Modern => {
                let (salt, iv) = (random(16)?, random(AES_256.iv_bytes)?);
                let prf = sequence(&[&oid(&HMAC_SHA256), NULL]);
                let parameters = sequence(&[&octets(&salt), &integer(self.rounds), &prf]);
                let derivation = sequence(&[&oid(&PBKDF2), &parameters]);
                let scheme = sequence(&[&oid(&AES_256_CBC), &octets(&iv)]);
                let identifier = sequence(&[&oid(&PBES2), &sequence(&[&derivation, &scheme])]);
                let derivation = Derivation::Pbkdf2 {
                    prf: MessageDigest::sha256(),
                    salt: salt.into(),
                    rounds: self.rounds,
                    key_bytes: None,
                };
                (identifier, Encryption { derivation, cipher: AES_256, iv: Some(iv.into()) })
            }
            Protection::Legacy => {
                let salt = random(8)?;
                let parameters = sequence(&[&octets(&salt), &integer(self.rounds)]);
                let identifier = sequence(&[&oid(&PBE_3DES), &parameters]);
                let (digest, rounds) = (MessageDigest::sha1(), self.rounds);
                let derivation = Derivation::Pkcs12 { digest, salt: Bytes::from(salt), rounds };
                (identifier, Encryption { derivation, cipher: DES_EDE3, iv: None })
            }
        };
        let mut budget = Budget::new(self.rounds);
        let derived = key_and_iv(&encryption, self.form()?, &mut budget)?;
        let ciphertext = encrypt(&encryption.cipher, &derived.key, &derived.iv, plain);
        Ok((identifier, ciphertext.map_err(cannot_write)?))
    }

    /// `MacData` over `authenticated`.
    fn mac(&self, authenticated: &[u8]) -> Result<Vec<u8>> {
        let (algorithm, digest, salt) = match self.protection {
            Protection::Modern => (&SHA256, MessageDigest::sha256(), random(16)?),
            Protection::Legacy => (&SHA1, MessageDigest::sha1(), random(8)?),
        };
        let key = mac_key(digest, self.form()?, &salt, self.rounds)?;
        let mac = hmac(&key, digest, authenticated).map_err(cannot_write)?;
        let algorithm = sequence(&[&oid(algorithm), NULL]);
        let info = sequence(&[&algorithm, &octets(&mac)]);
        // One round is the default, which DER leaves out.
        let rounds = if self.rounds == 1 { Vec::new() } else { integer(self.rounds) };
        Ok(sequence(&[&info, &octets(&salt), &rounds]))
    }
}

fn encrypt(cipher: &Cipher, key: &[u8], iv: &[u8], plain: &[u8]) -> Result<Vec<u8>, ErrorStack> {
    let cipher = cipher::Cipher::fetch(None, cipher.name, None)?;
    let mut ciphertext = Vec::new();
    let mut context = CipherCtx::new()?;
    context.encrypt_init(Some(&cipher), Some(key), Some(iv))?;
    context.cipher_update_vec(plain, &mut ciphertext)?;
    context.cipher_final_vec(&mut ciphertext)?;
    Ok(ciphertext)
}

fn random(count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    rand_bytes(&mut bytes).map_err(cannot_write)?;
    Ok(bytes)
}

fn cannot_write(stack: ErrorStack) -> Error {
    Error::crypto("cannot write the PFX file", stack)
}

fn certificate_bag(certificate: &Certificate, attributes: &[u8]) -> Result<Vec<u8>> {
    let value = element(CONTEXT_0_CONSTRUCTED, &[&octets(&certificate.to_der()?)]);
    Ok(bag(&CERTIFICATE_BAG, &sequence(&[&oid(&X509_CERTIFICATE), &value]), attributes))
}

fn bag(kind: &ConstOid, value: &[u8], attributes: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &element(CONTEXT_0_CONSTRUCTED, &[value]), attributes])
}

/// `SET OF SEQUENCE { attrId, attrValues }`, whose elements DER wants in the order of their bytes.
fn attributes(friendly_name: Option<&str>, local_key_id: &[u8]) -> Vec<u8> {
    let attribute = |kind, value: &[u8]| sequence(&[&oid(kind), &element(SET, &[value])]);
    let mut attributes = vec![attribute(&LOCAL_KEY_ID, &octets(local_key_id))];
    if let Some(name) = friendly_name {
        let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        attributes.push(attribute(&FRIENDLY_NAME, &element(BMP_STRING, &[&units])));
    }
    attributes.sort();
    element(SET, &attributes.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// `ContentInfo`
fn content_info(kind: &ConstOid, content: &[u8]) -> Vec<u8> {
    sequence(&[&oid(kind), &element(CONTEXT_0_CONSTRUCTED, &[content])])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, parts)
}

fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, &[bytes])
}

fn oid(oid: &ConstOid) -> Vec<u8> {
    element(OBJECT_IDENTIFIER, &[oid.0])
}

/// An INTEGER, which is signed: a first byte from 0x80 on takes a zero before it.
pub(super) fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..).unwrap_or_default();
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// One element in DER: tag, length in its shortest form, and `parts` one after the other.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let mut element = Vec::with_capacity(length + 6);
    element.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => element.push(short),
        _ => {
            let bytes = length.to_be_bytes();
            let digits: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
            // A `usize` has eight bytes at most.
            element.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            element.extend(digits);
        }
    }
    parts.iter().for_each(|part| element.extend_from_slice(part));
    element
}

/// The version of PKCS#12 files. Spec: <https://www.rfc-editor.org/rfc/rfc7292#section-4>
const VERSION: u64 = 3;

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0x80;
const CONTEXT_0_CONSTRUCTED: u8 = 0xa0;
const NULL: &[u8] = &[0x05, 0x00];

#[cfg(test)]
mod tests;
