//! Distinguished names and subject alternative names as people write them.
#![no_main]

use azconnect_cert_tools::{AlternativeName, CertificateRequest, DistinguishedName, PrivateKey};
use azconnect_fuzz::{bounded, check_error, fixture_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| {
    match input.parse::<DistinguishedName>() {
        Ok(name) => check(&name),
        Err(error) => check_error(&error, &[]),
    }
    match input.parse::<AlternativeName>() {
        Ok(name) => {
            let shown = name.to_string();
            let (_, value) = shown.split_once(':').expect("the kind and the value");
            assert_eq!(value.parse::<AlternativeName>().ok(), Some(name));
        }
        Err(error) => check_error(&error, &[]),
    }
}));

/// What was parsed is parsed again from its own text, and a request shows the same text.
fn check(name: &DistinguishedName) {
    let text = name.to_string();
    assert_eq!(text.parse::<DistinguishedName>().as_ref().ok(), Some(name), "{text:?}");
    let key = PrivateKey::from_pem(fixture_key()).expect("a key");
    match CertificateRequest::new(&key, name, &[]) {
        Ok(request) => assert_eq!(request.subject(), text),
        Err(error) => check_error(&error, &[]),
    }
}
