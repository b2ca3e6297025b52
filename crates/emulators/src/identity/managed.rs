//! What all sources of managed identity share: what a request says, which identity it means, and
//! the token's answer. The sources differ in how a caller proves where it is, in names and in error
//! bodies.

use std::collections::HashMap;

use aws_lc_rs::constant_time;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use super::{resource, token_cache::Key};
use crate::{
    directory::{Principal, PrincipalKind},
    error::{Error, Result},
    host::ManagedIdentityHost,
    state::ServiceState,
    tokens::Wanted,
};

/// The parameters of a query or a form; an empty one counts as not given.
pub(crate) struct Parameters(pub(crate) HashMap<String, String>);

impl Parameters {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Whether the request was meant for a metadata service: nobody can make a browser send this.
pub(crate) fn has_metadata_header(headers: &HeaderMap) -> bool {
    headers
        .get("metadata")
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("true")))
}

/// Whether a header shows the secret that keeps out whoever can reach the port but not the
/// environment.
pub(crate) fn shows_secret(headers: &HeaderMap, name: &str, secret: &SecretString) -> bool {
    let expected = secret.expose_secret().as_bytes();
    headers.get(name).is_some_and(|value| {
        constant_time::verify_slices_are_equal(value.as_bytes(), expected).is_ok()
    })
}

/// What a token is asked for, whatever the source.
#[derive(Debug)]
pub(crate) struct TokenRequest<'a> {
    pub(crate) host: ManagedIdentityHost,
    pub(crate) named: Named<'a>,
    pub(crate) resource: Option<&'a str>,
    /// What the client can do, as the token's `xms_cc` will say.
    pub(crate) capabilities: Vec<String>,
    /// The SHA-256 digest, in hex, of a token that is not to be given again.
    pub(crate) stale: Option<&'a str>,
}

/// Why no token is given. Each source has its own words for it.
#[derive(Debug)]
pub(crate) enum Denial {
    NoIdentity(NoIdentity),
    NoResource,
    /// A token could not be signed: the emulator's fault, not the client's.
    NotSigned(Error),
    UnknownResource,
}

impl<'a> TokenRequest<'a> {
    pub(crate) fn new(
        host: ManagedIdentityHost,
        named: Named<'a>,
        resource: Option<&'a str>,
    ) -> Self {
        Self { host, named, resource, capabilities: Vec::new(), stale: None }
    }

    /// Decides in the order of the real services: a resource, an identity, a resource that exists.
    pub(crate) fn grant(self, state: &ServiceState) -> std::result::Result<TokenAnswer, Denial> {
        let resource = self.resource.ok_or(Denial::NoResource)?;
        let identities = state.directory.identities_on(self.host);
        let identity = choose(identities.into_iter(), &self.named).map_err(Denial::NoIdentity)?;
        if !resource::is_known(resource) {
            return Err(Denial::UnknownResource);
        }
        let now = OffsetDateTime::now_utc();
        let wanted = Wanted::new(resource, LIFETIME).with_capabilities(self.capabilities);
        let Some(cache) = &state.managed_identity.cache else {
            return sign(state, identity, &wanted, now).map_err(Denial::NotSigned);
        };
        let key = Key {
            object_id: identity.object_id.clone(),
            resource: resource.to_owned(),
            capabilities: wanted.capabilities.clone(),
        };
        cache
            .get(key, now, self.stale, || sign(state, identity, &wanted, now))
            .map_err(Denial::NotSigned)
    }
}

/// The ids that a request may name an identity by; an empty one counts as not given.
#[derive(Debug, Default)]
pub(crate) struct Named<'a> {
    pub(crate) client_id: Option<&'a str>,
    pub(crate) object_id: Option<&'a str>,
    pub(crate) resource_id: Option<&'a str>,
}

/// Why no identity could be chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoIdentity {
    /// Several are user-assigned and none was named.
    Ambiguous,
    /// The machine has none at all.
    None,
    /// None has the ids given.
    Unknown,
}

/// Chooses the identity that is named; else the system-assigned one; else the only one there is.
pub(crate) fn choose<'a>(
    identities: impl Iterator<Item = &'a Principal>,
    named: &Named<'_>,
) -> std::result::Result<&'a Principal, NoIdentity> {
    let mut identities = identities.peekable();
    if identities.peek().is_none() {
        return Err(NoIdentity::None);
    }
    if named.is_empty() {
        let identities: Vec<_> = identities.collect();
        let system_assigned = identities.iter().find(|one| resource_id(one).is_none());
        return match (system_assigned, identities.as_slice()) {
            (Some(identity), _) => Ok(identity),
            (None, [identity]) => Ok(identity),
            (None, _) => Err(NoIdentity::Ambiguous),
        };
    }
    identities.find(|identity| named.fits(identity)).ok_or(NoIdentity::Unknown)
}

impl Named<'_> {
    fn is_empty(&self) -> bool {
        [self.client_id, self.object_id, self.resource_id].iter().all(|id| id.is_none())
    }

    /// Whether every id that was given is one of this identity. Azure compares without case.
    fn fits(&self, identity: &Principal) -> bool {
        let same = |asked: Option<&str>, has: Option<&str>| match (asked, has) {
            (None, _) => true,
            (Some(asked), Some(has)) => asked.eq_ignore_ascii_case(has),
            (Some(_), None) => false,
        };
        same(self.client_id, Some(&identity.app_id))
            && same(self.object_id, Some(&identity.object_id))
            && same(self.resource_id, resource_id(identity))
    }
}

fn resource_id(identity: &Principal) -> Option<&str> {
    match &identity.kind {
        PrincipalKind::ManagedIdentity { resource_id } => resource_id.as_deref(),
        PrincipalKind::App(_) => None,
    }
}

/// The answer with the token. Numbers are strings, and the JSON has no spaces: Microsoft's ODBC
/// driver reads neither otherwise.
#[derive(Clone, Serialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    expires_in: String,
    pub(crate) expires_on: String,
    ext_expires_in: String,
    not_before: String,
    pub(crate) resource: String,
    pub(crate) token_type: &'static str,
}

impl TokenAnswer {
    /// Leaves out which identity it was, as hosts do where there is one only.
    pub(crate) fn without_client_id(self) -> Self {
        Self { client_id: None, ..self }
    }
}

fn sign(
    state: &ServiceState,
    identity: &Principal,
    wanted: &Wanted<'_>,
    now: OffsetDateTime,
) -> Result<TokenAnswer> {
    let expires_in = LIFETIME.whole_seconds().to_string();
    Ok(TokenAnswer {
        access_token: state.tokens.issue(identity, wanted)?,
        client_id: Some(identity.app_id.clone()),
        ext_expires_in: expires_in.clone(),
        expires_in,
        expires_on: (now + LIFETIME).unix_timestamp().to_string(),
        not_before: (now - Duration::minutes(5)).unix_timestamp().to_string(),
        resource: wanted.audience.to_owned(),
        token_type: "Bearer",
    })
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], axum::Json(self)).into_response()
    }
}

/// A token could not be signed: the emulator's fault, not the client's.
pub(crate) fn internal_error(error: &Error) -> Response {
    tracing::error!(%error, "cannot answer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Azure's tokens for managed identities live a day.
pub(crate) const LIFETIME: Duration = Duration::hours(24);

#[cfg(test)]
impl TokenAnswer {
    /// One whose token is this text.
    pub(crate) fn sample(token: &str) -> Self {
        Self {
            access_token: token.into(),
            client_id: None,
            expires_in: "86400".into(),
            expires_on: "86400".into(),
            ext_expires_in: "86400".into(),
            not_before: "0".into(),
            resource: "https://vault.azure.net".into(),
            token_type: "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";

    fn identity(name: &str, resource_id: Option<&str>) -> Principal {
        Principal {
            object_id: ["object-", name].concat(),
            app_id: if name == "a" { CLIENT_ID.into() } else { ["client-", name].concat() },
            name: name.into(),
            elsewhere: Vec::new(),
            kind: PrincipalKind::ManagedIdentity { resource_id: resource_id.map(str::to_owned) },
        }
    }

    #[track_caller]
    fn check(
        identities: &[Principal],
        named: Named<'_>,
        expected: std::result::Result<&str, NoIdentity>,
    ) {
        let chosen = choose(identities.iter(), &named).map(|identity| identity.name.as_str());
        assert_eq!(chosen, expected);
    }

    #[test]
    fn a_named_identity_is_found_by_any_of_its_ids() {
        let both = [identity("a", Some("/a")), identity("b", Some("/b"))];
        check(&both, Named { client_id: Some(CLIENT_ID), ..Named::default() }, Ok("a"));
        check(&both, Named { object_id: Some("OBJECT-B"), ..Named::default() }, Ok("b"));
        check(&both, Named { resource_id: Some("/B"), ..Named::default() }, Ok("b"));
    }

    #[test]
    fn ids_of_two_identities_name_none() {
        let both = [identity("a", Some("/a")), identity("b", Some("/b"))];
        let named = Named { client_id: Some(CLIENT_ID), resource_id: Some("/b"), object_id: None };
        check(&both, named, Err(NoIdentity::Unknown));
    }

    #[test]
    fn none_named_is_fine_only_if_one_is_meant() {
        let [a, b, system] =
            [identity("a", Some("/a")), identity("b", Some("/b")), identity("system", None)];
        check(&[], Named::default(), Err(NoIdentity::None));
        check(&[identity("a", Some("/a"))], Named::default(), Ok("a"));
        let mut all = vec![a, b];
        check(&all, Named::default(), Err(NoIdentity::Ambiguous));
        all.push(system);
        check(&all, Named::default(), Ok("system"));
    }
}
