//! What a file may cost beyond its key-derivation rounds, and files assembled here that no program writes.

use std::iter;

use super::{
    super::{
        algorithm::{AES_256_CBC, PBES2, SCRYPT},
        structure::{
            CERTIFICATE_BAG, DATA, KEY_BAG, SAFE_CONTENTS_BAG, SHROUDED_KEY_BAG, X509_CERTIFICATE,
        },
        write::integer,
        *,
    },
    PASSWORD, certificate, decode, fails,
};
use crate::key::PrivateKey;

/// A constructed or primitive element around `content`, with a length that fits.
fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

fn oid(identifier: &bcder::ConstOid) -> Vec<u8> {
    wrapped(6, identifier.0)
}

fn data(octets: &[u8]) -> Vec<u8> {
    wrapped(0x30, &[oid(&DATA), wrapped(0xa0, &wrapped(4, octets))].concat())
}

/// A file of one part, without a MAC; `bags` stand one after the other.
fn file(bags: &[u8]) -> Vec<u8> {
    let parts = wrapped(0x30, &data(&wrapped(0x30, bags)));
    wrapped(0x30, &[&[2, 1, 3], &data(&parts)[..]].concat())
}

fn bag(kind: &bcder::ConstOid, value: &[u8]) -> Vec<u8> {
    wrapped(0x30, &[oid(kind), wrapped(0xa0, value)].concat())
}

fn key_bag() -> Vec<u8> {
    let key = PrivateKey::from_pem(include_bytes!("../../../fixtures/kinds/key.pem")).unwrap();
    bag(&KEY_BAG, &key.to_pkcs8_der().unwrap())
}

fn certificate_bag(pem: &[u8]) -> Vec<u8> {
    let value = wrapped(0xa0, &wrapped(4, &certificate(pem).to_der().unwrap()));
    bag(&CERTIFICATE_BAG, &wrapped(0x30, &[oid(&X509_CERTIFICATE), value].concat()))
}

fn leaf_bag() -> Vec<u8> {
    certificate_bag(include_bytes!("../../../fixtures/kinds/leaf.pem"))
}

#[test]
fn bags_within_bags_are_read_to_a_depth_and_then_refused() {
    let nested = |depth: usize| {
        (0..depth).fold(Vec::new(), |bags, _| bag(&SAFE_CONTENTS_BAG, &wrapped(0x30, &bags)))
    };
    fails(&file(&nested(8)), "", ErrorKind::NotFound);
    fails(&file(&nested(9)), "", ErrorKind::Corrupt);
    // Were each level read to its end, this would take minutes.
    let deep = file(&nested(3000));
    assert_eq!(Pfx::parse(&deep).unwrap().rounds(), 0);
    fails(&deep, "", ErrorKind::Corrupt);
}

/// The encrypted key is one that OpenSSL made (`scrypt-key.p8`); OpenSSL reads the assembled file as well.
#[test]
fn an_encrypted_key_in_a_nested_bag_counts_and_opens_without_a_mac() {
    let key = bag(&SHROUDED_KEY_BAG, include_bytes!("../../../fixtures/scrypt-key.p8"));
    let nested = bag(&SAFE_CONTENTS_BAG, &wrapped(0x30, &key));
    let nested = bag(&SAFE_CONTENTS_BAG, &wrapped(0x30, &nested));
    let leaf = certificate_bag(include_bytes!("../../../fixtures/leaf.pem"));
    let file = file(&[leaf, nested].concat());

    let pfx = Pfx::parse(&file).unwrap();
    assert!(pfx.is_protected());
    // `openssl asn1parse -inform DER -in scrypt-key.p8`: N is 0x4000, r is 8, p is 1.
    assert_eq!(pfx.rounds(), 0x4000 * 8);
    super::opens(&file, PASSWORD);
    fails(&file, "another password", ErrorKind::WrongPassword);
    fails(&file, "", ErrorKind::PasswordRequired);
    let theirs = openssl::pkcs12::Pkcs12::from_der(&file).unwrap().parse2(PASSWORD).unwrap();
    let key = decode(&file, PASSWORD).unwrap();
    assert!(theirs.pkey.unwrap().public_eq(key.key().openssl()));
}

#[test]
fn scrypt_is_limited_in_work_and_in_memory() {
    let with = |cost: u64, block_size: u64, parallelization: u64| {
        let numbers = [cost, block_size, parallelization].map(integer).concat();
        let parameters = wrapped(0x30, &[wrapped(4, b"salt"), numbers].concat());
        let derivation = wrapped(0x30, &[oid(&SCRYPT), parameters].concat());
        let scheme = wrapped(0x30, &[oid(&AES_256_CBC), wrapped(4, &[0; 16])].concat());
        let pbes2 = [oid(&PBES2), wrapped(0x30, &[derivation, scheme].concat())].concat();
        let key = [wrapped(0x30, &pbes2), wrapped(4, &[0; 16])].concat();
        file(&bag(&SHROUDED_KEY_BAG, &wrapped(0x30, &key)))
    };
    fails(&with(2, 1, 1), PASSWORD, ErrorKind::WrongPassword);
    // N·r·p is within ten million, 128·N·r is a gibibyte.
    let greedy = with(1 << 16, 127, 1);
    assert_eq!(Pfx::parse(&greedy).unwrap().rounds(), (1 << 16) * 127);
    fails(&greedy, PASSWORD, ErrorKind::LimitExceeded);
    // N·r·p is beyond ten million, by each of them, and beyond 64 bits.
    for (cost, block_size, parallelization) in
        [(1 << 24, 1, 1), (2, 1 << 24, 1), (2, 1, 1 << 24), (1 << 63, u64::MAX, u64::MAX)]
    {
        fails(&with(cost, block_size, parallelization), PASSWORD, ErrorKind::LimitExceeded);
    }
    // N must be a power of two, r and p at least one.
    for (cost, block_size, parallelization) in
        [(3, 1, 1), (1, 1, 1), (0, 1, 1), (2, 0, 1), (2, 1, 0)]
    {
        fails(&with(cost, block_size, parallelization), PASSWORD, ErrorKind::LimitExceeded);
    }
}

#[test]
fn a_long_key_of_a_mac_counts_for_all_its_rounds() {
    let path = format!("{}/fixtures/pbmac1/a1.txt", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = input::to_binary(&std::fs::read(path).unwrap()).unwrap().to_vec();
    let rounds = Pfx::parse(&bytes).unwrap().rounds();
    // The length of 32 bytes stands before the identifier of the HMAC; 127 bytes are four digests of SHA-256.
    let at = bytes.windows(5).rposition(|bytes| bytes == [2, 1, 32, 48, 12]).unwrap();
    bytes[at + 2] = 127;
    assert_eq!(Pfx::parse(&bytes).unwrap().rounds(), rounds + 3 * 2048);
}

#[test]
fn keys_and_certificates_are_limited_in_number() {
    let times = |bag: Vec<u8>, count| iter::repeat_n(bag, count).flatten().collect::<Vec<u8>>();
    let keys = |count| file(&[times(key_bag(), count), leaf_bag()].concat());
    assert!(decode(&keys(Pfx::MAX_KEYS), "").is_ok());
    fails(&keys(Pfx::MAX_KEYS + 1), "", ErrorKind::LimitExceeded);
    // Each of many certificates fits each of many keys, and names each other as its issuer.
    let certificates =
        |count| file(&[times(key_bag(), Pfx::MAX_KEYS), times(leaf_bag(), count)].concat());
    let store = Pfx::parse(certificates(Pfx::MAX_CERTIFICATES)).unwrap();
    let store = store.open_store(&SecretString::from("")).unwrap();
    assert_eq!(store.certificates().len(), Pfx::MAX_CERTIFICATES);
    assert_eq!(store.into_contents().unwrap().chain().len(), Pfx::MAX_CERTIFICATES - 1);
    fails(&certificates(Pfx::MAX_CERTIFICATES + 1), "", ErrorKind::LimitExceeded);
}

#[test]
fn a_file_is_limited_in_size() {
    let bytes = |size| file(&wrapped(0x30, &vec![5; size]));
    fails(&bytes(Pfx::MAX_BYTES), "", ErrorKind::LimitExceeded);
    // The head of an element before and after takes some sixty bytes.
    let error = decode(&bytes(Pfx::MAX_BYTES - 100), "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn a_huge_identifier_is_not_shown() {
    let algorithm = wrapped(0x30, &wrapped(6, &vec![0x7f; 1 << 20]));
    let key = bag(&SHROUDED_KEY_BAG, &wrapped(0x30, &[algorithm, wrapped(4, b"x")].concat()));
    let error = decode(&file(&key), "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().len() < 200, "{error}");
}
