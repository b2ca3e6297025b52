//! Client assertions: the signed statement by which an app proves that it holds the private key of
//! a registered certificate.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>,
//! RFC 7523 section 3.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;

use crate::directory::{AppCredentials, RegisteredCertificate};

/// Why an assertion is not accepted; each has its own number at Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AssertionRejection {
    /// `iss` or `sub` is not the client id.
    OtherClient,
    /// No JWT, an algorithm that is not accepted, a claim missing or of the wrong type.
    Malformed(&'static str),
    /// The `jti` was used before.
    Replayed,
    /// `now` is before `nbf` or not before `exp`.
    OutsideLifetime { not_before: i64, expires: i64 },
    /// No registered certificate has the thumbprint.
    UnknownKey { thumbprint: String },
    /// `aud` is not the token endpoint.
    WrongAudience { found: String },
    /// The certificate is registered, but did not sign this.
    WrongSignature { thumbprint: String },
}

/// The `jti`s seen, each until its assertion expires.
#[derive(Debug, Default)]
pub(crate) struct UsedAssertions(Mutex<HashMap<(String, String), i64>>);

#[derive(Deserialize)]
struct Claims {
    aud: Option<String>,
    exp: Option<i64>,
    iss: Option<String>,
    jti: Option<String>,
    nbf: Option<i64>,
    sub: Option<String>,
}

/// Checks an assertion in the order of trust: key, signature, then what it says.
///
/// `audiences`: the spellings of the token endpoint. `now`: seconds since 1970.
pub(crate) fn verify(
    assertion: &str,
    client_id: &str,
    credentials: &AppCredentials,
    audiences: &[String],
    used: &UsedAssertions,
    now: i64,
) -> Result<(), AssertionRejection> {
    use AssertionRejection::{
        Malformed, OtherClient, OutsideLifetime, Replayed, WrongAudience, WrongSignature,
    };
    let header = decode_header(assertion).map_err(|_| Malformed("it is no JWT"))?;
    if !matches!(header.alg, Algorithm::PS256 | Algorithm::RS256) {
        return Err(Malformed("its algorithm is neither PS256 nor RS256"));
    }
    let (certificate, thumbprint) = signer(&header, credentials)?;
    let claims = decode::<Claims>(assertion, &certificate.public_key, &only_signature(header.alg))
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => WrongSignature { thumbprint },
            _ => Malformed("its claims cannot be read"),
        })?
        .claims;

    let audience = claims.aud.ok_or(Malformed("it has no `aud`"))?;
    if !audiences.contains(&audience) {
        return Err(WrongAudience { found: audience });
    }
    for id in [claims.iss, claims.sub] {
        if !id.is_some_and(|id| id.eq_ignore_ascii_case(client_id)) {
            return Err(OtherClient);
        }
    }
    let expires = claims.exp.ok_or(Malformed("it has no `exp`"))?;
    let not_before = claims.nbf.unwrap_or(i64::MIN);
    if now < not_before || expires <= now {
        return Err(OutsideLifetime { not_before, expires });
    }
    let jti = claims.jti.filter(|jti| !jti.is_empty()).ok_or(Malformed("it has no `jti`"))?;
    if used.first_use(client_id, jti, expires, now) { Ok(()) } else { Err(Replayed) }
}

/// The registered certificate that the header points at, and how it was pointed at.
fn signer(
    header: &Header,
    credentials: &AppCredentials,
) -> Result<(RegisteredCertificate, String), AssertionRejection> {
    let (thumbprint, certificate) = match (&header.x5t_s256, &header.x5t) {
        (Some(sha256), _) => {
            let thumbprint = base64url(sha256);
            let found = credentials.certificate(|known| known.sha256 == thumbprint);
            (thumbprint, found)
        }
        (None, Some(sha1)) => {
            let thumbprint = base64url(sha1);
            let found = credentials.certificate(|known| known.sha1 == thumbprint);
            (thumbprint, found)
        }
        (None, None) => {
            return Err(AssertionRejection::Malformed("it has neither `x5t#S256` nor `x5t`"));
        }
    };
    match certificate {
        Some(certificate) => Ok((certificate, thumbprint)),
        None => Err(AssertionRejection::UnknownKey { thumbprint }),
    }
}

/// Entra takes standard base64 as well, which azure_identity for Rust sends.
fn base64url(text: &str) -> String {
    text.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// The claims are checked here, each with its own answer.
fn only_signature(algorithm: Algorithm) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules
}

impl UsedAssertions {
    fn first_use(&self, client_id: &str, jti: String, expires: i64, now: i64) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, expires| *expires > now);
        used.insert((client_id.to_owned(), jti), expires).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jti_counts_per_client_and_until_it_expires() {
        let used = UsedAssertions::default();
        assert!(used.first_use("a", "1".into(), 100, 0));
        assert!(!used.first_use("a", "1".into(), 100, 50));
        assert!(used.first_use("b", "1".into(), 100, 50));
        assert!(used.first_use("a", "1".into(), 200, 100));
    }

    #[test]
    fn a_thumbprint_is_compared_in_base64url() {
        // RFC 4648 section 5: the alphabets differ in the last two characters.
        assert_eq!(base64url("a+/b=="), "a-_b");
    }
}
