//! What both styles of managed identity share: which identity a request means, and the token's
//! answer. The styles differ in headers, parameter names and error bodies only.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use time::{Duration, OffsetDateTime};

use crate::{
    directory::{Principal, PrincipalKind},
    error::Result,
    state::ServiceState,
};

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
#[derive(Serialize)]
pub(crate) struct TokenAnswer {
    access_token: String,
    client_id: String,
    expires_in: String,
    expires_on: String,
    ext_expires_in: String,
    not_before: String,
    resource: String,
    token_type: &'static str,
}

/// Signs a token for `resource`.
pub(crate) fn token_answer(
    state: &ServiceState,
    identity: &Principal,
    resource: &str,
) -> Result<TokenAnswer> {
    let now = OffsetDateTime::now_utc();
    let expires_in = LIFETIME.whole_seconds().to_string();
    Ok(TokenAnswer {
        access_token: state.tokens.issue(identity, resource, LIFETIME)?,
        client_id: identity.app_id.clone(),
        ext_expires_in: expires_in.clone(),
        expires_in,
        expires_on: (now + LIFETIME).unix_timestamp().to_string(),
        not_before: (now - Duration::minutes(5)).unix_timestamp().to_string(),
        resource: resource.to_owned(),
        token_type: "Bearer",
    })
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], axum::Json(self)).into_response()
    }
}

/// A token could not be signed: the emulator's fault, not the client's.
pub(crate) fn internal_error(error: &crate::error::Error) -> Response {
    tracing::error!(%error, "cannot answer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Azure's tokens for managed identities live a day.
const LIFETIME: Duration = Duration::hours(24);

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";

    fn identity(name: &str, resource_id: Option<&str>) -> Principal {
        Principal {
            object_id: ["object-", name].concat(),
            app_id: if name == "a" { CLIENT_ID.into() } else { ["client-", name].concat() },
            name: name.into(),
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
