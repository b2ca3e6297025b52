//! Certificates in DER and in PEM.
#![no_main]

use azconnect_cert_tools::{Certificate, PrivateKey, PublicKey, ThumbprintAlgorithm};
use azconnect_fuzz::{bounded, check_certificate, check_error, fixture_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| {
    match Certificate::from_der(input) {
        Ok(certificate) => {
            check_certificate(&certificate);
            let _ = certificate.matches_key(&PrivateKey::from_pem(fixture_key()).expect("a key"));
            let thumbprint = certificate.thumbprint(ThumbprintAlgorithm::Sha256).expect("a digest");
            assert_eq!(thumbprint.to_colon_hex().parse().ok(), Some(thumbprint));
            if let Ok(key) = certificate.public_key() {
                let _ = (key.algorithm(), key.bits(), key.rsa_parameters(), key.to_der());
            }
        }
        Err(error) => check_error(&error, &[]),
    }
    match Certificate::chain_from_pem(input) {
        Ok(certificates) => {
            assert_eq!(Certificate::from_pem(input).ok().as_ref(), certificates.first());
            certificates.iter().for_each(check_certificate);
        }
        Err(error) => check_error(&error, &[]),
    }
    if let Err(error) = PublicKey::from_pem(input) {
        check_error(&error, &[]);
    }
}));
