//! The PEM text that a client certificate is read from.
#![no_main]

use azconnect_auth::ClientCertificate;
use azconnect_fuzz::{bounded, check_error, fixture_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| match ClientCertificate::from_pem(input) {
    Ok(certificate) => {
        let _ = (certificate.sha1_thumbprint(), certificate.sha256_thumbprint());
        let _ = (certificate.not_before(), certificate.not_after(), certificate.chain_length());
        let shown = format!("{certificate:?}");
        assert!(!shown.contains("KEY"), "{shown}");
    }
    Err(error) => {
        let key: Vec<&str> = fixture_key().lines().filter(|line| !line.contains("KEY")).collect();
        check_error(&error, &key);
    }
}));
