//! Certificate signing requests in PEM.
#![no_main]

use azconnect_cert_tools::CertificateRequest;
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| match CertificateRequest::from_pem(input) {
    Ok(request) => {
        let _ = (request.subject(), request.is_signed_by_its_key(), format!("{request:?}"));
        let _ = request.public_key();
        let pem = request.to_pem().expect("a request that was read can be written");
        let again = CertificateRequest::from_pem(&pem).expect("it is read again");
        assert_eq!(again.to_der().ok(), request.to_der().ok());
    }
    Err(error) => check_error(&error, &[]),
}));
