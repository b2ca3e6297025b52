//! Looks at a PKCS#12 file before anything is derived or decrypted: how it is protected, and what opening it costs.
//!
//! OpenSSL would start at once with as many rounds as the file asks for, which may keep it busy for minutes.

use std::{convert::Infallible, iter};

use bcder::{
    Captured, ConstOid, Mode, OctetString, Oid, Tag,
    decode::{Constructed, DecodeError, Source},
    encode::{self, Values as _},
};
use bytes::Bytes;

/// What can be seen of a file from outside.
pub(super) struct Inspection {
    pub(super) has_mac: bool,
    pub(super) is_encrypted: bool,
    /// The key-derivation rounds of all parts together; scrypt counts as N·r·p.
    pub(super) rounds: u64,
    /// The same file without its MAC, where it has one.
    pub(super) without_mac: Option<Vec<u8>>,
}

type Outcome<T> = Result<T, DecodeError<Infallible>>;

/// Reads the outer parts of a file, in DER or BER.
pub(super) fn inspect(der: &[u8]) -> Outcome<Inspection> {
    let outer = Constructed::decode(der, Mode::Ber, |cons| cons.take_sequence(Outer::take_from))?;
    let mut tally = Tally::default();
    if let Some(rounds) = outer.mac_rounds {
        tally.add(rounds);
    }
    let safe = outer.safe.clone().decode(|cons| cons.take_sequence(ContentInfo::take_from))?;
    if let ContentInfo::Data(safe) = safe {
        let parts = Constructed::decode(safe, Mode::Ber, |cons| {
            cons.take_sequence(|cons| {
                iter::from_fn(|| cons.take_opt_sequence(ContentInfo::take_from).transpose())
                    .collect::<Result<Vec<_>, _>>()
            })
        })?;
        for part in parts {
            match part {
                ContentInfo::Data(bags) => tally.add_bags(bags)?,
                ContentInfo::Encrypted { rounds } => tally.add_encrypted(rounds),
                ContentInfo::Other => {}
            }
        }
    }
    Ok(Inspection {
        has_mac: outer.mac_rounds.is_some(),
        is_encrypted: tally.is_encrypted,
        rounds: tally.rounds,
        without_mac: outer.mac_rounds.map(|_| outer.without_mac()),
    })
}

/// `PFX ::= SEQUENCE { version INTEGER, authSafe ContentInfo, macData MacData OPTIONAL }`
struct Outer {
    version: Captured,
    safe: Captured,
    mac_rounds: Option<u64>,
}

impl Outer {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Result<Self, DecodeError<S::Error>> {
        Ok(Self {
            version: cons.capture_one()?,
            safe: cons.capture_one()?,
            mac_rounds: cons.take_opt_sequence(mac_rounds)?,
        })
    }

    fn without_mac(&self) -> Vec<u8> {
        encode::sequence((&self.version, &self.safe)).to_captured(Mode::Ber).into_bytes().to_vec()
    }
}

/// `ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY OPTIONAL }`
enum ContentInfo {
    Data(Bytes),
    Encrypted { rounds: u64 },
    Other,
}

impl ContentInfo {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Result<Self, DecodeError<S::Error>> {
        let content_type = Oid::take_from(cons)?;
        if content_type == DATA {
            cons.take_constructed_if(Tag::CTX_0, OctetString::take_from)
                .map(|data| Self::Data(data.into_bytes()))
        } else if content_type == ENCRYPTED_DATA {
            let rounds = cons.take_constructed_if(Tag::CTX_0, |cons| {
                // EncryptedData ::= SEQUENCE { version, EncryptedContentInfo, … }
                cons.take_sequence(|cons| {
                    cons.skip_one()?;
                    // EncryptedContentInfo ::= SEQUENCE { contentType, algorithm, [0] ciphertext }
                    let rounds = cons.take_sequence(|cons| {
                        cons.skip_one()?;
                        let rounds = algorithm_rounds(cons)?;
                        cons.skip_all()?;
                        Ok(rounds)
                    })?;
                    cons.skip_all()?;
                    Ok(rounds)
                })
            })?;
            Ok(Self::Encrypted { rounds })
        } else {
            cons.skip_all()?;
            Ok(Self::Other)
        }
    }
}

/// What one `SafeBag ::= SEQUENCE { bagId, bagValue [0] EXPLICIT ANY, bagAttributes SET OPTIONAL }` adds.
enum Bag {
    ShroudedKey {
        rounds: u64,
    },
    /// Bags inside a bag.
    Nested(Captured),
    Other,
}

impl Bag {
    fn take_from<S: Source>(cons: &mut Constructed<'_, S>) -> Result<Self, DecodeError<S::Error>> {
        let kind = Oid::take_from(cons)?;
        let bag = if kind == SHROUDED_KEY_BAG {
            let rounds = cons.take_constructed_if(Tag::CTX_0, |cons| {
                // EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm, ciphertext }
                cons.take_sequence(|cons| {
                    let rounds = algorithm_rounds(cons)?;
                    cons.skip_all()?;
                    Ok(rounds)
                })
            })?;
            Self::ShroudedKey { rounds }
        } else if kind == SAFE_CONTENTS_BAG {
            Self::Nested(cons.take_constructed_if(Tag::CTX_0, |cons| cons.capture_one())?)
        } else {
            Self::Other
        };
        cons.skip_all()?;
        Ok(bag)
    }
}

#[derive(Default)]
struct Tally {
    rounds: u64,
    is_encrypted: bool,
}

impl Tally {
    fn add(&mut self, rounds: u64) {
        self.rounds = self.rounds.saturating_add(rounds);
    }

    fn add_encrypted(&mut self, rounds: u64) {
        self.is_encrypted = true;
        self.add(rounds);
    }

    /// Adds what a `SafeContents ::= SEQUENCE OF SafeBag` holds, however deep its bags are nested.
    fn add_bags(&mut self, bags: Bytes) -> Outcome<()> {
        let mut waiting = vec![bags];
        while let Some(bags) = waiting.pop() {
            let bags = Constructed::decode(bags, Mode::Ber, |cons| {
                cons.take_sequence(|cons| {
                    iter::from_fn(|| cons.take_opt_sequence(Bag::take_from).transpose())
                        .collect::<Result<Vec<_>, _>>()
                })
            })?;
            for bag in bags {
                match bag {
                    Bag::ShroudedKey { rounds } => self.add_encrypted(rounds),
                    Bag::Nested(bags) => waiting.push(bags.into_bytes()),
                    Bag::Other => {}
                }
            }
        }
        Ok(())
    }
}

/// `MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 }`
fn mac_rounds<S: Source>(cons: &mut Constructed<'_, S>) -> Result<u64, DecodeError<S::Error>> {
    // DigestInfo ::= SEQUENCE { algorithm, digest }; with PBMAC1 (RFC 9579) the algorithm has the rounds.
    let pbmac1 = cons.take_sequence(|cons| {
        let rounds = algorithm_rounds(cons)?;
        cons.skip_all()?;
        Ok(rounds)
    })?;
    cons.skip_one()?;
    let classic = cons.take_opt_primitive_if(Tag::INTEGER, |value| value.to_u64())?;
    Ok(pbmac1.saturating_add(classic.unwrap_or(1)))
}

/// The rounds that an `AlgorithmIdentifier ::= SEQUENCE { algorithm, parameters ANY OPTIONAL }` asks for.
///
/// Password-based algorithms all have a SEQUENCE for parameters. Those of PKCS#12 and of PKCS#5 version 1 begin with
/// a salt and the rounds, as PBKDF2's do; those of PBES2 and PBMAC1 begin with the key derivation's own algorithm.
fn algorithm_rounds<S: Source>(
    cons: &mut Constructed<'_, S>,
) -> Result<u64, DecodeError<S::Error>> {
    cons.take_sequence(|cons| {
        let algorithm = Oid::take_from(cons)?;
        let rounds = if algorithm == PBES2 || algorithm == PBMAC1 {
            cons.take_sequence(|cons| {
                let rounds = key_derivation_rounds(cons)?;
                cons.skip_all()?;
                Ok(rounds)
            })?
        } else {
            cons.take_opt_sequence(salted_rounds)?.unwrap_or(0)
        };
        cons.skip_all()?;
        Ok(rounds)
    })
}

fn key_derivation_rounds<S: Source>(
    cons: &mut Constructed<'_, S>,
) -> Result<u64, DecodeError<S::Error>> {
    cons.take_sequence(|cons| {
        let algorithm = Oid::take_from(cons)?;
        let is_scrypt = algorithm == SCRYPT;
        let rounds =
            cons.take_sequence(
                |cons| if is_scrypt { scrypt_rounds(cons) } else { salted_rounds(cons) },
            )?;
        cons.skip_all()?;
        Ok(rounds)
    })
}

/// `SEQUENCE { salt, iterationCount INTEGER, … }`
fn salted_rounds<S: Source>(cons: &mut Constructed<'_, S>) -> Result<u64, DecodeError<S::Error>> {
    cons.skip_one()?;
    let rounds = cons.take_opt_primitive_if(Tag::INTEGER, |value| value.to_u64())?;
    cons.skip_all()?;
    Ok(rounds.unwrap_or(0))
}

/// `SEQUENCE { salt, costParameter INTEGER, blockSize INTEGER, parallelizationParameter INTEGER, … }`
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc7914#section-7>
fn scrypt_rounds<S: Source>(cons: &mut Constructed<'_, S>) -> Result<u64, DecodeError<S::Error>> {
    cons.skip_one()?;
    let (cost, block_size, parallelization) =
        (cons.take_u64()?, cons.take_u64()?, cons.take_u64()?);
    cons.skip_all()?;
    Ok(cost.saturating_mul(block_size).saturating_mul(parallelization))
}

/// 1.2.840.113549.1.7.1. Spec: <https://www.rfc-editor.org/rfc/rfc2315#section-14>
const DATA: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 7, 1]);
/// 1.2.840.113549.1.7.6
const ENCRYPTED_DATA: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 7, 6]);
/// 1.2.840.113549.1.12.10.1.2. Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-D>
const SHROUDED_KEY_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 2]);
/// 1.2.840.113549.1.12.10.1.6
const SAFE_CONTENTS_BAG: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 6]);
/// 1.2.840.113549.1.5.13. Spec: <https://www.rfc-editor.org/rfc/rfc8018#appendix-C>
const PBES2: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 13]);
/// 1.2.840.113549.1.5.14
const PBMAC1: ConstOid = Oid(&[42, 134, 72, 134, 247, 13, 1, 5, 14]);
/// 1.3.6.1.4.1.11591.4.11. Spec: <https://www.rfc-editor.org/rfc/rfc7914#section-7>
const SCRYPT: ConstOid = Oid(&[43, 6, 1, 4, 1, 218, 71, 4, 11]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scrypt_counts_its_whole_work() {
        // `openssl asn1parse -inform DER -in scrypt-key.p8` shows N = 0x4000, r = 8, p = 1.
        let key = include_bytes!("../../fixtures/scrypt-key.p8").as_slice();
        let rounds = Constructed::decode(key, Mode::Ber, |cons| {
            cons.take_sequence(|cons| {
                let rounds = algorithm_rounds(cons)?;
                cons.skip_all()?;
                Ok(rounds)
            })
        });
        assert_eq!(rounds.unwrap(), 0x4000 * 8);
    }

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
                assert!(inspect(&file).is_err());
            }
        }
    }
}
