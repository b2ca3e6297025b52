//! Files by every program that writes PKCS#12, one of each kind of protection; `fixtures/kinds/make.sh` made them.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{super::*, PASSWORD, decode, fails};
use crate::{
    error::{ErrorKind, Result},
    key::{KeyAlgorithm, PrivateKey},
};

fn files() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kinds");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pfx"))
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn store(bytes: &[u8]) -> Result<PfxStore> {
    Pfx::parse(bytes)?.open_store(&SecretString::from(PASSWORD))
}

#[test]
fn every_kind_gives_its_key_and_certificate() {
    let key = PrivateKey::from_pem(include_bytes!("../../../fixtures/kinds/key.pem")).unwrap();
    let leaf = Certificate::from_pem(include_bytes!("../../../fixtures/kinds/leaf.pem")).unwrap();
    let mut opened = 0;
    for (name, bytes) in files().iter().filter(|(name, _)| !name.starts_with("java")) {
        let contents = decode(bytes, PASSWORD).unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(contents.leaf(), &leaf, "{name}");
        assert_eq!(*contents.key().to_pkcs8_der().unwrap(), *key.to_pkcs8_der().unwrap(), "{name}");
        opened += 1;
    }
    assert_eq!(opened, 46);
}

#[test]
fn an_unknown_cipher_is_named() {
    let error = decode(include_bytes!("../../../fixtures/aria.pfx"), PASSWORD).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("the cipher 1.2.410.200046.1.1.12"), "{error}");
    assert!(error.hint().unwrap().contains("AES-256"));
}

#[test]
fn no_kind_opens_with_another_password() {
    for (name, bytes) in files() {
        // NSS and GnuTLS ask for 600,000 rounds each time.
        if Pfx::parse(&bytes).unwrap().rounds() > 100_000 {
            continue;
        }
        let error = decode(&bytes, "another password").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongPassword, "{name}: {error:?}");
        let error = decode(&bytes, "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PasswordRequired, "{name}: {error:?}");
    }
}

/// What a MAC is not over, such as its own empty parameters, may change without consequence.
#[test]
fn a_changed_byte_is_found_out_or_changes_nothing() {
    let (_, bytes) =
        files().into_iter().find(|(name, _)| name == "openssl-PBE-SHA1-RC4-40").unwrap();
    let sound = decode(&bytes, PASSWORD).unwrap();
    let mut found_out = 0;
    for index in (0..bytes.len()).step_by(3) {
        let mut damaged = bytes.clone();
        damaged[index] ^= 1;
        // The change may be in a number of rounds.
        let opened = Pfx::parse(&damaged)
            .and_then(|pfx| pfx.with_max_rounds(10_000).open(&SecretString::from(PASSWORD)));
        match opened {
            Ok(contents) => assert_eq!(contents.leaf(), sound.leaf(), "byte {index}"),
            Err(_) => found_out += 1,
        }
    }
    assert!(found_out > bytes.len() / 3 - 10, "{found_out} of {} bytes", bytes.len());
}

#[test]
fn all_keys_of_a_file_are_found_with_their_names_and_certificates() {
    for name in ["java-two-keys", "java-two-keys-legacy"] {
        let (_, bytes) = files().into_iter().find(|(other, _)| other == name).unwrap();
        let store = store(&bytes).unwrap();
        let names: Vec<_> = store.keys().iter().map(|key| key.friendly_name().unwrap()).collect();
        assert_eq!(names, ["first", "second"]);
        for key in store.keys() {
            // keytool gives a key and its certificate the time of their making: `Time 1795…`.
            assert!(key.local_key_id().unwrap().starts_with(b"Time "));
        }
        let subjects: Vec<_> =
            store.identities().iter().map(|identity| identity.leaf().subject()).collect();
        assert_eq!(subjects, ["CN=first", "CN=second"]);
        let second = store.identities().remove(1);
        assert_eq!(second.friendly_name(), Some("second"));
        assert!(second.leaf().matches_key(second.key()));

        // The name goes along when the contents are written again.
        let written = second.encode(&SecretString::from("again")).unwrap();
        assert_eq!(decode(&written, "again").unwrap().friendly_name(), Some("second"));
    }
}

#[test]
fn keys_of_other_kinds_than_rsa_are_opened() {
    for (bytes, algorithm) in [
        (include_bytes!("../../../fixtures/key-ed25519.pfx").as_slice(), KeyAlgorithm::EdDsa),
        (include_bytes!("../../../fixtures/key-rsa-pss.pfx").as_slice(), KeyAlgorithm::Rsa),
    ] {
        assert_eq!(decode(bytes, PASSWORD).unwrap().key().algorithm(), algorithm);
    }
}

/// The test vectors of RFC 9579, appendix A. Their password is `1234`.
#[test]
fn pbmac1_is_verified_and_forgeries_are_refused() {
    let vector = |number: usize| {
        fs::read(format!("{}/fixtures/pbmac1/a{number}.txt", env!("CARGO_MANIFEST_DIR"))).unwrap()
    };
    for number in 1..=3 {
        let contents = decode(&vector(number), "1234").unwrap();
        assert_eq!(contents.key().algorithm(), KeyAlgorithm::Rsa);
        fails(&vector(number), "12345", ErrorKind::WrongPassword);
    }
    // A key of one byte would fit one password in 256, whatever the file holds. The length of 32 stands at the end of
    // the derivation's parameters, before the identifier of its HMAC.
    let mut short = BASE64_STANDARD.decode(squeezed(&vector(1))).unwrap();
    let length = short.windows(5).rposition(|bytes| bytes == [2, 1, 32, 48, 12]).unwrap();
    short[length + 2] = 1;
    let error = decode(&short, "1234").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("has a key of 1 bytes"), "{error}");
    // A.4: a wrong iteration count, A.5: a wrong salt, A.6: no length of the key.
    for number in 4..=6 {
        fails(&vector(number), "1234", ErrorKind::Corrupt);
    }
}

fn squeezed(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

#[test]
fn rounds_within_encrypted_parts_count_as_well() {
    let (_, bytes) = files().into_iter().find(|(name, _)| name == "nss-default").unwrap();
    let pfx = Pfx::parse(&bytes).unwrap();
    let rounds = pfx.rounds();
    assert!(rounds > 0);
    let error = pfx.with_max_rounds(rounds - 1).open(&SecretString::from(PASSWORD)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}
