//! Thumbprints as people copy them, and the file names of a Batch node's folder.
#![no_main]

use azconnect_cert_tools::{BatchCertificate, Thumbprint};
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| {
    // The first line is a thumbprint, the others are the names that a folder holds.
    let (first, names) = input.split_once('\n').unwrap_or((input, ""));
    let thumbprint = match first.parse::<Thumbprint>() {
        Ok(thumbprint) => thumbprint,
        Err(error) => return check_error(&error, &[]),
    };
    for text in [thumbprint.to_hex(), thumbprint.to_colon_hex(), thumbprint.to_string()] {
        assert_eq!(text.parse::<Thumbprint>().as_ref().ok(), Some(&thumbprint));
    }
    match BatchCertificate::among("/certs", &thumbprint, names.split('\n')) {
        Ok(files) => {
            // Whatever the folder holds, what is read lies in it.
            assert_eq!(files.pfx_path().parent(), Some("/certs".as_ref()));
            assert_eq!(files.password_path().parent(), Some("/certs".as_ref()));
        }
        Err(error) => check_error(&error, &[]),
    }
}));
