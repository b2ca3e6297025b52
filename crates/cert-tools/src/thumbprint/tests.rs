//! Tests of the spellings of a thumbprint.

use super::*;
use crate::error::ErrorKind;

// openssl x509 -in fixtures/leaf.pem -noout -fingerprint -sha1
const SHA1: &str = "36:36:73:3A:C8:2F:D1:B2:EC:72:E4:FB:EF:04:74:B2:6C:97:C2:0A";

#[test]
fn every_spelling_is_of_the_same_bytes() {
    let thumbprint: Thumbprint = SHA1.parse().unwrap();
    assert_eq!(thumbprint.algorithm(), ThumbprintAlgorithm::Sha1);
    assert_eq!(thumbprint.to_colon_hex(), SHA1);
    assert_eq!(thumbprint.to_hex(), SHA1.replace(':', ""));
    assert_eq!(thumbprint.to_string(), thumbprint.to_hex());
    // openssl x509 -in fixtures/leaf.pem -outform DER | openssl dgst -sha1 -binary | base64
    assert_eq!(thumbprint.to_base64(), "NjZzOsgv0bLscuT77wR0smyXwgo=");
    assert_eq!(thumbprint.to_base64url(), "NjZzOsgv0bLscuT77wR0smyXwgo");
}

#[test]
fn base64url_replaces_what_urls_cannot_hold() {
    let thumbprint = Thumbprint::new(ThumbprintAlgorithm::Sha1, [0xfb; 20]).unwrap();
    assert_eq!(thumbprint.to_base64(), "+/v7+/v7+/v7+/v7+/v7+/v7+/s=");
    assert_eq!(thumbprint.to_base64url(), "-_v7-_v7-_v7-_v7-_v7-_v7-_s");
}

#[test]
fn any_case_and_separator_is_understood() {
    let expected: Thumbprint = SHA1.parse().unwrap();
    for text in [
        SHA1.to_lowercase(),
        SHA1.replace(':', ""),
        SHA1.replace(':', " "),
        format!("\u{200e}{}\n", SHA1.replace(':', "").to_lowercase()),
    ] {
        assert_eq!(text.parse::<Thumbprint>().unwrap(), expected, "{text:?}");
    }
}

#[test]
fn what_is_no_thumbprint_is_refused() {
    let long = "0".repeat(41);
    for text in ["", "36:36", "NjZzOsgv0bLscuT77wR0smyXwgo=", &long, &SHA1.replace('A', "g")] {
        assert_eq!(
            text.parse::<Thumbprint>().unwrap_err().kind(),
            ErrorKind::InvalidInput,
            "{text}"
        );
    }
    assert!(Thumbprint::new(ThumbprintAlgorithm::Sha256, [0; 20]).is_err());
}
