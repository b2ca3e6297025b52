//! Checksums of bodies: the MD5 and the CRC-64 that a client sent, and what the bytes really have.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use openssl::hash::{Hasher, MessageDigest};

use super::{
    failure::{Code, Failure},
    request::LakeRequest,
};

/// The checksums that a body must have.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ExpectedDigests {
    md5: Option<[u8; 16]>,
    crc64: Option<[u8; 8]>,
}

/// A running checksum: the MD5 if the client sent one, for it is dear, else the CRC-64.
pub(crate) enum Digester {
    Crc64(crc64fast_nvme::Digest),
    Md5(Hasher),
}

/// The checksum of a whole body, which the answer gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Digest {
    Crc64([u8; 8]),
    Md5([u8; 16]),
}

impl ExpectedDigests {
    /// What `Content-MD5` and `x-ms-content-crc64` say.
    pub(crate) fn of(request: &LakeRequest) -> Result<Self, Failure> {
        Self::named(request, ["content-md5", "x-ms-content-crc64"])
    }

    /// What two headers say that have other names where the bytes come from elsewhere.
    pub(crate) fn named(request: &LakeRequest, names: [&'static str; 2]) -> Result<Self, Failure> {
        let [md5, crc64] = names;
        let md5 = request
            .header(md5)?
            .map(|text| decode(text).ok_or_else(|| Failure::new(Code::InvalidMd5)))
            .transpose()?;
        let crc64 = request
            .header(crc64)?
            .map(|text| decode(text).ok_or_else(|| Failure::header(names[1], text)))
            .transpose()?;
        if md5.is_some() && crc64.is_some() {
            // The service takes one or the other.
            return Err(Failure::header("x-ms-content-crc64", "")
                .with_message("Content-MD5 and x-ms-content-crc64 cannot both be given."));
        }
        Ok(Self { md5, crc64 })
    }

    /// Refuses a body whose checksum is another one.
    pub(crate) fn check(&self, found: &Digest) -> Result<(), Failure> {
        let mismatch = |code, name, expected: &[u8], found: &[u8]| {
            if expected == found {
                return Ok(());
            }
            let (sent, calculated) = if name == "Md5" {
                ("UserSpecifiedMd5", "ServerCalculatedMd5")
            } else {
                ("UserSpecifiedCrc", "ServerCalculatedCrc")
            };
            Err(Failure::new(code)
                .with_detail(sent, &STANDARD.encode(expected))
                .with_detail(calculated, &STANDARD.encode(found)))
        };
        match (found, &self.md5, &self.crc64) {
            (Digest::Md5(found), Some(md5), _) => mismatch(Code::Md5Mismatch, "Md5", md5, found),
            (Digest::Crc64(found), _, Some(crc64)) => {
                mismatch(Code::Crc64Mismatch, "Crc", crc64, found)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn digester(&self) -> Result<Digester, Failure> {
        if self.md5.is_some() { Digester::md5() } else { Ok(Digester::crc64()) }
    }
}

impl Digester {
    pub(crate) fn crc64() -> Self {
        Self::Crc64(crc64fast_nvme::Digest::new())
    }

    pub(crate) fn md5() -> Result<Self, Failure> {
        Hasher::new(MessageDigest::md5())
            .map(Self::Md5)
            .map_err(|error| Failure::io("start an MD5", &error.into()))
    }

    pub(crate) fn update(&mut self, bytes: &Bytes) -> std::io::Result<()> {
        match self {
            Self::Crc64(digest) => digest.write(bytes),
            Self::Md5(hasher) => hasher.update(bytes)?,
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> std::io::Result<Digest> {
        Ok(match self {
            Self::Crc64(digest) => Digest::Crc64(digest.sum64().to_le_bytes()),
            Self::Md5(mut hasher) => {
                let mut md5 = [0; 16];
                md5.copy_from_slice(&hasher.finish()?);
                Digest::Md5(md5)
            }
        })
    }
}

impl Digest {
    /// The header that carries this checksum.
    pub(crate) fn header(&self) -> (&'static str, String) {
        match self {
            Self::Crc64(crc64) => ("x-ms-content-crc64", STANDARD.encode(crc64)),
            Self::Md5(md5) => ("content-md5", STANDARD.encode(md5)),
        }
    }

    /// The MD5 in base64, if that is what this is.
    pub(crate) fn md5(&self) -> Option<String> {
        match self {
            Self::Crc64(_) => None,
            Self::Md5(md5) => Some(STANDARD.encode(md5)),
        }
    }
}

impl std::fmt::Debug for Digester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Crc64(_) => "Crc64",
            Self::Md5(_) => "Md5",
        })
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text.trim()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(mut digester: Digester) -> Digest {
        digester.update(&Bytes::from_static(b"1234")).unwrap();
        digester.update(&Bytes::from_static(b"56789")).unwrap();
        digester.finish().unwrap()
    }

    // The check value of CRC-64/NVME in the catalogue of parametrised CRC algorithms.
    #[test]
    fn crc64_has_the_published_check_value_and_is_little_endian() {
        let expected = 0xae8b_1486_0a79_9888_u64.to_le_bytes();
        assert_eq!(digest(Digester::crc64()), Digest::Crc64(expected));
    }

    // `printf 123456789 | openssl md5 -binary | base64`
    #[test]
    fn md5_is_that_of_openssl() {
        let found = digest(Digester::md5().unwrap());
        assert_eq!(found.header(), ("content-md5", "JfnnlDI7RTiF9RgfG2JNCw==".to_owned()));
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_an_absent_one_is_not_missed() {
        let found = digest(Digester::crc64());
        let expected = ExpectedDigests { md5: None, crc64: Some([0; 8]) };
        assert_eq!(expected.check(&found).unwrap_err().code(), Code::Crc64Mismatch);
        ExpectedDigests::default().check(&found).unwrap();
    }
}
