//! Private keys in PEM, encrypted or not.
#![no_main]

use azconnect_cert_tools::PrivateKey;
use azconnect_fuzz::{OTHER_PASSWORD, PASSWORD, bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    bounded(|| match PrivateKey::from_pem(input) {
        Ok(key) => check(&key),
        Err(error) => check_error(&error, &[]),
    });
    for password in [PASSWORD, OTHER_PASSWORD] {
        bounded(|| match PrivateKey::from_encrypted_pem(input, &password.to_owned().into()) {
            Ok(key) => check(&key),
            Err(error) => check_error(&error, &[password]),
        });
    }
});

fn check(key: &PrivateKey) {
    let _ = (key.algorithm(), key.bits(), format!("{key:?}"), key.public_key());
    let _ = key.to_traditional_pem();
    let pem = key.to_pkcs8_pem().expect("a key that was read can be written");
    let again = PrivateKey::from_pem(&*pem).expect("a key that was written can be read");
    assert_eq!(again.to_pkcs8_der().ok(), key.to_pkcs8_der().ok());
}
