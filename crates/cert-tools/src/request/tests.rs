//! Tests of certificate requests.

use super::*;
use crate::error::ErrorKind;

fn key() -> PrivateKey {
    PrivateKey::from_pem(include_str!("../../fixtures/key.pem")).unwrap()
}

#[test]
fn a_request_names_its_subject_and_is_signed_by_its_key() {
    let names = ["node-1.example".parse().unwrap(), "10.0.0.4".parse().unwrap()];
    let request =
        CertificateRequest::new(&key(), &"CN=node-1,O=Contoso".parse().unwrap(), &names).unwrap();
    assert_eq!(request.subject(), "CN=node-1,O=Contoso");
    assert_eq!(request.public_key().unwrap(), key().public_key().unwrap());
    assert!(request.is_signed_by_its_key());
    let text = String::from_utf8(request.0.to_text().unwrap()).unwrap();
    assert!(text.contains("DNS:node-1.example, IP Address:10.0.0.4"), "{text}");

    let again = CertificateRequest::from_pem(request.to_pem().unwrap()).unwrap();
    assert_eq!(again.to_der().unwrap(), request.to_der().unwrap());
}

#[test]
fn a_request_of_openssl_is_understood() {
    let request = CertificateRequest::from_pem(include_str!("../../fixtures/request.pem")).unwrap();
    assert_eq!(request.subject(), r"CN=azconnect fixture,O=Contoso\, Ltd,C=SE");
    assert!(request.is_signed_by_its_key());
}

#[test]
fn a_certificate_is_no_request() {
    let error = CertificateRequest::from_pem(include_str!("../../fixtures/leaf.pem")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
