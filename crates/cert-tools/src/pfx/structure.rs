//! The layers of a PKCS#12 file, as far as they can be seen without a password. DER and BER.
//!
//! ```text
//! PFX ─┬─ parts (plain or encrypted) ── bags ─┬─ keys (plain or encrypted)
//!      └─ MAC over the parts                  └─ certificates
//! ```
//!
//! Spec: <https://www.rfc-editor.org/rfc/rfc7292#section-4>

use std::{convert::Infallible, iter};

use bcder::{
    Captured, ConstOid, Mode, OctetString, Oid, Tag,
    decode::{Constructed, DecodeError, Source},
};
use bytes::Bytes;
use zeroize::Zeroizing;

/// What reading bytes as ASN.1 comes to.
pub(super) type Outcome<T> = Result<T, DecodeError<Infallible>>;

type Step<T, S> = Result<T, DecodeError<<S as Source>::Error>>;

/// `PFX ::= SEQUENCE { version INTEGER, authSafe ContentInfo, macData MacData OPTIONAL }`
pub(super) struct File {
    pub(super) parts: Vec<Part>,
    pub(super) mac: Option<Mac>,
    /// What the MAC is over: the octets of `authSafe`, without their BER packaging.
    pub(super) authenticated: Bytes,
}

/// `ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY OPTIONAL }`
pub(super) enum Part {
    Plain(Bytes),
    Encrypted(Encrypted),
    /// Of a kind for which a password is not enough, such as data enveloped for a recipient.
    Other(Oid),
}

/// Ciphertext and how it was made.
pub(super) struct Encrypted {
    pub(super) algorithm: AlgorithmIdentifier,
    pub(super) ciphertext: Bytes,
}

/// `MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 }`
pub(super) struct Mac {
    pub(super) algorithm: AlgorithmIdentifier,
    pub(super) digest: Bytes,
    pub(super) salt: Bytes,
    pub(super) rounds: u64,
}

/// `AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }`
#[derive(Clone)]
pub(super) struct AlgorithmIdentifier {
    pub(super) algorithm: Oid,
    /// As they stand in the file; empty if there are none.
    pub(super) parameters: Bytes,
}

/// `SafeBag ::= SEQUENCE { bagId, bagValue [0] EXPLICIT ANY, bagAttributes SET OPTIONAL }`
pub(super) struct Bag {
    pub(super) value: BagValue,
    pub(super) friendly_name: Option<String>,
    pub(super) local_key_id: Option<Bytes>,
}

pub(super) enum BagValue {
    /// `PrivateKeyInfo`
    Key(Bytes),
    EncryptedKey(Encrypted),
    /// A certificate in DER or BER.
    Certificate(Bytes),
    /// Bags inside a bag.
    Nested(Bytes),
    /// Revocation lists, secrets, and what is not known.
    Other,
}

impl File {
    /// Reads the outer layers of `file`. Bytes after its end are passed over, as everybody does.
    pub(super) fn read(file: Bytes) -> Outcome<Self> {
        let (safe, mac) = Constructed::decode(file, Mode::Ber, |cons| {
            cons.take_sequence(|cons| {
                cons.skip_one()?;
                let safe = cons.take_sequence(Part::take_from)?;
                Ok((safe, cons.take_opt_sequence(Mac::take_from)?))
            })
        })?;
        let (parts, authenticated) = match safe {
            Part::Plain(octets) => (read_sequence_of(octets.clone(), Part::take_from)?, octets),
            other => (vec![other], Bytes::new()),
        };
        Ok(Self { parts, mac, authenticated })
    }

    /// How the parts and keys are encrypted, as far as that can be seen without a password.
    ///
    /// Bags nested deeper than [`MAX_DEPTH`] are not looked into: each level is read over once more, so that a file
    /// could keep us busy for ever, and opening it is refused.
    pub(super) fn encryptions(&self) -> Outcome<Vec<AlgorithmIdentifier>> {
        let mut found = Vec::new();
        let mut waiting = Vec::new();
        for part in &self.parts {
            match part {
                Part::Plain(bags) => waiting.push((bags.clone(), 0)),
                Part::Encrypted(encrypted) => found.push(encrypted.algorithm.clone()),
                Part::Other(_) => {}
            }
        }
        while let Some((bags, depth)) = waiting.pop() {
            for bag in read_bags(bags)? {
                match bag.value {
                    BagValue::EncryptedKey(encrypted) => found.push(encrypted.algorithm),
                    BagValue::Nested(bags) if depth < MAX_DEPTH => waiting.push((bags, depth + 1)),
                    BagValue::Certificate(_)
                    | BagValue::Key(_)
                    | BagValue::Nested(_)
                    | BagValue::Other => {}
                }
            }
        }
        Ok(found)
    }
}

/// How deep bags may be nested; no program nests them at all.
pub(super) const MAX_DEPTH: usize = 8;

/// Reads `SafeContents ::= SEQUENCE OF SafeBag`.
pub(super) fn read_bags(contents: Bytes) -> Outcome<Vec<Bag>> {
    read_sequence_of(contents, Bag::take_from)
}

/// Whether `der` has the shape of `PrivateKeyInfo ::= SEQUENCE { version, algorithm, key OCTET STRING, … }`.
pub(super) fn is_private_key_info(der: &[u8]) -> bool {
    Constructed::decode(der, Mode::Ber, |cons| {
        cons.take_sequence(|cons| {
            cons.take_u64()?;
            AlgorithmIdentifier::take_from(cons)?;
            // Passed over, since taking it would leave a copy of the key behind.
            cons.take_primitive_if(Tag::OCTET_STRING, |key| key.skip_all())?;
            skip_rest(cons)
        })
    })
    .is_ok()
}

fn read_sequence_of<T>(
    bytes: Bytes,
    mut item: impl FnMut(&mut Constructed<'_, bcder::decode::BytesSource>) -> Outcome<T>,
) -> Outcome<Vec<T>> {
    Constructed::decode(bytes, Mode::Ber, |cons| {
        cons.take_sequence(|cons| {
            iter::from_fn(|| cons.take_opt_sequence(&mut item).transpose()).collect()
        })
    })
}

impl Part {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        let content_type = Oid::take_from(cons)?;
        let part = if content_type == DATA {
            let octets = cons.take_constructed_if(Tag::CTX_0, OctetString::take_from)?;
            Self::Plain(joined(octets))
        } else if content_type == ENCRYPTED_DATA {
            Self::Encrypted(cons.take_constructed_if(Tag::CTX_0, |cons| {
                // EncryptedData ::= SEQUENCE { version, EncryptedContentInfo, … }
                cons.take_sequence(|cons| {
                    cons.skip_one()?;
                    let encrypted = cons.take_sequence(Encrypted::take_content_from)?;
                    skip_rest(cons)?;
                    Ok(encrypted)
                })
            })?)
        } else {
            Self::Other(content_type)
        };
        skip_rest(cons)?;
        Ok(part)
    }
}

impl Encrypted {
    /// Reads an `EncryptedPrivateKeyInfo` that stands alone.
    pub(super) fn read_key(der: Bytes) -> Outcome<Self> {
        Constructed::decode(der, Mode::Ber, |cons| cons.take_sequence(Self::take_key_from))
    }

    /// `EncryptedContentInfo ::= SEQUENCE { contentType, algorithm, content [0] IMPLICIT OCTET STRING }`
    fn take_content_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        cons.skip_one()?;
        let algorithm = AlgorithmIdentifier::take_from(cons)?;
        let ciphertext = cons.take_value_if(Tag::CTX_0, OctetString::from_content)?;
        Ok(Self { algorithm, ciphertext: ciphertext.into_bytes() })
    }

    /// `EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm, ciphertext OCTET STRING }`
    fn take_key_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        let algorithm = AlgorithmIdentifier::take_from(cons)?;
        let ciphertext = OctetString::take_from(cons)?;
        Ok(Self { algorithm, ciphertext: ciphertext.into_bytes() })
    }
}

impl Mac {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        // DigestInfo ::= SEQUENCE { digestAlgorithm, digest OCTET STRING }
        let (algorithm, digest) = cons.take_sequence(|cons| {
            Ok((AlgorithmIdentifier::take_from(cons)?, OctetString::take_from(cons)?))
        })?;
        let salt = OctetString::take_from(cons)?.into_bytes();
        let rounds = cons.take_opt_primitive_if(Tag::INTEGER, |value| value.to_u64())?;
        Ok(Self { algorithm, digest: digest.into_bytes(), salt, rounds: rounds.unwrap_or(1) })
    }
}

impl AlgorithmIdentifier {
    pub(super) fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        cons.take_sequence(|cons| {
            let algorithm = Oid::take_from(cons)?;
            Ok(Self { algorithm, parameters: capture_rest(cons)? })
        })
    }

    /// Reads the parameters, which are a SEQUENCE; what follows the part that `read` takes is passed over.
    pub(super) fn read_parameters<T>(
        &self,
        read: impl FnOnce(&mut Constructed<'_, bcder::decode::BytesSource>) -> Outcome<T>,
    ) -> Outcome<T> {
        Constructed::decode(self.parameters.clone(), Mode::Ber, |cons| {
            cons.take_sequence(|cons| {
                let parameters = read(cons)?;
                skip_rest(cons)?;
                Ok(parameters)
            })
        })
    }

    /// Reads parameters that are an OCTET STRING, as those of most ciphers are.
    pub(super) fn octets(&self) -> Outcome<Bytes> {
        Constructed::decode(self.parameters.clone(), Mode::Ber, OctetString::take_from)
            .map(OctetString::into_bytes)
    }
}

impl Bag {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        let kind = Oid::take_from(cons)?;
        let value =
            cons.take_constructed_if(Tag::CTX_0, |cons| BagValue::take_from(&kind, cons))?;
        let mut bag = Self { value, friendly_name: None, local_key_id: None };
        cons.take_opt_set(|cons| {
            while let Some(()) = cons.take_opt_sequence(|cons| bag.take_attribute_from(cons))? {}
            Ok(())
        })?;
        skip_rest(cons)?;
        Ok(bag)
    }

    /// `SEQUENCE { attrId OBJECT IDENTIFIER, attrValues SET OF ANY }`; of several values the first counts.
    fn take_attribute_from<S: Source>(&mut self, cons: &mut Constructed<'_, S>) -> Step<(), S> {
        let attribute = Oid::take_from(cons)?;
        let values = cons.take_opt_set(capture_rest)?;
        skip_rest(cons)?;
        let Some(values) = values else {
            return Ok(());
        };
        // An attribute in a form of its own is no reason to lose the key that it stands beside.
        if attribute == FRIENDLY_NAME {
            self.friendly_name = read_bmp_string(values).ok();
        } else if attribute == LOCAL_KEY_ID {
            self.local_key_id = Constructed::decode(values, Mode::Ber, |cons| {
                Ok(OctetString::take_from(cons)?.into_bytes())
            })
            .ok();
        }
        Ok(())
    }
}

impl BagValue {
    fn take_from<S: Source>(kind: &Oid, cons: &mut Constructed<'_, S>) -> Step<Self, S> {
        if *kind == KEY_BAG {
            cons.capture_one().map(|key| Self::Key(key.into_bytes()))
        } else if *kind == SHROUDED_KEY_BAG {
            cons.take_sequence(Encrypted::take_key_from).map(Self::EncryptedKey)
        } else if *kind == CERTIFICATE_BAG {
            // CertBag ::= SEQUENCE { certId OBJECT IDENTIFIER, certValue [0] EXPLICIT ANY }
            cons.take_sequence(|cons| {
                if Oid::take_from(cons)? != X509_CERTIFICATE {
                    skip_rest(cons)?;
                    return Ok(Self::Other);
                }
                let octets = cons.take_constructed_if(Tag::CTX_0, OctetString::take_from)?;
                Ok(Self::Certificate(octets.into_bytes()))
            })
        } else if *kind == SAFE_CONTENTS_BAG {
            cons.capture_one().map(|bags| Self::Nested(bags.into_bytes()))
        } else {
            skip_rest(cons)?;
            Ok(Self::Other)
        }
    }
}

/// The bytes of an octet string. Those that come in pieces are put together in memory that is wiped: there may be an
/// unencrypted key among them.
fn joined(octets: OctetString) -> Bytes {
    if octets.as_slice().is_some() {
        return octets.into_bytes();
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(octets.len()));
    octets.iter().for_each(|piece| bytes.extend_from_slice(piece));
    Bytes::from_owner(bytes)
}

/// Passes over what is left of a value.
///
/// (`Constructed::skip_all` of bcder 0.7 takes the end of an indefinite length for a missing value.)
pub(super) fn skip_rest<S: Source>(cons: &mut Constructed<'_, S>) -> Step<(), S> {
    while cons.skip_opt(|_, _, _| Ok(()))?.is_some() {}
    Ok(())
}

#[expect(clippy::redundant_closure, reason = "the function itself is bound to one lifetime")]
fn capture_rest<S: Source>(cons: &mut Constructed<'_, S>) -> Step<Bytes, S> {
    cons.capture(|cons| skip_rest(cons)).map(Captured::into_bytes)
}

/// UTF-16 in big-endian order; halves of surrogate pairs without the other become U+FFFD.
fn read_bmp_string(value: Bytes) -> Outcome<String> {
    let octets = Constructed::decode(value, Mode::Ber, |cons| {
        cons.take_primitive_if(Tag::BMP_STRING, |value| value.take_all())
    })?;
    let (pairs, _) = octets.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair));
    let mut text: String =
        char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    // Some programs write the NUL of their language along.
    text.truncate(text.trim_end_matches('\0').len());
    Ok(text)
}

/// 1.2.840.113549.1.7.1. Spec: <https://www.rfc-editor.org/rfc/rfc2315#section-14>
pub(super) const DATA: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 7, 1]);
/// 1.2.840.113549.1.7.6
pub(super) const ENCRYPTED_DATA: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 7, 6]);
/// 1.2.840.113549.1.9.20. Spec: <https://www.rfc-editor.org/rfc/rfc2985#section-5.5.1>
pub(super) const FRIENDLY_NAME: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 9, 20]);
/// 1.2.840.113549.1.9.21
pub(super) const LOCAL_KEY_ID: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 9, 21]);
/// 1.2.840.113549.1.9.22.1
pub(super) const X509_CERTIFICATE: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 9, 22, 1]);
/// 1.2.840.113549.1.12.10.1.1. Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-D>
pub(super) const KEY_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 1]);
/// 1.2.840.113549.1.12.10.1.2
pub(super) const SHROUDED_KEY_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 2]);
/// 1.2.840.113549.1.12.10.1.3
pub(super) const CERTIFICATE_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 3]);
/// 1.2.840.113549.1.12.10.1.6
pub(super) const SAFE_CONTENTS_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 6]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_refused_without_overflowing_the_stack() {
        const DEPTH: usize = 1_000_000;
        for header in [[0x30, 0x80], [0x24, 0x80], [0xa0, 0x80]] {
            let version = [0x30, 0x80, 0x02, 0x01, 0x03];
            let data = [0x30, 0x80, 0x06, 0x09, 42, 134, 72, 134, 247, 13, 1, 7, 1, 0xa0, 0x80];
            for prefix in [&version[..], &[&version[..], &data].concat()] {
                let mut file = prefix.to_vec();
                file.extend(header.repeat(DEPTH));
                file.extend([0, 0].repeat(DEPTH + 5));
                assert!(File::read(file.into()).is_err());
            }
        }
    }
}
