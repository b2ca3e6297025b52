//! The outer layers of a PKCS#12 file, read without a password.
#![no_main]

use azconnect_cert_tools::Pfx;
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| match Pfx::parse(input) {
    Ok(file) => {
        let _ = (file.rounds(), file.is_protected(), format!("{file:?}"));
    }
    Err(error) => check_error(&error, &[]),
}));
