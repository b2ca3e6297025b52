//! The certificate beside a client's key, as the reader of its few facts sees it.
//!
//! The reader is not public: the input goes into a PEM text with a key that is right.
#![no_main]

use azconnect_auth::ClientCertificate;
use azconnect_fuzz::{bounded, check_error, fixture_key};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| {
    let body = BASE64_STANDARD.encode(input);
    let pem =
        [fixture_key(), "-----BEGIN CERTIFICATE-----\n", &body, "\n-----END CERTIFICATE-----\n"];
    match ClientCertificate::from_pem(pem.concat().as_bytes()) {
        Ok(certificate) => {
            let _ = (certificate.not_before(), certificate.not_after());
            assert_eq!(certificate.chain_length(), 0);
        }
        Err(error) => check_error(&error, &[&body]),
    }
}));
