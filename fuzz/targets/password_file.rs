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
        // Searching for the password would find it once it is spelled like the mark.
        let shown = format!("{:?}", decode_password_file(input));
        assert_eq!(shown, format!("{:?}", decode_password_file(b"another")));
    }
    Err(error) => {
        check_error(&error, &[]);
        let other = decode_password_file(b"\xff").expect_err("no text");
        assert_eq!(format!("{error} {error:?}"), format!("{other} {other:?}"));
    }
}));
