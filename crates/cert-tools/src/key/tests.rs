//! Tests of keys: limits, encodings, encrypted PEM, and what `Debug` keeps back.

use secrecy::SecretString;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::*;

const KEY: &str = include_str!("../../fixtures/key.pem");
const ENCRYPTED_KEY: &str = include_str!("../../fixtures/encrypted-key.pem");

#[test]
fn generated_keys_have_the_size_asked_for() {
    let key = PrivateKey::generate_rsa(2048).unwrap();
    assert_eq!((key.algorithm(), key.bits()), (KeyAlgorithm::Rsa, 2048));
    assert_eq!(key.public_key().unwrap().rsa_parameters().unwrap().exponent, [1, 0, 1]);
}

#[test]
fn sizes_outside_the_limits_are_refused() {
    for bits in [0, 1024, 2047, 2049, 4104, u32::MAX] {
        let error = PrivateKey::generate_rsa(bits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&bits.to_string()), "{error}");
    }
}

#[test]
fn pkcs8_pem_is_written_as_openssl_writes_it() {
    assert_eq!(*PrivateKey::from_pem(KEY).unwrap().to_pkcs8_pem().unwrap(), KEY);
}

#[test]
fn the_traditional_form_is_written_as_openssl_writes_it() {
    // openssl rsa -in key.pem -traditional
    let key = PrivateKey::from_pem(KEY).unwrap();
    assert_eq!(*key.to_traditional_pem().unwrap(), include_str!("../../fixtures/key-pkcs1.pem"));
    // openssl ec -in ec-key.pem
    let key = PrivateKey::from_pem(include_str!("../../fixtures/ec-key.pem")).unwrap();
    let expected = include_str!("../../fixtures/ec-key-sec1.pem");
    assert_eq!(*key.to_traditional_pem().unwrap(), expected);
}

#[test]
fn keys_are_made_on_the_curve_asked_for() {
    for (curve, bits) in
        [(EllipticCurve::P256, 256), (EllipticCurve::P384, 384), (EllipticCurve::P521, 521)]
    {
        let key = PrivateKey::generate_ec(curve).unwrap();
        assert_eq!((key.algorithm(), key.bits()), (KeyAlgorithm::Ec, bits));
    }
}

#[test]
fn an_encrypted_key_is_read_back_with_its_password_only() {
    let key = PrivateKey::from_pem(KEY).unwrap();
    let pem = key.to_encrypted_pem(&SecretString::from("pass")).unwrap();
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
    let read =
        |password: &str| PrivateKey::from_encrypted_pem(&*pem, &SecretString::from(password));
    assert_eq!(*read("pass").unwrap().to_pkcs8_pem().unwrap(), KEY);
    assert_eq!(read("other").unwrap_err().kind(), ErrorKind::WrongPassword);
    let empty = key.to_encrypted_pem(&SecretString::from("")).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::InvalidInput);
}

#[test]
fn pkcs1_and_pkcs8_hold_the_same_key() {
    let pkcs1 = PrivateKey::from_pem(include_str!("../../fixtures/key-pkcs1.pem")).unwrap();
    assert_eq!(*pkcs1.to_pkcs8_pem().unwrap(), KEY);
}

#[test]
fn the_public_half_is_the_one_openssl_takes() {
    let public = PrivateKey::from_pem(KEY).unwrap().public_key().unwrap();
    let expected = include_str!("../../fixtures/public-key.pem");
    assert_eq!(public.to_pem().unwrap(), expected);
    assert_eq!(public, PublicKey::from_pem(expected).unwrap());
    // openssl rsa -in key.pem -noout -modulus
    let parameters = public.rsa_parameters().unwrap();
    assert_eq!(parameters.modulus.len(), 256);
    assert_eq!(parameters.modulus[..8], [0xA7, 0x24, 0x39, 0x69, 0x31, 0x60, 0x77, 0x29]);
}

#[test]
fn encrypted_pem_needs_its_password() {
    assert_eq!(
        PrivateKey::from_pem(ENCRYPTED_KEY).unwrap_err().kind(),
        ErrorKind::PasswordRequired
    );
    let open = |password: &str| {
        PrivateKey::from_encrypted_pem(ENCRYPTED_KEY, &SecretString::from(password))
    };
    assert_eq!(*open("fixture-password").unwrap().to_pkcs8_pem().unwrap(), KEY);
    assert_eq!(open("guess").unwrap_err().kind(), ErrorKind::WrongPassword);
    assert_eq!(open(&"long".repeat(1000)).unwrap_err().kind(), ErrorKind::WrongPassword);
}

#[test]
fn keys_encrypted_in_other_ways_are_opened() {
    let scrypt = BASE64_STANDARD.encode(include_bytes!("../../fixtures/scrypt-key.p8"));
    let label = "ENCRYPTED PRIVATE KEY-----";
    let scrypt = format!("-----BEGIN {label}\n{scrypt}\n-----END {label}\n");
    for pem in [&scrypt, include_str!("../../fixtures/encrypted-key-pkcs1.pem")] {
        assert_eq!(PrivateKey::from_pem(pem).unwrap_err().kind(), ErrorKind::PasswordRequired);
        let open =
            |password: &str| PrivateKey::from_encrypted_pem(pem, &SecretString::from(password));
        assert_eq!(*open("fixture-password").unwrap().to_pkcs8_pem().unwrap(), KEY);
        assert_eq!(open("guess").unwrap_err().kind(), ErrorKind::WrongPassword);
        assert_eq!(open(&"long".repeat(1000)).unwrap_err().kind(), ErrorKind::WrongPassword);
    }
}

#[test]
fn an_encrypted_key_that_asks_for_too_many_rounds_is_refused() {
    let pem = include_str!("../../fixtures/greedy-key.pem");
    let password = SecretString::from("fixture-password");
    let error = PrivateKey::from_encrypted_pem(pem, &password).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(
        error.to_string().starts_with("cannot decrypt the private key: it asks for 2147483647")
    );
    // Without a password there is nothing to derive.
    assert_eq!(PrivateKey::from_pem(pem).unwrap_err().kind(), ErrorKind::PasswordRequired);
}

#[test]
fn text_without_a_key_is_refused_without_being_quoted() {
    let garbage = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
    for text in ["", "hello", include_str!("../../fixtures/leaf.pem"), garbage] {
        let error = PrivateKey::from_pem(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{error:?}").contains("c2VjcmV0"));
    }
}

#[test]
fn debug_shows_kind_and_size_only() {
    let key = PrivateKey::from_pem(KEY).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(Rsa, 2048 bits, [REDACTED])");
}
