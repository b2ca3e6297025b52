//! Tests of reading certificates; expected values are OpenSSL's.

use time::macros::datetime;

use super::*;

const LEAF: &str = include_str!("../../fixtures/leaf.pem");
const LEAF_DER: &[u8] = include_bytes!("../../fixtures/leaf.der");
const CHAINED: &str = include_str!("../../fixtures/chained.pem");
const ISSUING: &str = include_str!("../../fixtures/issuing.pem");
const ROOT: &str = include_str!("../../fixtures/root.pem");

fn read(pem: &str) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

#[test]
fn thumbprints_are_those_of_openssl() {
    // openssl x509 -in leaf.pem -noout -fingerprint -sha1 (and -sha256)
    let leaf = read(LEAF);
    assert_eq!(
        leaf.thumbprint(ThumbprintAlgorithm::Sha1).unwrap().to_colon_hex(),
        "36:36:73:3A:C8:2F:D1:B2:EC:72:E4:FB:EF:04:74:B2:6C:97:C2:0A"
    );
    let sha256 = leaf.thumbprint(ThumbprintAlgorithm::Sha256).unwrap();
    assert_eq!(
        sha256.to_colon_hex(),
        "39:91:63:CB:91:4B:84:E8:64:CF:CF:C5:CE:74:7C:E2:77:43:29:E4:44:F8:50:AB:29:D4:47:E4:4C:D5:87:45"
    );
    // openssl x509 -in leaf.pem -outform DER | openssl dgst -sha256 -binary | base64
    assert_eq!(sha256.to_base64(), "OZFjy5FLhOhkz8/FznR84ndDKeRE+FCrKdRH5EzVh0U=");
    assert_eq!(sha256.to_base64url(), "OZFjy5FLhOhkz8_FznR84ndDKeRE-FCrKdRH5EzVh0U");
}

#[test]
fn fields_are_those_of_openssl() {
    // openssl x509 -in leaf.pem -noout -serial -subject -issuer -nameopt RFC2253 -dates -dateopt iso_8601
    let leaf = read(LEAF);
    assert_eq!(leaf.serial().unwrap(), "8F3A5C7E9B1D2F4A6C8E0A1B2C3D4E5F");
    assert_eq!(leaf.subject(), r"CN=azconnect fixture,O=Contoso\, Ltd,C=SE");
    assert_eq!(leaf.issuer(), leaf.subject());
    assert_eq!(leaf.not_before().unwrap(), datetime!(2026-11-24 05:50:24 UTC));
    assert_eq!(leaf.not_after().unwrap(), datetime!(2126-10-31 05:50:24 UTC));
    assert_eq!(read(CHAINED).issuer(), "CN=azconnect fixture issuing CA");
}

#[test]
fn alternative_names_are_those_of_openssl() {
    // openssl x509 -in leaf.pem -noout -ext subjectAltName, with ::1 in its short form
    let names: Vec<String> =
        read(LEAF).alternative_names().iter().map(ToString::to_string).collect();
    assert_eq!(
        names.join(", "),
        "DNS:fixture.example, DNS:*.vault.azure.net, IP Address:127.0.0.1, IP Address:::1, \
         URI:https://fixture.example/, email:team@fixture.example"
    );
    assert!(read(CHAINED).alternative_names().is_empty());
}

#[test]
fn pem_and_der_are_written_as_openssl_writes_them() {
    assert_eq!(read(LEAF).to_pem().unwrap(), LEAF);
    assert_eq!(read(LEAF).to_der().unwrap(), LEAF_DER);
    assert_eq!(Certificate::from_der(LEAF_DER).unwrap(), read(LEAF));
}

#[test]
fn base64_body_is_the_text_between_the_pem_lines() {
    let body = read(LEAF).base64_body().unwrap();
    assert_eq!(format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"), LEAF);
    assert_eq!(read(LEAF).to_base64().unwrap(), body.replace('\n', ""));
}

#[test]
fn chains_are_read_in_their_order_past_other_blocks() {
    let key = include_str!("../../fixtures/key.pem");
    let chain =
        Certificate::chain_from_pem(format!("{key}{CHAINED}\nsome text\n{ISSUING}{ROOT}")).unwrap();
    assert_eq!(chain, [read(CHAINED), read(ISSUING), read(ROOT)]);
}

#[test]
fn keys_are_matched_by_their_public_half() {
    let key = PrivateKey::from_pem(include_str!("../../fixtures/key.pem")).unwrap();
    assert!(read(LEAF).matches_key(&key));
    assert!(read(CHAINED).matches_key(&key));
    assert!(!read(ROOT).matches_key(&key));
    assert_eq!(read(LEAF).public_key().unwrap(), key.public_key().unwrap());
}

#[test]
fn issuers_are_told_by_their_signature() {
    assert!(read(CHAINED).is_issued_by(&read(ISSUING)));
    assert!(read(ISSUING).is_issued_by(&read(ROOT)));
    assert!(read(ROOT).is_issued_by(&read(ROOT)));
    assert!(!read(CHAINED).is_issued_by(&read(ROOT)));
    assert!(!read(CHAINED).is_issued_by(&read(LEAF)));
}

#[test]
fn what_is_no_certificate_is_refused() {
    let request = include_str!("../../fixtures/request.pem");
    let damaged = LEAF.replace("MIID7j", "MIID7k");
    for text in ["", "hello", request, &damaged] {
        assert_eq!(Certificate::from_pem(text).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(Certificate::chain_from_pem(text).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    let trailing = [LEAF_DER, b"x"].concat();
    for der in [&b""[..], b"0\x80", &LEAF_DER[..LEAF_DER.len() - 1], &trailing] {
        assert_eq!(Certificate::from_der(der).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

/// OpenSSL's own reader would ask for a password at the terminal.
#[test]
fn an_encrypted_certificate_is_refused() {
    let header = "CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00000000000000000000000000000000\n\n";
    let pem = include_str!("../../fixtures/leaf.pem").replacen("CERTIFICATE-----\n", header, 1);
    assert_eq!(Certificate::from_pem(&pem).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(Certificate::chain_from_pem(&pem).unwrap_err().kind(), ErrorKind::InvalidInput);
}
