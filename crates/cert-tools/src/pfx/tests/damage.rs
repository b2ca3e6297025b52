//! Files cut short anywhere, and with every byte changed: an error or a sound result, within the rounds allowed.

use super::{super::*, PASSWORD};

/// A file that asks for a single round in each place, and may spend a few more if a change makes it ask for them.
fn open(bytes: &[u8]) -> Result<PfxContents> {
    Pfx::parse(bytes)?.with_max_rounds(100).open(&SecretString::from(PASSWORD))
}

fn seed(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/quick");
    std::fs::read(format!("{folder}/{name}")).unwrap()
}

const FILES: [&str; 4] = ["modern.pfx", "legacy.pfx", "no-mac.pfx", "plain.pfx"];

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    for name in FILES {
        let sound = seed(name);
        assert!(open(&sound).is_ok(), "{name}");
        for length in 0..sound.len() {
            let error = open(&sound[..length]).unwrap_err();
            let kinds = [ErrorKind::Corrupt, ErrorKind::InvalidInput];
            assert!(kinds.contains(&error.kind()), "{name}, {length} bytes: {error:?}");
        }
    }
}

#[test]
fn a_changed_byte_gives_an_error_or_what_can_be_written_again() {
    for name in FILES {
        let sound = seed(name);
        let leaf = open(&sound).unwrap().leaf().clone();
        for index in 0..sound.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = sound.clone();
                damaged[index] ^= change;
                match open(&damaged) {
                    Ok(contents) => {
                        let pem = contents.to_pem().unwrap();
                        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
                        // A MAC is over all that is taken from a file.
                        let has_mac = !["no-mac.pfx", "plain.pfx"].contains(&name);
                        assert!(!has_mac || contents.leaf() == &leaf, "{name}, byte {index}");
                    }
                    Err(error) => {
                        assert_ne!(error.kind(), ErrorKind::Crypto, "{name}, byte {index}");
                        assert!(!format!("{error:?}").contains(PASSWORD));
                    }
                }
            }
        }
    }
}

#[test]
fn other_formats_of_one_file_stand_the_same() {
    for file in [
        include_bytes!("../../../fixtures/indefinite.pfx").as_slice(),
        include_bytes!("../../../fixtures/modern.pfx.base64"),
    ] {
        for length in (0..file.len()).filter(|length| *length < file.len() - 4) {
            assert!(Pfx::parse(&file[..length]).is_err(), "{length} bytes");
        }
        for index in 0..file.len() {
            for change in [0x01, 0x20, 0x80, 0xff] {
                let mut damaged = file.to_vec();
                damaged[index] ^= change;
                if let Err(error) = Pfx::parse(&damaged) {
                    assert_ne!(error.kind(), ErrorKind::Crypto, "byte {index}");
                }
            }
        }
    }
}
