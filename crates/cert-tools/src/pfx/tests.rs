//! Tests of opening files made by OpenSSL's command line, of refusing bad ones, and of writing.

mod damage;
mod kinds;
mod limits;

use std::error::Error as _;

use openssl::pkcs12::Pkcs12;

use super::*;
use crate::key::PrivateKey;

const PASSWORD: &str = "fixture-password";

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../fixtures/", $name)).as_slice()
    };
}

fn decode(bytes: &[u8], password: &str) -> Result<PfxContents> {
    Pfx::decode(bytes, &SecretString::from(password))
}

fn certificate(pem: &[u8]) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

#[track_caller]
fn opens(bytes: &[u8], password: &str) {
    let contents = decode(bytes, password).unwrap();
    assert_eq!(contents.key().to_pkcs8_pem().unwrap().as_bytes(), fixture!("key.pem"));
    assert_eq!(contents.leaf(), &certificate(fixture!("leaf.pem")));
    assert!(contents.chain().is_empty());
}

#[track_caller]
fn fails(bytes: &[u8], password: &str, kind: ErrorKind) {
    let error = decode(bytes, password).unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    let shown = format!("{error} {error:?} {:?}", error.source().map(ToString::to_string));
    assert!(password.len() < 4 || !shown.contains(password), "{shown}");
}

#[test]
fn every_usual_protection_is_opened() {
    opens(fixture!("modern.pfx"), PASSWORD);
    opens(fixture!("legacy-rc2-40.pfx"), PASSWORD);
    opens(fixture!("legacy-3des.pfx"), PASSWORD);
    opens(fixture!("indefinite.pfx"), PASSWORD);
    opens(fixture!("no-mac.pfx"), PASSWORD);
    opens(fixture!("empty-password.pfx"), "");
    opens(fixture!("unicode-password.pfx"), "pässwörd🔑");
    opens(fixture!("unprotected.pfx"), "");
    opens(fixture!("modern.pfx.base64"), PASSWORD);
}

#[test]
fn digests_are_right_after_legacy_algorithms_were_used() {
    opens(fixture!("legacy-rc2-40.pfx"), PASSWORD);
    let leaf = certificate(fixture!("leaf.pem"));
    let thumbprint = leaf.thumbprint(crate::thumbprint::ThumbprintAlgorithm::Sha1).unwrap();
    assert_eq!(thumbprint.to_hex(), "3636733AC82FD1B2EC72E4FBEF0474B26C97C20A");
}

#[test]
fn a_chain_comes_out_in_order_of_issue() {
    let contents = decode(fixture!("chain.pfx"), PASSWORD).unwrap();
    assert_eq!(contents.leaf(), &certificate(fixture!("chained.pem")));
    assert_eq!(
        contents.chain(),
        [certificate(fixture!("issuing.pem")), certificate(fixture!("root.pem"))]
    );
    let expected = [
        fixture!("key.pem"),
        fixture!("chained.pem"),
        fixture!("issuing.pem"),
        fixture!("root.pem"),
    ];
    assert_eq!(contents.to_pem().unwrap().as_bytes(), expected.concat());
}

#[test]
fn certificates_are_taken_from_a_file_without_a_key() {
    let open =
        |file: &[u8]| Pfx::parse(file).unwrap().open_certificates(&SecretString::from(PASSWORD));
    assert_eq!(open(fixture!("no-key.pfx")).unwrap(), [certificate(fixture!("leaf.pem"))]);
    let chain = ["chained.pem", "root.pem", "issuing.pem"];
    let chain = chain.map(|name| certificate(&std::fs::read(format!("fixtures/{name}")).unwrap()));
    assert_eq!(open(fixture!("chain.pfx")).unwrap(), chain);
}

#[test]
fn a_wrong_password_is_told_apart_from_a_missing_one() {
    for file in [
        fixture!("modern.pfx"),
        fixture!("legacy-rc2-40.pfx"),
        fixture!("indefinite.pfx"),
        fixture!("no-mac.pfx"),
        fixture!("unicode-password.pfx"),
    ] {
        fails(file, "wrong-password", ErrorKind::WrongPassword);
        fails(file, "", ErrorKind::PasswordRequired);
    }
    fails(fixture!("empty-password.pfx"), "wrong-password", ErrorKind::WrongPassword);
}

#[test]
fn damage_is_told_apart_from_a_wrong_password() {
    fails(fixture!("truncated.pfx"), PASSWORD, ErrorKind::Corrupt);
    fails(fixture!("altered.pfx"), PASSWORD, ErrorKind::Corrupt);
    fails(fixture!("altered.pfx"), "wrong-password", ErrorKind::WrongPassword);
}

#[test]
fn other_files_are_called_what_they_are() {
    fails(b"", PASSWORD, ErrorKind::InvalidInput);
    fails(b"hello", PASSWORD, ErrorKind::InvalidInput);
    fails(fixture!("leaf.pem"), PASSWORD, ErrorKind::InvalidInput);
    fails(fixture!("leaf.der"), PASSWORD, ErrorKind::InvalidInput);
    fails(fixture!("no-key.pfx"), PASSWORD, ErrorKind::NotFound);
}

#[test]
fn a_nul_in_the_password_is_refused_instead_of_a_panic() {
    fails(fixture!("modern.pfx"), "fixture\0password", ErrorKind::InvalidInput);
    let contents = decode(fixture!("modern.pfx"), PASSWORD).unwrap();
    let error = contents.encode(&SecretString::from("a\0b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let options = EncodeOptions::default().with_friendly_name("a\0b");
    let error = contents.encode_opts(&SecretString::from("ab"), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[test]
fn rounds_are_counted_before_anything_is_derived() {
    // `openssl pkcs12 -info -noout` names 2048 rounds for each of the MAC, the certificate and the key.
    for file in [fixture!("modern.pfx"), fixture!("legacy-rc2-40.pfx"), fixture!("indefinite.pfx")]
    {
        assert_eq!(Pfx::parse(file).unwrap().rounds(), 3 * 2048);
    }
    // Without a MAC, OpenSSL encrypts the key alone.
    assert_eq!(Pfx::parse(fixture!("no-mac.pfx")).unwrap().rounds(), 2048);
    assert_eq!(Pfx::parse(fixture!("unprotected.pfx")).unwrap().rounds(), 0);
    assert_eq!(Pfx::parse(fixture!("greedy.pfx")).unwrap().rounds(), 3 * 0x7fff_ffff);
}

#[test]
fn a_file_that_asks_for_too_many_rounds_is_refused() {
    fails(fixture!("greedy.pfx"), PASSWORD, ErrorKind::LimitExceeded);
    let open = |max_rounds| {
        let password = SecretString::from(PASSWORD);
        Pfx::parse(fixture!("modern.pfx")).unwrap().with_max_rounds(max_rounds).open(&password)
    };
    assert_eq!(open(3 * 2048 - 1).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert!(open(3 * 2048).is_ok());
}

#[test]
fn what_is_written_is_modern_and_reads_back() {
    let contents = decode(fixture!("chain.pfx"), PASSWORD).unwrap();
    let options = EncodeOptions::default().with_friendly_name("node-1").with_rounds(5000);
    let written = contents.encode_opts(&SecretString::from("new password"), &options).unwrap();

    let file = Pfx::parse(&written).unwrap();
    assert!(file.is_protected());
    assert_eq!(file.rounds(), 3 * 5000);
    let again = file.open(&SecretString::from("new password")).unwrap();
    assert_eq!(again.leaf(), contents.leaf());
    assert_eq!(again.chain(), contents.chain());
    assert_eq!(*again.to_pem().unwrap(), *contents.to_pem().unwrap());
    // The identifiers of AES-256-CBC, of hmacWithSHA256 (twice, for key and certificate) and of SHA-256 for the MAC.
    for (identifier, count) in [
        (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a][..], 2),
        (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09][..], 2),
        (&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01][..], 1),
    ] {
        assert_eq!(
            written.windows(identifier.len()).filter(|window| *window == identifier).count(),
            count
        );
    }
    // The friendly name is in the certificate's bag, where OpenSSL finds it.
    let parsed = Pkcs12::from_der(&written).unwrap().parse2("new password").unwrap();
    assert_eq!(parsed.cert.unwrap().alias(), Some(&b"node-1"[..]));
}

#[test]
fn what_is_written_for_old_windows_uses_old_algorithms_alone() {
    let contents = decode(fixture!("chain.pfx"), PASSWORD).unwrap();
    let written =
        contents.encode_opts(&SecretString::from(PASSWORD), &EncodeOptions::legacy()).unwrap();
    assert_eq!(Pfx::parse(&written).unwrap().rounds(), 3 * 2048);
    let again = decode(&written, PASSWORD).unwrap();
    assert_eq!(again.chain(), contents.chain());
    // 1.2.840.113549.1.12.1.3, for key and certificates; and nothing of PKCS#5.
    let count = |oid: &[u8]| written.windows(oid.len()).filter(|window| *window == oid).count();
    assert_eq!(count(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01, 0x03]), 2);
    assert_eq!(count(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05]), 0);
}

#[test]
fn pem_has_the_key_in_the_form_asked_for() {
    let contents = decode(fixture!("modern.pfx"), PASSWORD).unwrap();
    let traditional = contents.to_pem_opts(&PemOptions::default().with_traditional_key()).unwrap();
    let expected = [fixture!("key-pkcs1.pem"), fixture!("leaf.pem")].concat();
    assert_eq!(traditional.as_bytes(), expected);
    let password = SecretString::from("pass");
    let encrypted = contents.to_pem_opts(&PemOptions::default().with_password(password.clone()));
    let key = PrivateKey::from_encrypted_pem(&*encrypted.unwrap(), &password).unwrap();
    assert_eq!(key.to_pkcs8_pem().unwrap().as_bytes(), fixture!("key.pem"));
}

#[test]
fn an_empty_password_is_written_and_read() {
    let contents = decode(fixture!("modern.pfx"), PASSWORD).unwrap();
    let written = contents.encode(&SecretString::from("")).unwrap();
    assert!(decode(&written, "").is_ok());
    fails(&written, "wrong-password", ErrorKind::WrongPassword);
}

#[test]
fn rounds_outside_their_limits_are_not_written() {
    let contents = decode(fixture!("modern.pfx"), PASSWORD).unwrap();
    for rounds in [0, 10_000_001, u32::MAX] {
        let options = EncodeOptions::default().with_rounds(rounds);
        let error = contents.encode_opts(&SecretString::from(PASSWORD), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_key_and_a_strange_certificate_are_not_put_together() {
    let key = PrivateKey::from_pem(fixture!("key.pem")).unwrap();
    let error = PfxContents::new(key, certificate(fixture!("root.pem")), Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyMismatch);
}

#[test]
fn debug_shows_no_key() {
    let contents = decode(fixture!("modern.pfx"), PASSWORD).unwrap();
    let shown = format!("{contents:?} {:?}", Pfx::parse(fixture!("modern.pfx")).unwrap());
    assert!(shown.contains("[REDACTED]") && !shown.contains("PRIVATE"), "{shown}");
}
