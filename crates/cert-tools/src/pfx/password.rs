//! A password in the forms that files have been made with.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// One reading of what the user typed, as bytes for each family of key derivations.
pub(super) struct PasswordForm {
    /// For PKCS#12's own derivation: UTF-16 in big-endian order with a NUL at the end; no bytes at all for an
    /// absent password.
    ///
    /// Spec: <https://www.rfc-editor.org/rfc/rfc7292#appendix-B.1>
    pub(super) bmp: Zeroizing<Vec<u8>>,
    /// For PBKDF2, scrypt and PBKDF1.
    pub(super) octets: Zeroizing<Vec<u8>>,
}

/// The forms to try, the standard's first.
///
/// An empty password also stands for an absent one. Beyond ASCII, OpenSSL before 1.1 widened each byte of the
/// terminal's encoding to a character of its own; and NSS before 3.12 gave PBKDF2 the BMPString.
pub(super) fn forms(password: &SecretString) -> Vec<PasswordForm> {
    let password = password.expose_secret();
    let utf8 = || Zeroizing::new(password.as_bytes().to_vec());
    let standard = bmp(password.encode_utf16());
    let mut forms = vec![PasswordForm { bmp: standard.clone(), octets: utf8() }];
    if password.is_empty() {
        forms.push(PasswordForm { bmp: Zeroizing::default(), octets: utf8() });
        return forms;
    }
    forms.push(PasswordForm { bmp: standard.clone(), octets: standard });
    if !password.is_ascii() {
        forms.push(PasswordForm { bmp: bmp(password.bytes().map(u16::from)), octets: utf8() });
        if let Some(latin1) = latin1(password) {
            forms.push(PasswordForm { bmp: bmp(password.encode_utf16()), octets: latin1 });
        }
    }
    forms
}

fn bmp(units: impl Iterator<Item = u16> + Clone) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * (units.clone().count() + 1)));
    for unit in units.chain([0]) {
        bytes.extend(unit.to_be_bytes());
    }
    bytes
}

fn latin1(password: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(password.len()));
    for char in password.chars() {
        bytes.push(u8::try_from(char).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(password: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        forms(&SecretString::from(password))
            .iter()
            .map(|form| (form.bmp.to_vec(), form.octets.to_vec()))
            .collect()
    }

    #[test]
    fn the_standard_form_ends_with_a_nul_and_has_surrogates() {
        // RFC 7292, appendix B.1: "Beavis".
        let beavis = b"\0B\0e\0a\0v\0i\0s\0\0".to_vec();
        assert_eq!(shown("Beavis")[0], (beavis.clone(), b"Beavis".to_vec()));
        assert_eq!(shown("Beavis")[1], (beavis.clone(), beavis));
        let key = shown("🔑")[0].0.clone();
        assert_eq!(key, [0xd8, 0x3d, 0xdd, 0x11, 0, 0]);
    }

    #[test]
    fn an_empty_password_is_also_an_absent_one() {
        assert_eq!(shown(""), [(vec![0, 0], vec![]), (vec![], vec![])]);
    }

    #[test]
    fn letters_beyond_ascii_have_older_forms() {
        let forms = shown("é");
        assert_eq!(forms[2], (vec![0, 0xc3, 0, 0xa9, 0, 0], vec![0xc3, 0xa9]));
        assert_eq!(forms[3], (vec![0, 0xe9, 0, 0], vec![0xe9]));
    }
}
