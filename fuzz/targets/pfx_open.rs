//! PKCS#12 files opened with the right password, with another one and with none.
#![no_main]

use azconnect_cert_tools::{EncodeOptions, Pfx};
use azconnect_fuzz::{
    MAX_ROUNDS, OTHER_PASSWORD, PASSWORD, bounded, check_contents, check_error, is_told_of_input,
};
use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(file) = Pfx::parse(input) else {
        // That is the work of another target.
        return Corpus::Reject;
    };
    let file = file.with_max_rounds(MAX_ROUNDS);
    for password in [PASSWORD, OTHER_PASSWORD, ""] {
        bounded(|| open(&file, password));
    }
    Corpus::Keep
});

fn open(file: &Pfx, password: &str) {
    let secret = password.to_owned().into();
    let store = match file.open_store(&secret) {
        Ok(store) => store,
        Err(error) => {
            assert!(is_told_of_input(error.kind()), "{error:?}");
            return check_error(&error, &[password]);
        }
    };
    let identities = store.identities();
    assert!(identities.len() <= store.keys().len());
    let Some(contents) = identities.first() else {
        return check_error(&store.into_contents().expect_err("nothing to take"), &[password]);
    };
    check_contents(contents);
    let options = EncodeOptions::default().with_rounds(1);
    let written = contents.encode_opts(&secret, &options).expect("what was read can be written");
    let again = Pfx::decode(&written, &secret).expect("what was written can be read");
    assert_eq!(again.leaf(), contents.leaf());
    assert_eq!(again.chain(), contents.chain());
    // A name with a NUL is one that other programs would cut short.
    let name = contents.friendly_name().filter(|name| !name.contains('\0'));
    assert_eq!(again.friendly_name(), name);
    if let Some(id) = contents.local_key_id().filter(|id| !id.is_empty()) {
        assert_eq!(again.local_key_id(), Some(id));
    }
    assert_eq!(again.to_pem().ok(), contents.to_pem().ok());
}
