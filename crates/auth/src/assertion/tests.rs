//! Assertions against OpenSSL's signature of the same text, and as a reader of JWTs that is not ours sees them.

use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::x509::Facts;

const AUDIENCE: &str = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token";
const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";
const ID: &str = "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0";
const NOW: i64 = 1_700_000_000;
const KEY: &str = include_str!("../../tests/fixtures/key.pem");
const LEAF: &str = include_str!("../../tests/fixtures/leaf.pem");
const CA: &str = include_str!("../../tests/fixtures/ca.pem");

/// `openssl x509 -in leaf.pem -outform der | openssl dgst -sha256 -binary | basenc --base64url | tr -d =`
const LEAF_X5T_S256: &str = "45avz81WR8wt8dqmWmC0wVd5D3NT7lVg2c6b_CKtH1Q";

fn assertion(algorithm: AssertionAlgorithm, with_chain: bool) -> String {
    let certificate = ClientCertificate::from_pem([KEY, LEAF, CA].concat().as_bytes()).unwrap();
    let request = AssertionRequest {
        algorithm,
        with_chain,
        client_id: CLIENT_ID.parse().unwrap(),
        audience: AUDIENCE,
        now: OffsetDateTime::from_unix_timestamp(NOW).unwrap(),
        id: ID.parse().unwrap(),
    };
    request.sign(&certificate).unwrap().expose_secret().to_owned()
}

/// Verifies the signature with the public key of the certificate and gives header and claims.
fn verify(assertion: &str, algorithm: Algorithm) -> (jsonwebtoken::Header, Value) {
    let leaf = CertificateDer::from_pem_slice(LEAF.as_bytes()).unwrap();
    let key = DecodingKey::from_rsa_der(&Facts::read(&leaf).unwrap().public_key);
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    // The assertion is of 2023, so that it is the same in every run.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Value>(assertion, &key, &validation).unwrap();
    (token.header, token.claims)
}

#[test]
fn rs256_is_byte_for_byte_what_openssl_signs() {
    let expected = include_str!("../../tests/fixtures/assertion-rs256.jwt").trim_end();
    assert_eq!(assertion(AssertionAlgorithm::Rs256, false), expected);
}

#[test]
fn ps256_names_the_certificate_by_its_sha256_thumbprint() {
    let (header, claims) = verify(&assertion(AssertionAlgorithm::Ps256, false), Algorithm::PS256);
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(header.x5t_s256.as_deref(), Some(LEAF_X5T_S256));
    assert_eq!((header.x5t, header.x5c), (None, None));
    assert_eq!(
        claims,
        json!({
            "aud": AUDIENCE,
            "exp": NOW + 600,
            "iat": NOW,
            "iss": CLIENT_ID,
            "jti": ID,
            "nbf": NOW,
            "sub": CLIENT_ID,
        })
    );
}

#[test]
fn the_chain_is_sent_as_base64_of_der_with_the_leaf_first() {
    // The text between the PEM markers is that base64, in lines.
    let body = |pem: &str| pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    for (ours, theirs) in [
        (AssertionAlgorithm::Ps256, Algorithm::PS256),
        (AssertionAlgorithm::Rs256, Algorithm::RS256),
    ] {
        let (header, _) = verify(&assertion(ours, true), theirs);
        let chain = header.x5c.unwrap();
        assert_eq!(chain, [body(LEAF), body(CA)]);
        assert_eq!(STANDARD.decode(&chain[0]).unwrap().first(), Some(&0x30));
    }
}
