//! From the bytes of a file to the binary form of PKCS#12, and what to say when they are something else.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Passes DER and BER through, and decodes base64 text.
pub(super) fn to_binary(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(Zeroizing::new(bytes.to_vec()));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii();
    if text.is_empty() {
        return Err(
            Error::invalid("the PFX file is empty").with_hint("copy or export the file again")
        );
    }
    if text.starts_with(b"-----BEGIN ") {
        return Err(Error::invalid("the file is PEM text, not a PFX file")
            .with_hint("a PEM file needs no conversion; give it as it is"));
    }
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    digits.extend(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()));
    match BASE64.decode(&*digits).map(Zeroizing::new) {
        Ok(binary) if binary.first() == Some(&SEQUENCE) => Ok(binary),
        // The decoder's error would quote a byte of what may be a secret.
        _ => Err(Error::invalid("the file is not a PFX file, nor base64 text of one")
            .with_hint("check its name; a PFX file (also `.p12`) is binary, or base64 text as Key Vault gives it")),
    }
}

/// What is wrong with bytes that begin as a PKCS#12 file does but are none.
pub(super) fn explain_damage(der: &[u8]) -> Error {
    if X509::from_der(der).is_ok() {
        return Error::invalid("the file is a certificate, not a PFX file")
            .with_hint("a PFX file holds the private key too; export it with its key");
    }
    Error::new(ErrorKind::Corrupt, "cannot read the PFX file: it is damaged or cut short")
        .with_hint("copy or export the file again; text-mode transfers damage it")
}

/// The first byte of every DER or BER file that is a SEQUENCE; as a base64 digit it would be `M`.
const SEQUENCE: u8 = 0x30;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], binary: Option<&[u8]>) {
        match (to_binary(bytes), binary) {
            (Ok(decoded), Some(binary)) => assert_eq!(&**decoded, binary),
            (Err(error), None) => assert_eq!(error.kind(), ErrorKind::InvalidInput),
            (result, _) => panic!("{:?}: {result:?}", bytes.escape_ascii().to_string()),
        }
    }

    #[test]
    fn binary_and_base64_text_are_accepted() {
        check(b"0\x03\x02\x01\x03", Some(b"0\x03\x02\x01\x03"));
        check(b"MAMCAQM=", Some(b"0\x03\x02\x01\x03"));
        check(b"MAMCAQM", Some(b"0\x03\x02\x01\x03"));
        check(b"\xef\xbb\xbf MAM\r\nCAQM=\n", Some(b"0\x03\x02\x01\x03"));
    }

    #[test]
    fn other_files_are_told_apart() {
        check(b"", None);
        check(b" \n", None);
        check(b"-----BEGIN CERTIFICATE-----\n", None);
        check(b"AAAA", None);
        check(b"\x00\x01\x02", None);
    }
}
