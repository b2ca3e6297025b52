//! Key Vault: secrets and their versions, behind the challenge, the token check and the role check
//! of the real service.
//!
//! Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups>

mod answer;
mod failure;
mod guard;
mod paging;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware,
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;
use uuid::Uuid;

use self::{
    failure::Failure,
    guard::{Action, Guard},
    store::{Store, Vault},
};
use crate::state::ServiceState;

/// The service: every vault on one port, told apart by host name.
pub(crate) fn router(state: Arc<ServiceState>) -> Router {
    let store = Store::new(&state.config.vaults, OffsetDateTime::now_utc());
    Router::new()
        .fallback(answer)
        .layer(middleware::map_response(with_request_id))
        .with_state(Arc::new(KeyVault { state, store }))
}

#[derive(Debug)]
struct KeyVault {
    state: Arc<ServiceState>,
    store: Store,
}

async fn answer(State(service): State<Arc<KeyVault>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(_) => return Failure::BodyTooLong.into_response(),
    };
    match service.dispatch(&parts, &body) {
        Ok(response) => response,
        Err(failure) => {
            tracing::info!(method = %parts.method, path = parts.uri.path(), %failure, "Key Vault refuses");
            failure.into_response()
        }
    }
}

impl KeyVault {
    fn dispatch(
        &self,
        parts: &axum::http::request::Parts,
        body: &Bytes,
    ) -> Result<Response, Failure> {
        let guard = Guard { state: &self.state };
        // The real service asks for a token before it looks at anything else.
        let caller = guard.caller(&parts.headers)?;
        let query = paging::Query::parse(parts.uri.query().unwrap_or_default());
        query.check_api_version()?;
        let host = guard::host(parts);
        let vault = self.store.vault(host)?;
        let base = answer::Base::new(host);
        // Clients send `/secrets/<name>/` when no version is given.
        let path = parts.uri.path().trim_matches('/');
        let segments: Vec<&str> = path.split('/').collect();
        let allow = |action, resource: &str| guard.allow(&caller, action, vault.name(), resource);
        match (&parts.method, segments.as_slice()) {
            (&Method::GET, ["secrets"]) => {
                allow(Action::ReadMetadata, "")?;
                list_secrets(vault, &base, &query)
            }
            (&Method::GET, ["secrets", name, "versions"]) => {
                allow(Action::ReadMetadata, name)?;
                list_versions(vault, &base, &query, name)
            }
            (&Method::GET, ["secrets", name]) => {
                allow(Action::GetSecret, name)?;
                let secret = vault.get(name, None)?;
                Ok(answer::bundle(&base, &secret))
            }
            (&Method::GET, ["secrets", name, version]) => {
                allow(Action::GetSecret, name)?;
                let secret = vault.get(name, Some(version))?;
                Ok(answer::bundle(&base, &secret))
            }
            (&Method::PUT, ["secrets", name]) => {
                allow(Action::SetSecret, name)?;
                let secret = vault.set(name, body, OffsetDateTime::now_utc())?;
                Ok(answer::bundle(&base, &secret))
            }
            (_, ["secrets"] | ["secrets", _] | ["secrets", _, _]) => Err(Failure::MethodNotAllowed),
            _ => Err(Failure::NoSuchPath),
        }
    }
}

fn list_secrets(
    vault: &Vault,
    base: &answer::Base,
    query: &paging::Query,
) -> Result<Response, Failure> {
    let page = query.page(vault.latest(), |secret| secret.name.clone())?;
    Ok(answer::list(base, "/secrets", page, answer::ListOf::Secrets))
}

fn list_versions(
    vault: &Vault,
    base: &answer::Base,
    query: &paging::Query,
    name: &str,
) -> Result<Response, Failure> {
    let page = query.page(vault.versions(name)?, |secret| secret.version.clone())?;
    let path = ["/secrets/", name, "/versions"].concat();
    Ok(answer::list(base, &path, page, answer::ListOf::Versions))
}

async fn with_request_id(mut response: Response) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert(HeaderName::from_static("x-ms-request-id"), id);
    }
    headers.insert(HeaderName::from_static("x-ms-keyvault-region"), REGION);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

const REGION: HeaderValue = HeaderValue::from_static(guard::REGION);

/// A secret holds 25 KiB at most; its tags and JSON escapes take the rest.
const MAX_BODY_BYTES: usize = 256 * 1024;
