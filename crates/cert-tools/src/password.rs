//! Passwords of PFX files: read from the file beside them, or made.

use openssl::rand::rand_bytes;
use secrecy::SecretString;
use zeroize::Zeroizing;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::error::{Error, Result};

/// Reads a password file, such as the `.pfx.pw` of a Batch node: its first line, without the line's end.
///
/// UTF-8 and UTF-16 are accepted, with or without a byte order mark, and lines ending in `\n` or `\r\n`.
/// Blanks are part of the password. An empty file is an empty password.
///
/// # Errors
/// - `InvalidInput`: the bytes are neither UTF-8 nor UTF-16.
pub fn decode_password_file(bytes: &[u8]) -> Result<SecretString> {
    let text = match bytes {
        [0xef, 0xbb, 0xbf, utf8 @ ..] => from_utf8(utf8)?,
        [0xff, 0xfe, utf16 @ ..] => from_utf16(utf16, u16::from_le_bytes)?,
        [0xfe, 0xff, utf16 @ ..] => from_utf16(utf16, u16::from_be_bytes)?,
        // No password has a NUL in it, so one beside an ASCII character gives UTF-16 away.
        [_, 0, ..] => from_utf16(bytes, u16::from_le_bytes)?,
        [0, _, ..] => from_utf16(bytes, u16::from_be_bytes)?,
        utf8 => from_utf8(utf8)?,
    };
    let line = text.split('\n').next().unwrap_or_default();
    Ok(SecretString::from(line.strip_suffix('\r').unwrap_or(line)))
}

/// Makes a password of 32 characters (letters, digits, `-` and `_`) from 192 random bits.
///
/// # Errors
/// - `Crypto`: OpenSSL has no randomness to give.
pub fn generate_password() -> Result<SecretString> {
    let mut bytes = Zeroizing::new([0; 24]);
    rand_bytes(&mut *bytes).map_err(|stack| Error::crypto("cannot make a password", stack))?;
    Ok(SecretString::from(BASE64_URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

fn from_utf8(bytes: &[u8]) -> Result<Zeroizing<String>> {
    str::from_utf8(bytes).map(|text| Zeroizing::new(text.to_owned())).map_err(|_| not_text())
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Zeroizing<String>> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(not_text());
    }
    // A UTF-16 unit takes at most three bytes of UTF-8, so the text is never moved while it grows.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    let units = pairs.filter_map(|pair| pair.try_into().ok()).map(unit);
    for character in char::decode_utf16(units) {
        text.push(character.map_err(|_| not_text())?);
    }
    Ok(text)
}

fn not_text() -> Error {
    Error::invalid("cannot read the password file: it is neither UTF-8 nor UTF-16 text")
        .with_hint("the file must hold the password alone, on its first line")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;
    use crate::error::ErrorKind;

    #[track_caller]
    fn check(bytes: &[u8], password: &str) {
        assert_eq!(decode_password_file(bytes).unwrap().expose_secret(), password);
    }

    #[test]
    fn the_first_line_is_the_password_in_any_encoding() {
        check(b"", "");
        check(b"secret", "secret");
        check(b"secret\n", "secret");
        check(b"secret\r\nsecond line\r\n", "secret");
        check(b" with blanks \n", " with blanks ");
        check("p\u{e4}ss\n".as_bytes(), "p\u{e4}ss");
        check(b"\xef\xbb\xbfsecret\r\n", "secret");
        check(b"\xff\xfeh\0i\0\r\0\n\0", "hi");
        check(b"\xfe\xff\0h\0i\0\n", "hi");
        check(b"h\0i\0\n\0", "hi");
        check(b"\0h\0i", "hi");
        check(b"\xff\xfe\x3d\xd8\x11\xdd", "\u{1f511}");
    }

    #[test]
    fn what_is_no_text_is_refused_without_being_quoted() {
        for bytes in [&b"se\xffcret"[..], b"\xff\xfeh\0i", b"\xff\xfe\x3d\xd8"] {
            let error = decode_password_file(bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!error.to_string().contains("cret"));
        }
    }

    #[test]
    fn generated_passwords_are_long_and_differ() {
        let (one, two) = (generate_password().unwrap(), generate_password().unwrap());
        assert_eq!(one.expose_secret().len(), 32);
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
