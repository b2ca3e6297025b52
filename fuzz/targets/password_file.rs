//! Password files in any encoding.
#![no_main]

use azconnect_auth::secrecy::ExposeSecret;
use azconnect_cert_tools::decode_password_file;
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| match decode_password_file(input) {
    Ok(password) => {
        let password = password.expose_secret();
        assert!(!password.contains('\n'));
        // UTF-16 takes up to three bytes of UTF-8 where it took two of its own.
        assert!(password.len() <= input.len() * 3 / 2);
        assert!(
            !format!("{:?}", decode_password_file(input)).contains(password) || password.len() < 16
        );
    }
    Err(error) => {
        let text = String::from_utf8_lossy(input);
        let lines: Vec<&str> = text.split(['\n', '\u{fffd}']).collect();
        check_error(&error, &lines);
    }
}));
