//! Tests of the certificates made here, read back through OpenSSL's own accessors.

use time::macros::datetime;

use super::*;
use crate::thumbprint::ThumbprintAlgorithm;

fn key() -> PrivateKey {
    PrivateKey::from_pem(include_str!("../../fixtures/key.pem")).unwrap()
}

fn validity() -> Validity {
    Validity::days(datetime!(2026-01-02 03:04:05.678 UTC), 365).unwrap()
}

fn builder(name: &str) -> CertificateBuilder {
    CertificateBuilder::new(name.parse().unwrap(), validity())
}

/// What `openssl x509 -text` shows of the certificate.
fn text(certificate: &Certificate) -> String {
    String::from_utf8(certificate.openssl().to_text().unwrap()).unwrap()
}

#[test]
fn a_self_signed_certificate_has_what_was_asked_for() {
    let certificate = builder("CN=node-1,O=Contoso").self_signed(&key()).unwrap();
    assert_eq!(certificate.subject(), "CN=node-1,O=Contoso");
    assert_eq!(certificate.issuer(), "CN=node-1,O=Contoso");
    assert_eq!(certificate.not_before().unwrap(), datetime!(2026-01-02 03:04:05 UTC));
    assert_eq!(certificate.not_after().unwrap(), datetime!(2027-01-02 03:04:05 UTC));
    assert!(certificate.matches_key(&key()));
    assert!(certificate.is_issued_by(&certificate));
    let text = text(&certificate);
    for line in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "X509v3 Basic Constraints: critical\n                CA:FALSE\n",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n",
        "X509v3 Subject Key Identifier: \n                D6:CC:BD:84:24:45:06:96",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(!text.contains("Alternative Name"));
}

#[test]
fn an_authority_signs_a_tls_leaf() {
    let ca_key = PrivateKey::generate_rsa(2048).unwrap();
    let ca = builder("CN=Test CA")
        .with_use(CertificateUse::CertificateAuthority)
        .self_signed(&ca_key)
        .unwrap();
    let names =
        ["localhost", "*.vault.azure.net", "127.0.0.1", "::1"].map(|name| name.parse().unwrap());
    let leaf = builder("CN=localhost")
        .with_use(CertificateUse::TlsServer)
        .with_alternative_names(names.clone())
        .signed_by(&ca, &ca_key, &key().public_key().unwrap())
        .unwrap();

    assert!(leaf.is_issued_by(&ca));
    assert_eq!(leaf.issuer(), "CN=Test CA");
    assert!(leaf.matches_key(&key()));
    assert_eq!(leaf.alternative_names(), names);
    let (ca, leaf) = (text(&ca), text(&leaf));
    assert!(ca.contains("CA:TRUE, pathlen:0") && ca.contains("Certificate Sign, CRL Sign"), "{ca}");
    assert!(leaf.contains("TLS Web Server Authentication") && leaf.contains("CA:FALSE"), "{leaf}");
    assert!(leaf.contains("X509v3 Authority Key Identifier"), "{leaf}");
}

#[test]
fn serial_numbers_are_long_and_differ() {
    let serials: Vec<String> =
        (0..4).map(|_| builder("CN=a").self_signed(&key()).unwrap().serial().unwrap()).collect();
    for (index, serial) in serials.iter().enumerate() {
        // 128 random bits are below 2^80 once in 2^48 times.
        assert!((21..=32).contains(&serial.len()), "{serial}");
        assert!(!serials[..index].contains(serial));
    }
}

#[test]
fn two_certificates_of_one_key_have_different_thumbprints() {
    let thumbprint = || {
        builder("CN=a").self_signed(&key()).unwrap().thumbprint(ThumbprintAlgorithm::Sha1).unwrap()
    };
    assert_ne!(thumbprint(), thumbprint());
}

#[test]
fn signing_with_a_key_that_is_not_the_authoritys_is_refused() {
    let ca_key = PrivateKey::generate_rsa(2048).unwrap();
    let ca = builder("CN=Test CA")
        .with_use(CertificateUse::CertificateAuthority)
        .self_signed(&ca_key)
        .unwrap();
    let error =
        builder("CN=leaf").signed_by(&ca, &key(), &key().public_key().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMismatch);
    assert!(error.to_string().contains("CN=Test CA"), "{error}");
}

#[test]
fn validity_is_held_within_its_limits() {
    let start = datetime!(2026-01-01 0:00 UTC);
    for days in [0, 36_526, u32::MAX] {
        assert_eq!(Validity::days(start, days).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(Validity::days(datetime!(1949-12-31 23:59:59 UTC), 1).is_err());
    assert!(Validity::days(datetime!(9999-12-31 0:00 UTC), 1).is_err());
    let longest = Validity::days(datetime!(1950-01-01 0:00 UTC), 36_525).unwrap();
    assert_eq!(longest.not_after(), datetime!(2050-01-01 0:00 UTC));
}

#[test]
fn dates_on_both_sides_of_2050_are_kept() {
    // Their encoding changes there: UTCTime before, GeneralizedTime from 2050 on.
    let validity = Validity::days(datetime!(2049-12-31 23:59:59 UTC), 1).unwrap();
    let certificate =
        CertificateBuilder::new("CN=a".parse().unwrap(), validity).self_signed(&key()).unwrap();
    assert_eq!(certificate.not_before().unwrap(), datetime!(2049-12-31 23:59:59 UTC));
    assert_eq!(certificate.not_after().unwrap(), datetime!(2050-01-01 23:59:59 UTC));
}

#[test]
fn an_elliptic_curve_key_can_sign_too() {
    // openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
    let key = PrivateKey::from_pem(include_str!("../../fixtures/ec-key.pem")).unwrap();
    let certificate = builder("CN=a").self_signed(&key).unwrap();
    assert!(certificate.is_issued_by(&certificate));
    assert!(text(&certificate).contains("ecdsa-with-SHA256"));
}
