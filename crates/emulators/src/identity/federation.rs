//! Workload identity federation: an app trusts tokens of another issuer in place of a secret.
//!
//! Spec: <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;

use super::assertion::{AssertionRejection, whole_seconds};
use crate::{
    directory::{AppCredentials, FederatedKey},
    tokens::TokenAuthority,
};

/// What is compared with the federated identity credentials of the app.
#[derive(Debug, Deserialize)]
struct Claims {
    aud: Option<Audience>,
    exp: Option<f64>,
    iss: Option<String>,
    nbf: Option<f64>,
    sub: Option<String>,
}

/// RFC 7519 section 4.1.3: one string, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whether the assertion is somebody else's token: its issuer is a URL, and not the client itself.
pub(super) fn is_foreign(assertion: &str) -> bool {
    peek(assertion).and_then(|claims| claims.iss).is_some_and(|iss| iss.starts_with("https://"))
}

/// Checks a foreign token against the federated identity credentials of the app: issuer, subject,
/// audience, then the signature by the issuer's key, then the time.
///
/// `now`: seconds since 1970.
pub(super) fn verify(
    assertion: &str,
    credentials: &AppCredentials,
    tokens: &TokenAuthority,
    now: i64,
) -> Result<(), AssertionRejection> {
    use AssertionRejection::{Malformed, NotFederated, OutsideLifetime, WrongFederatedSignature};
    let claims = peek(assertion).ok_or(Malformed("it is no JWT"))?;
    let issuer = claims.iss.ok_or(Malformed("it has no `iss`"))?;
    let subject = claims.sub.ok_or(Malformed("it has no `sub`"))?;
    let audiences = match claims.aud.ok_or(Malformed("it has no `aud`"))? {
        Audience::One(audience) => vec![audience],
        Audience::Several(audiences) => audiences,
    };
    let federated = credentials.federated();
    let of_issuer: Vec<_> = federated.iter().filter(|one| one.issuer == issuer).collect();
    if of_issuer.is_empty() {
        return Err(NotFederated { claim: "issuer", found: issuer });
    }
    let of_subject: Vec<_> = of_issuer.into_iter().filter(|one| one.subject == subject).collect();
    if of_subject.is_empty() {
        return Err(NotFederated { claim: "subject", found: subject });
    }
    let Some(credential) =
        of_subject.into_iter().find(|one| audiences.iter().any(|aud| one.audiences.contains(aud)))
    else {
        return Err(NotFederated { claim: "audience", found: audiences.join(", ") });
    };
    let header = decode_header(assertion).map_err(|_| Malformed("it is no JWT"))?;
    if header.alg != Algorithm::RS256 {
        return Err(Malformed("its algorithm is not RS256"));
    }
    let key = match &credential.key {
        FederatedKey::OfTenant => tokens.verifying_key(),
        FederatedKey::Known(key) => key,
    };
    let mut only_signature = Validation::new(Algorithm::RS256);
    only_signature.required_spec_claims.clear();
    only_signature.validate_exp = false;
    only_signature.validate_aud = false;
    decode::<Claims>(assertion, key, &only_signature).map_err(|_| WrongFederatedSignature)?;
    let expires = whole_seconds(claims.exp.ok_or(Malformed("it has no `exp`"))?);
    let not_before = claims.nbf.map_or(i64::MIN, whole_seconds);
    if now < not_before || expires <= now {
        return Err(OutsideLifetime { not_before, expires });
    }
    Ok(())
}

/// The claims, trusted for nothing yet.
fn peek(assertion: &str) -> Option<Claims> {
    let payload = assertion.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
