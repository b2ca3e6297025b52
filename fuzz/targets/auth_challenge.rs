//! What a service or an environment says in one line: challenges, claims, lists of tenants, thumbprints.
#![no_main]

use azconnect_auth::{AllowedTenants, Thumbprint, TokenRequest};
use azconnect_fuzz::{bounded, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| {
    if let Err(error) = TokenRequest::from_challenge(input) {
        check_error(&error, &[]);
    }
    // Claims of a challenge may hold what is nobody else's business: every error is the same.
    if let Err(error) = TokenRequest::default().with_claims(input) {
        let of_nothing = TokenRequest::default().with_claims("").map(|_| ());
        assert_eq!(Err(format!("{error:?}")), of_nothing.map_err(|error| format!("{error:?}")));
    }
    if let Err(error) = input.parse::<AllowedTenants>() {
        check_error(&error, &[]);
    }
    match input.parse::<Thumbprint>() {
        Ok(thumbprint) => {
            let again = format!("{thumbprint:?}").parse::<Thumbprint>();
            assert!(again.is_ok_and(|again| again == thumbprint), "{input:?}");
        }
        Err(error) => check_error(&error, &[]),
    }
}));
