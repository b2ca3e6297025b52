//! The token authority: signs the access tokens that managed identity and Entra hand out, verifies
//! the ones that every other service is shown, and knows which of them were revoked.

mod wanted;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

pub(crate) use self::wanted::Wanted;
use crate::{
    config::TOKEN_EXCHANGE_AUDIENCE,
    directory::{Directory, Principal},
    error::{Error, ErrorKind, Result},
};

/// Whom a verified token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) object_id: String,
    pub(crate) app_id: String,
    pub(crate) name: String,
    /// The date of the token, in seconds since 1970.
    issued_at: i64,
    /// Whether the client said that it understands claims challenges (`cp1`).
    pub(crate) understands_claims: bool,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenRejection {
    /// Signed by another key, or changed after it was signed.
    BadSignature,
    /// `exp` lies in the past.
    Expired,
    /// No RS256 JWT with the claims of an access token, or one that is not valid yet.
    Malformed,
    /// Meant for another service.
    WrongAudience { found: String },
    /// Issued for another tenant.
    WrongIssuer { found: String },
}

impl fmt::Display for TokenRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSignature => f.write_str("the signature of the token is wrong"),
            Self::Expired => f.write_str("the token has expired"),
            Self::Malformed => f.write_str("the token is malformed"),
            Self::WrongAudience { found } => {
                write!(f, "the token is for the audience \"{found}\"")
            }
            Self::WrongIssuer { .. } => f.write_str("the token was issued for another tenant"),
        }
    }
}

/// Signs and verifies with one RSA key, made at the start.
pub(crate) struct TokenAuthority {
    directory: Arc<Directory>,
    signing_key: EncodingKey,
    verifying_key: DecodingKey,
    jwk: JsonWebKey,
    /// Tokens dated before this, in seconds since 1970, are revoked.
    revoked_before: AtomicI64,
}

/// The public key as the JWKS endpoint shows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JsonWebKey {
    kty: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
    n: String,
    e: String,
}

/// The claims of a version 1 access token, as managed identity and `<resource>/.default` get it.
///
/// Spec: <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    appid: String,
    appidacr: String,
    idp: String,
    idtyp: String,
    oid: String,
    sub: String,
    tid: String,
    uti: String,
    ver: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    xms_cc: Vec<String>,
}

impl TokenAuthority {
    /// Makes a new signing key. Slow: some hundred milliseconds in a debug build.
    pub(crate) fn new(directory: Arc<Directory>) -> Result<Self> {
        let failed = |_| Error::new(ErrorKind::Certificate, "cannot make the token signing key");
        let key = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
        // `EncodingKey` takes PKCS#8 as PEM only; what it calls DER is PKCS#1.
        let mut pem = String::from("-----BEGIN PRIVATE KEY-----\n");
        STANDARD.encode_string(pkcs8.as_ref(), &mut pem);
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        let signing_key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|source| {
            Error::new(ErrorKind::Certificate, "cannot use the token signing key").caused_by(source)
        })?;
        let modulus = key.public_key().modulus().big_endian_without_leading_zero();
        let exponent = key.public_key().exponent().big_endian_without_leading_zero();
        Ok(Self {
            directory,
            signing_key,
            verifying_key: DecodingKey::from_rsa_raw_components(modulus, exponent),
            jwk: JsonWebKey {
                kty: "RSA",
                usage: "sig",
                alg: "RS256",
                kid: Uuid::new_v4().simple().to_string(),
                n: URL_SAFE_NO_PAD.encode(modulus),
                e: URL_SAFE_NO_PAD.encode(exponent),
            },
            revoked_before: AtomicI64::new(i64::MIN),
        })
    }

    /// Signs a token.
    pub(crate) fn issue(&self, principal: &Principal, wanted: &Wanted<'_>) -> Result<String> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let exp = now.saturating_add(wanted.lifetime.whole_seconds());
        // A token that has ended already must have been valid before.
        let mut iat = dated(now.min(exp)).max(self.revoked_before.load(Ordering::SeqCst));
        if let Some(not_before) = wanted.not_before {
            iat = iat.max(not_before.min(now));
        }
        let home = self.directory.tenant_id();
        let (tenant_id, object_id) = match wanted.elsewhere {
            None => (home, principal.object_id.as_str()),
            Some(there) => (there.tenant_id.as_str(), there.object_id.as_str()),
        };
        let claims = Claims {
            aud: wanted.audience.to_owned(),
            iss: if wanted.audience == TOKEN_EXCHANGE_AUDIENCE {
                exchange_issuer(tenant_id)
            } else {
                issuer(tenant_id)
            },
            iat,
            nbf: iat,
            exp,
            appid: principal.app_id.clone(),
            appidacr: "2".to_owned(),
            idp: issuer(tenant_id),
            idtyp: "app".to_owned(),
            oid: object_id.to_owned(),
            sub: object_id.to_owned(),
            tid: tenant_id.to_owned(),
            uti: Uuid::new_v4().simple().to_string(),
            ver: "1.0".to_owned(),
            xms_cc: wanted.capabilities.clone(),
        };
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.jwk.kid.clone());
        // Version 1 tokens name their key by `x5t` too, with the same value.
        header.x5t = Some(self.jwk.kid.clone());
        encode(&header, &claims, &self.signing_key).map_err(|source| {
            Error::new(ErrorKind::Certificate, "cannot sign a token").caused_by(source)
        })
    }

    /// Checks signature, lifetime, issuer and audience, in this order. The issuer is to be the main
    /// tenant.
    ///
    /// `audiences`: those of the service; a slash at the end makes no difference.
    pub(crate) fn verify(
        &self,
        token: &str,
        audiences: &[&str],
    ) -> std::result::Result<Caller, TokenRejection> {
        self.verify_in(self.directory.tenant_id(), token, audiences)
    }

    /// As [`TokenAuthority::verify`], for a resource that belongs to this tenant.
    pub(crate) fn verify_in(
        &self,
        tenant_id: &str,
        token: &str,
        audiences: &[&str],
    ) -> std::result::Result<Caller, TokenRejection> {
        let mut rules = Validation::new(Algorithm::RS256);
        rules.leeway = 0;
        rules.validate_nbf = true;
        rules.validate_aud = false;
        rules.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        let claims = decode::<Claims>(token, &self.verifying_key, &rules)
            .map_err(|error| rejection(error.kind()))?
            .claims;
        // Not among the rules above, for they do not say which issuer they found.
        if claims.iss != issuer(tenant_id) {
            return Err(TokenRejection::WrongIssuer { found: claims.iss });
        }
        let found = claims.aud.trim_end_matches('/');
        if !audiences.iter().any(|audience| audience.trim_end_matches('/') == found) {
            return Err(TokenRejection::WrongAudience { found: claims.aud });
        }
        let name = self
            .directory
            .by_object_id(tenant_id, &claims.oid)
            .map(|principal| principal.name.clone())
            .ok_or(TokenRejection::Malformed)?;
        let understands_claims = claims.xms_cc.iter().any(|one| one.eq_ignore_ascii_case("cp1"));
        Ok(Caller {
            object_id: claims.oid,
            app_id: claims.appid,
            name,
            issued_at: claims.iat,
            understands_claims,
        })
    }

    /// Revokes every token issued so far. The services that look at it refuse them from now on.
    pub(crate) fn revoke(&self) {
        let before = self.revoked_before.load(Ordering::SeqCst);
        let now = OffsetDateTime::now_utc().unix_timestamp();
        // Two at a time revoke the same.
        let next = (dated(now) + 1).max(before.saturating_add(1));
        self.revoked_before.fetch_max(next, Ordering::SeqCst);
    }

    /// The date that the next token must have if the one that the caller showed is revoked.
    pub(crate) fn revoked(&self, caller: &Caller) -> Option<i64> {
        let before = self.revoked_before.load(Ordering::SeqCst);
        (caller.issued_at < before).then_some(before)
    }

    /// The public key, for those who verify by rules of their own.
    pub(crate) fn verifying_key(&self) -> &DecodingKey {
        &self.verifying_key
    }

    /// The public key, for JWKS.
    pub(crate) fn jwk(&self) -> &JsonWebKey {
        &self.jwk
    }
}

impl fmt::Debug for TokenAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthority").field("kid", &self.jwk.kid).finish_non_exhaustive()
    }
}

/// Entra dates a token five minutes back, for clocks that are late. So are revocations here: what
/// is issued within the same second after one must be told from what was issued before.
fn dated(time: i64) -> i64 {
    time.saturating_sub(300)
}

/// The issuer of version 1 tokens.
pub(crate) fn issuer(tenant_id: &str) -> String {
    ["https://sts.windows.net/", tenant_id, "/"].concat()
}

/// The issuer of tokens that are exchanged for those of an app: they are of version 2.
pub(crate) fn exchange_issuer(tenant_id: &str) -> String {
    ["https://login.microsoftonline.com/", tenant_id, "/v2.0"].concat()
}

fn rejection(kind: &jsonwebtoken::errors::ErrorKind) -> TokenRejection {
    use jsonwebtoken::errors::ErrorKind;
    match kind {
        ErrorKind::ExpiredSignature => TokenRejection::Expired,
        ErrorKind::InvalidSignature => TokenRejection::BadSignature,
        _ => TokenRejection::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::config::Config;

    const VAULT: &str = "https://vault.azure.net";

    fn authority() -> TokenAuthority {
        TokenAuthority::new(Arc::new(Directory::new(&Config::default()).unwrap())).unwrap()
    }

    fn issue(authority: &TokenAuthority, audience: &str, lifetime: Duration) -> String {
        let principal = authority.directory.by_name("uami-demo").unwrap();
        authority.issue(principal, &Wanted::new(audience, lifetime)).unwrap()
    }

    #[test]
    fn a_revocation_hits_what_was_issued_before_it_and_nothing_after() {
        let authority = authority();
        let caller = |token: &str| authority.verify(token, &[VAULT]).unwrap();
        let mut before = Vec::new();
        // Three within a second, most likely.
        for _ in 0..3 {
            let token = issue(&authority, VAULT, Duration::HOUR);
            assert_eq!(authority.revoked(&caller(&token)), None);
            authority.revoke();
            before.push(token);
            for token in &before {
                assert!(authority.revoked(&caller(token)).is_some());
            }
        }
        let after = issue(&authority, VAULT, Duration::HOUR);
        assert_eq!(authority.revoked(&caller(&after)), None);
    }

    #[test]
    fn a_token_names_its_caller() {
        let authority = authority();
        let caller = authority.verify(&issue(&authority, VAULT, Duration::HOUR), &[VAULT]).unwrap();
        assert_eq!(caller.name, "uami-demo");
        assert_eq!(caller.app_id, "0d5c9f7e-3b1a-4e62-8f40-6a7b8c9d0e11");
        assert_eq!(caller.object_id, "1e6daf8f-4c2b-4f73-9051-7b8c9dae1f22");
    }

    #[test]
    fn a_slash_after_the_audience_makes_no_difference() {
        let authority = authority();
        let token = issue(&authority, "https://database.windows.net/", Duration::HOUR);
        authority.verify(&token, &["https://database.windows.net"]).unwrap();
    }

    #[test]
    fn an_expired_token_is_refused_to_the_second() {
        let authority = authority();
        let token = issue(&authority, VAULT, Duration::seconds(-1));
        assert_eq!(authority.verify(&token, &[VAULT]), Err(TokenRejection::Expired));
    }

    #[test]
    fn a_token_for_another_service_is_refused_with_the_audience_found() {
        let authority = authority();
        let token = issue(&authority, "https://storage.azure.com", Duration::HOUR);
        assert_eq!(
            authority.verify(&token, &[VAULT]),
            Err(TokenRejection::WrongAudience { found: "https://storage.azure.com".into() })
        );
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let token = issue(&authority(), VAULT, Duration::HOUR);
        assert_eq!(authority().verify(&token, &[VAULT]), Err(TokenRejection::BadSignature));
    }

    #[test]
    fn a_changed_claim_breaks_the_signature() {
        let authority = authority();
        let token = issue(&authority, VAULT, Duration::HOUR);
        let [header, payload, signature]: [&str; 3] =
            token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let payload = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        let payload = URL_SAFE_NO_PAD.encode(payload.replace("1.0", "2.0"));
        let changed = [header, &payload, signature].join(".");
        assert_eq!(authority.verify(&changed, &[VAULT]), Err(TokenRejection::BadSignature));
    }

    #[test]
    fn text_that_is_no_rs256_token_is_malformed() {
        let authority = authority();
        // The second: {"alg":"none"} and an empty claims set, the classic forgery.
        for token in ["", "a.b", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"] {
            assert_eq!(
                authority.verify(token, &[VAULT]),
                Err(TokenRejection::Malformed),
                "{token}"
            );
        }
    }
}
