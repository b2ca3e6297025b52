//! The bags of a PKCS#12 file: the input stands inside a file whose outer layers are right.
#![no_main]

use azconnect_cert_tools::Pfx;
use azconnect_fuzz::{MAX_ROUNDS, OTHER_PASSWORD, PASSWORD, bounded, check_contents, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| bounded(|| {
    let file = match Pfx::parse(around(input)) {
        Ok(file) => file.with_max_rounds(MAX_ROUNDS),
        Err(error) => return check_error(&error, &[]),
    };
    for password in [PASSWORD, OTHER_PASSWORD, ""] {
        match file.open_store(&password.to_owned().into()) {
            Ok(store) => {
                let _ = format!("{store:?}");
                store.identities().iter().for_each(check_contents);
            }
            Err(error) => check_error(&error, &[password]),
        }
    }
}));

/// `PFX { version 3, data { SEQUENCE OF { data { SEQUENCE { input } } } } }`, without a MAC.
fn around(input: &[u8]) -> Vec<u8> {
    let bags = wrapped(0x30, input);
    let parts = wrapped(0x30, &data(&bags));
    wrapped(0x30, &[&[2, 1, 3], data(&parts).as_slice()].concat())
}

fn data(octets: &[u8]) -> Vec<u8> {
    /// 1.2.840.113549.1.7.1
    const DATA: &[u8] = &[6, 9, 42, 134, 72, 134, 247, 13, 1, 7, 1];
    wrapped(0x30, &[DATA, &wrapped(0xa0, &wrapped(4, octets))].concat())
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a short input").to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}
