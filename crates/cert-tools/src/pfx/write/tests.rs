//! Tests of writing: what OpenSSL writes, byte for byte where nothing is random, and what it reads.

use openssl::{nid::Nid, pkcs12::Pkcs12, stack::Stack};

use super::{
    super::{
        EncodeOptions, Pfx, PfxContents,
        structure::{BagValue, Encrypted, File, Part, read_bags},
        unlock::try_decrypt,
    },
    *,
};
use crate::{error::ErrorKind, thumbprint::ThumbprintAlgorithm};

const PASSWORD: &str = "fixture-password";

fn password() -> SecretString {
    SecretString::from(PASSWORD)
}

fn fixture(name: &str) -> PfxContents {
    let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    Pfx::decode(std::fs::read(path).unwrap(), &password()).unwrap()
}

/// What OpenSSL writes for the same contents, with 2,048 rounds.
fn by_openssl(contents: &PfxContents, name: &str, pbe: Nid, mac: MessageDigest) -> Vec<u8> {
    let mut chain = Stack::new().unwrap();
    for certificate in contents.chain() {
        chain.push(certificate.openssl().to_owned()).unwrap();
    }
    Pkcs12::builder()
        .name(name)
        .pkey(contents.key().openssl())
        .cert(contents.leaf().openssl())
        .ca(chain)
        .key_algorithm(pbe)
        .cert_algorithm(pbe)
        .key_iter(2048)
        .mac_iter(2048)
        .mac_md(mac)
        .build2(PASSWORD)
        .unwrap()
        .to_der()
        .unwrap()
}

fn decrypt(encrypted: &Encrypted) -> Vec<u8> {
    let encryption = Encryption::read(&encrypted.algorithm).unwrap();
    let forms = password::forms(&password());
    let mut budget = Budget::new(2048);
    let plain = try_decrypt(&encryption, &encrypted.ciphertext, &forms[0], &mut budget);
    plain.unwrap().unwrap().to_vec()
}

/// All that is not random in a file.
#[derive(Debug, PartialEq)]
struct Layers {
    certificates: Vec<u8>,
    key: Vec<u8>,
    friendly_name: Option<String>,
    local_key_id: Option<Bytes>,
    /// Of the encryption of the two, and of the MAC.
    algorithms: [Vec<u8>; 3],
}

fn layers(file: &[u8]) -> Layers {
    let file = File::read(Bytes::copy_from_slice(file)).unwrap();
    let [Part::Encrypted(certificates), Part::Plain(key)] = file.parts.as_slice() else {
        panic!("other parts than OpenSSL's");
    };
    let mut bags = read_bags(key.clone()).unwrap();
    let (Some(bag), 0) = (bags.pop(), bags.len()) else { panic!("not one bag") };
    let BagValue::EncryptedKey(key) = bag.value else { panic!("no encrypted key") };
    let mac = file.mac.unwrap();
    Layers {
        certificates: decrypt(certificates),
        key: decrypt(&key),
        friendly_name: bag.friendly_name,
        local_key_id: bag.local_key_id,
        algorithms: [&certificates.algorithm, &key.algorithm, &mac.algorithm]
            .map(|identifier| identifier.algorithm.0.to_vec()),
    }
}

#[test]
fn a_file_is_laid_out_as_openssl_lays_it_out() {
    let contents = fixture("chain.pfx");
    let modern = EncodeOptions::default().with_rounds(2048);
    for (options, pbe, mac) in [
        (modern, Nid::AES_256_CBC, MessageDigest::sha256()),
        (EncodeOptions::legacy(), Nid::PBE_WITHSHA1AND3_KEY_TRIPLEDES_CBC, MessageDigest::sha1()),
    ] {
        let thumbprint = contents.leaf().thumbprint(ThumbprintAlgorithm::Sha1).unwrap();
        let options =
            options.with_friendly_name("Nod \u{e4}").with_local_key_id(thumbprint.as_bytes());
        let ours = contents.encode_opts(&password(), &options).unwrap();
        let theirs = by_openssl(&contents, "Nod \u{e4}", pbe, mac);
        assert_eq!(layers(&ours), layers(&theirs));
    }
}

#[test]
fn name_and_local_key_id_are_kept_when_a_file_is_written_again() {
    for file in ["kinds/java-two-keys.pfx", "kinds/nss-default.pfx", "kinds/gnutls-aes-256.pfx"] {
        let contents = fixture(file);
        assert!(contents.local_key_id().is_some() && contents.friendly_name().is_some(), "{file}");
        let written = contents.encode_opts(&password(), &EncodeOptions::legacy()).unwrap();
        let again = Pfx::parse(&written).unwrap().open_store(&password()).unwrap();
        let ids = [again.keys()[0].local_key_id(), again.certificates()[0].local_key_id()];
        assert_eq!(ids, [contents.local_key_id(); 2], "{file}");
        let names = [again.keys()[0].friendly_name(), again.certificates()[0].friendly_name()];
        assert_eq!(names, [contents.friendly_name(); 2], "{file}");

        let theirs = Pkcs12::from_der(&written).unwrap().parse2(PASSWORD).unwrap();
        assert_eq!(theirs.cert.unwrap().alias(), contents.friendly_name().map(str::as_bytes));
        assert!(theirs.pkey.unwrap().public_eq(contents.key().openssl()));
    }
}

#[test]
fn a_local_key_id_can_be_chosen_and_not_be_empty() {
    let contents = fixture("modern.pfx");
    let options = EncodeOptions::legacy().with_local_key_id(*b"Time 1700000000");
    let written = contents.encode_opts(&password(), &options).unwrap();
    let again = Pfx::decode(&written, &password()).unwrap();
    assert_eq!(again.local_key_id(), Some(&b"Time 1700000000"[..]));
    let error = contents.encode_opts(&password(), &options.with_local_key_id([])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

/// X.690, section 11.5: the iterations of a MAC are 1 by default.
#[test]
fn a_default_is_left_out() {
    let contents = fixture("modern.pfx");
    let written = |rounds| {
        let options = EncodeOptions::default().with_rounds(rounds);
        let file = contents.encode_opts(&password(), &options).unwrap();
        assert_eq!(Pfx::parse(&file).unwrap().rounds(), 3 * u64::from(rounds));
        file.len()
    };
    assert_eq!(written(1) + 3, written(2));
}

/// X.690, sections 8.1.3 and 8.3: the shortest form of lengths and of integers.
#[test]
fn lengths_and_integers_have_their_shortest_form() {
    for (number, expected) in
        [(0, &[2, 1, 0][..]), (127, &[2, 1, 127]), (128, &[2, 2, 0, 128]), (256, &[2, 2, 1, 0])]
    {
        assert_eq!(integer(number), expected);
    }
    assert_eq!(integer(u64::MAX), [&[2, 9, 0][..], &[0xff; 8]].concat());
    for (length, expected) in [
        (0, &[4, 0][..]),
        (127, &[4, 127]),
        (128, &[4, 0x81, 128]),
        (255, &[4, 0x81, 255]),
        (256, &[4, 0x82, 1, 0]),
        (65_536, &[4, 0x83, 1, 0, 0]),
    ] {
        assert_eq!(octets(&vec![7; length])[..expected.len()], *expected);
    }
}
