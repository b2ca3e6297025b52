//! Client assertions: the signed statement by which an app proves that it holds the private key of
//! a registered certificate.
//!
//! Spec: <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>,
//! RFC 7523 section 3.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
};

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde::Deserialize;

use crate::directory::{AppCredentials, RegisteredCertificate};

/// Why an assertion is not accepted; each has its own number at Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AssertionRejection {
    /// The app trusts no token with this claim.
    NotFederated { claim: &'static str, found: String },
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
    /// The issuer that the app trusts did not sign this.
    WrongFederatedSignature,
    /// The certificate is registered, but did not sign this.
    WrongSignature { thumbprint: String },
}

/// The `jti`s seen, each until its assertion expires.
#[derive(Debug, Default)]
pub(crate) struct UsedAssertions(Mutex<HashMap<Identifier, Use>>);

/// A `jti` is one client's own.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Identifier {
    client_id: String,
    jti: String,
}

/// The assertion that a `jti` was used in.
#[derive(Debug)]
struct Use {
    expires: i64,
    signature: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: Option<String>,
    // MSAL for Python sends times with fractions, which RFC 7519 section 2 allows.
    exp: Option<f64>,
    iss: Option<String>,
    jti: Option<String>,
    nbf: Option<f64>,
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
    let expires = whole_seconds(claims.exp.ok_or(Malformed("it has no `exp`"))?);
    let not_before = claims.nbf.map_or(i64::MIN, whole_seconds);
    if now + ROUNDED_UP < not_before || expires <= now {
        return Err(OutsideLifetime { not_before, expires });
    }
    let jti = claims.jti.filter(|jti| !jti.is_empty()).ok_or(Malformed("it has no `jti`"))?;
    let identifier = Identifier { client_id: client_id.to_owned(), jti };
    let signature = assertion.rsplit('.').next().unwrap_or_default().to_owned();
    match used.record(identifier, Use { expires, signature }, now) {
        Seen::Never => Ok(()),
        Seen::Same if credentials.allows_assertion_reuse() => Ok(()),
        Seen::Same | Seen::Other => Err(Replayed),
    }
}

/// MSAL for JavaScript rounds the current time to whole seconds, so half of its assertions begin up to
/// half a second from now.
const ROUNDED_UP: i64 = 1;

/// Cuts the fraction off. What lies outside of `i64` becomes its nearest end.
#[expect(clippy::cast_possible_truncation, reason = "that is what the function is for")]
pub(super) fn whole_seconds(time: f64) -> i64 {
    time.floor() as i64
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

/// In what a `jti` was seen before.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Never,
    /// In another assertion: an identifier that identifies two things.
    Other,
    /// In this very assertion.
    Same,
}

impl UsedAssertions {
    fn record(&self, identifier: Identifier, this: Use, now: i64) -> Seen {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, earlier| earlier.expires > now);
        match used.entry(identifier) {
            Entry::Vacant(entry) => {
                entry.insert(this);
                Seen::Never
            }
            Entry::Occupied(entry) if entry.get().signature == this.signature => Seen::Same,
            Entry::Occupied(_) => Seen::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jti_counts_per_client_and_until_it_expires() {
        let used = UsedAssertions::default();
        let record = |client: &str, expires, signature: &str, now| {
            let identifier = Identifier { client_id: client.into(), jti: "1".into() };
            used.record(identifier, Use { expires, signature: signature.into() }, now)
        };
        assert_eq!(record("a", 100, "first", 0), Seen::Never);
        assert_eq!(record("a", 100, "first", 50), Seen::Same);
        assert_eq!(record("a", 150, "second", 50), Seen::Other);
        assert_eq!(record("b", 100, "first", 50), Seen::Never);
        assert_eq!(record("a", 200, "third", 100), Seen::Never);
    }

    #[test]
    fn a_thumbprint_is_compared_in_base64url() {
        // RFC 4648 section 5: the alphabets differ in the last two characters.
        assert_eq!(base64url("a+/b=="), "a-_b");
    }
}
