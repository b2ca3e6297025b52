//! Key Vault: secrets, their versions and what is left of deleted ones, behind the challenge, the
//! token check and the role check of the real service.
//!
//! Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups>

mod answer;
mod backup;
mod body;
mod certificate;
mod failure;
mod gate;
mod guard;
mod limit;
mod name;
mod paging;
mod soft_delete;
mod stage;
mod store;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;
use uuid::Uuid;

use self::{
    body::{Properties, SetSecret},
    failure::Failure,
    guard::{Action, Guard},
    limit::Limits,
    name::SecretName,
    store::{Store, Vault},
};
use crate::{error::Result as SetupResult, state::ServiceState};

/// The service: every vault on one port, told apart by host name.
///
/// # Errors
/// - `InvalidInput`: a vault contradicts itself or the service's limits.
/// - `Io`, `Certificate`: the file of a certificate cannot be read.
pub(crate) fn router(state: Arc<ServiceState>) -> SetupResult<Router> {
    let store = Store::new(&state.config.vaults, OffsetDateTime::now_utc())?;
    let limits = Limits::new(&state.config.vaults);
    let service = Arc::new(KeyVault { state, store, limits });
    Ok(Router::new()
        .fallback(answer)
        .layer(middleware::from_fn_with_state(Arc::clone(&service), gate::pass))
        .layer(middleware::map_response(with_request_id))
        .with_state(service))
}

#[derive(Debug)]
struct KeyVault {
    state: Arc<ServiceState>,
    store: Store,
    limits: Limits,
}

/// What every operation on a vault has at hand.
struct Operation<'a> {
    vault: &'a Vault,
    base: answer::Base,
    query: paging::Query,
    body: &'a Bytes,
    now: OffsetDateTime,
}

/// How many bytes the body of a request may have.
fn longest_body(parts: &axum::http::request::Parts) -> usize {
    match parts.uri.path().trim_matches('/') {
        "secrets/restore" => MAX_BACKUP_BYTES,
        _ => MAX_BODY_BYTES,
    }
}

async fn answer(State(service): State<Arc<KeyVault>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, longest_body(&parts)).await {
        Ok(body) => body,
        Err(_) => return refuse(&parts, Failure::BodyTooLong),
    };
    match service.dispatch(&parts, &body) {
        Ok(response) => response,
        Err(failure) => refuse(&parts, failure),
    }
}

fn refuse(parts: &axum::http::request::Parts, failure: Failure) -> Response {
    tracing::info!(method = %parts.method, path = parts.uri.path(), %failure, "Key Vault refuses");
    failure.into_response()
}

impl KeyVault {
    fn dispatch(
        &self,
        parts: &axum::http::request::Parts,
        body: &Bytes,
    ) -> Result<Response, Failure> {
        let guard = Guard { state: &self.state };
        let caller = guard.caller(parts)?;
        let query = paging::Query::parse(parts.uri.query().unwrap_or_default());
        query.check_api_version()?;
        let host = guard::host(parts);
        let vault = self.store.vault(host)?;
        let operation = Operation {
            vault,
            base: answer::Base::new(host, vault),
            query,
            body,
            now: OffsetDateTime::now_utc(),
        };
        let allow = |action, resource: &str| guard.allow(&caller, action, vault.name(), resource);
        let segments = name::segments(parts.uri.path());
        let segments: Vec<&str> = segments.iter().map(AsRef::as_ref).collect();
        match (&parts.method, segments.as_slice()) {
            (&Method::GET, ["secrets"]) => {
                allow(Action::ReadMetadata, "")?;
                operation.list()
            }
            (&Method::POST, ["secrets", "restore"]) => {
                allow(Action::Restore, "")?;
                operation.restore(&self.store)
            }
            (&Method::GET, ["secrets", name]) => {
                allow(Action::GetSecret, name)?;
                operation.get(name, None)
            }
            (&Method::PUT, ["secrets", name]) => {
                allow(Action::SetSecret, name)?;
                operation.set(name)
            }
            (&Method::PATCH, ["secrets", name]) => {
                allow(Action::Update, name)?;
                operation.update(name, None)
            }
            (&Method::DELETE, ["secrets", name]) => {
                allow(Action::Delete, name)?;
                operation.delete(name)
            }
            (&Method::GET, ["secrets", name, "versions"]) => {
                allow(Action::ReadMetadata, name)?;
                operation.list_versions(name)
            }
            (&Method::POST, ["secrets", name, "backup"]) => {
                allow(Action::Backup, name)?;
                operation.backup(name, &self.store)
            }
            (&Method::GET, ["secrets", name, version]) if name::is_version(version) => {
                allow(Action::GetSecret, name)?;
                operation.get(name, Some(version))
            }
            (&Method::PATCH, ["secrets", name, version]) if name::is_version(version) => {
                allow(Action::Update, name)?;
                operation.update(name, Some(version))
            }
            (&Method::GET, ["deletedsecrets"]) => {
                allow(Action::ReadMetadata, "")?;
                operation.list_deleted()
            }
            (&Method::GET, ["deletedsecrets", name]) => {
                allow(Action::GetDeleted, name)?;
                operation.get_deleted(name)
            }
            (&Method::DELETE, ["deletedsecrets", name]) => {
                allow(Action::Purge, name)?;
                operation.purge(name)
            }
            (&Method::POST, ["deletedsecrets", name, "recover"]) => {
                allow(Action::Recover, name)?;
                operation.recover(name)
            }
            (_, ["secrets" | "deletedsecrets"] | ["secrets" | "deletedsecrets", _]) => {
                Err(Failure::MethodNotAllowed)
            }
            (method, ["secrets" | "deletedsecrets", _, operation]) => {
                Err(Failure::OperationNotAllowed {
                    method: method.to_string(),
                    operation: (*operation).to_owned(),
                })
            }
            _ => Err(Failure::NoSuchPath),
        }
    }
}

impl Operation<'_> {
    fn list(&self) -> Result<Response, Failure> {
        let page = self.query.page(self.vault.latest(self.now), |secret| secret.name.as_str())?;
        Ok(answer::secrets(&self.base, "/secrets", &page))
    }

    fn list_versions(&self, name: &str) -> Result<Response, Failure> {
        let name = SecretName::parse(name)?;
        let versions = self.vault.versions(&name, self.now);
        let page = self.query.page(versions, |secret| &secret.version)?;
        let path = ["/secrets/", name.as_str(), "/versions"].concat();
        Ok(answer::versions(&self.base, &path, &page))
    }

    fn get(&self, name: &str, version: Option<&str>) -> Result<Response, Failure> {
        let mut secret = self.vault.get(&SecretName::parse(name)?, version, self.now)?;
        if let Some(wanted) = self.query.out_content_type() {
            secret = certificate::convert(secret, wanted)?;
        }
        Ok(answer::with_value(&self.base, &secret))
    }

    fn set(&self, name: &str) -> Result<Response, Failure> {
        let name = SecretName::parse(name)?;
        let secret = self.vault.set(&name, SetSecret::parse(self.body)?, self.now)?;
        Ok(answer::with_value(&self.base, &secret))
    }

    fn update(&self, name: &str, version: Option<&str>) -> Result<Response, Failure> {
        let name = SecretName::parse(name)?;
        let change = Properties::parse(self.body)?;
        let secret = self.vault.update(&name, version, change, self.now)?;
        Ok(answer::without_value(&self.base, &secret))
    }

    fn delete(&self, name: &str) -> Result<Response, Failure> {
        let secret = self.vault.delete(&SecretName::parse(name)?, self.now)?;
        Ok(answer::deleted(&self.base, &secret))
    }

    fn backup(&self, name: &str, store: &Store) -> Result<Response, Failure> {
        let name = SecretName::parse(name)?;
        let blob = self.vault.backup(&name, &store.backup_key, self.now)?;
        Ok(answer::backup(&blob))
    }

    fn restore(&self, store: &Store) -> Result<Response, Failure> {
        let blob = body::backup_blob(self.body)?;
        let secret = self.vault.restore(&blob, &store.backup_key, self.now)?;
        Ok(answer::without_value(&self.base, &secret))
    }

    fn list_deleted(&self) -> Result<Response, Failure> {
        let deleted = self.vault.all_deleted(self.now);
        let page = self.query.page(deleted, |deleted| deleted.secret.name.as_str())?;
        Ok(answer::all_deleted(&self.base, "/deletedsecrets", &page))
    }

    fn get_deleted(&self, name: &str) -> Result<Response, Failure> {
        let secret = self.vault.deleted(&SecretName::parse(name)?, self.now)?;
        Ok(answer::deleted(&self.base, &secret))
    }

    fn recover(&self, name: &str) -> Result<Response, Failure> {
        let secret = self.vault.recover(&SecretName::parse(name)?, self.now)?;
        Ok(answer::without_value(&self.base, &secret))
    }

    fn purge(&self, name: &str) -> Result<Response, Failure> {
        self.vault.purge(&SecretName::parse(name)?, self.now)?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }
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

/// A backup holds up to 500 versions of 25 KiB, as JSON in base64.
const MAX_BACKUP_BYTES: usize = 32 * 1024 * 1024;
