//! Identifiers as people write them.
#![no_main]

use std::{fmt::Display, str::FromStr};

use azconnect_auth::{ClientId, Error, Identity, ResourceId, TenantId};
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| {
    check::<ClientId>(input);
    check::<Identity>(input);
    check::<ResourceId>(input);
    check::<TenantId>(input);
}));

/// What was parsed is parsed again from its own text.
fn check<T: FromStr<Err = Error> + Display + PartialEq>(input: &str) {
    match input.parse::<T>() {
        Ok(id) => {
            let text = id.to_string();
            assert!(text.parse::<T>().is_ok_and(|again| again == id), "{text:?}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
        Err(error) => check_error(&error, &[]),
    }
}
