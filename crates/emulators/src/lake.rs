//! The Data Lake Storage Gen2 emulator: a hierarchical namespace on disk, served as the dfs
//! endpoint and the blob endpoint.
//!
//! Each request passes the same stations: [`request`] takes it apart, [`auth`] finds out who sends it,
//! [`access`] whether a role or an ACL allows it, [`dfs`] or [`blob`] does what is asked on the [`store`], and [`reply`]
//! writes the answer. What the service has and this emulator has not is answered with 501
//! `NotImplemented`, never with success.

mod access;
mod acl;
mod attributes;
mod auth;
mod blob;
mod body;
mod caller;
mod conditions;
mod continuation;
mod dfs;
mod digest;
mod expiry;
mod failure;
mod lease;
mod leasing;
mod name;
mod namespace;
mod properties;
mod range;
mod read;
mod reply;
mod request;
mod stamp;
mod store;
mod tags;
mod xml;

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, http::Request, response::Response};

pub(crate) use self::stamp::StampClock;
use self::{
    failure::{Code, Failure},
    reply::{Envelope, Reply},
    request::{Api, LakeRequest},
    store::{AccountPolicy, Store},
};
use crate::{
    config::AccountConfig,
    error::{Error, ErrorKind, Result},
    faults::Service,
    state::ServiceState,
};

/// The store behind both endpoints.
#[derive(Debug)]
pub(crate) struct Lake {
    state: Arc<ServiceState>,
    store: Store,
}

/// Opens the store in `state.storage_dir` and makes the configured filesystems.
pub(crate) fn open(state: &Arc<ServiceState>) -> Result<Arc<Lake>> {
    let is_wrong = |account: &&AccountConfig| {
        account.soft_delete_retention_days.is_some() && !account.hierarchical_namespace
    };
    if let Some(account) = state.config.accounts.iter().find(is_wrong) {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            format!(
                "the account \"{}\" has no hierarchical namespace and so no \
                 soft_delete_retention_days",
                account.name
            ),
        ));
    }
    let accounts = state.config.accounts.iter().map(|account| {
        let policy = AccountPolicy::of(account);
        (account.name.as_str(), account.filesystems.as_slice(), policy)
    });
    let clock = Arc::clone(&state.lake_clock);
    let store = Store::open(&state.storage_dir, clock, accounts)
        .map_err(|error| Error::io("open the lake's folder", &state.storage_dir, error))?;
    Ok(Arc::new(Lake { state: Arc::clone(state), store }))
}

/// The dfs endpoint. Under an address instead of an account's host name it answers requests that
/// only the blob endpoint knows too, for that is where the official data lake SDKs send them then.
pub(crate) fn dfs_router(lake: Arc<Lake>) -> Router {
    Router::new().fallback(serve_dfs).with_state(lake)
}

/// The blob endpoint, with the same exception as [`dfs_router`].
pub(crate) fn blob_router(lake: Arc<Lake>) -> Router {
    Router::new().fallback(serve_blob).with_state(lake)
}

async fn serve_dfs(State(lake): State<Arc<Lake>>, request: Request<Body>) -> Response {
    serve(&lake, Api::Dfs, request).await
}

async fn serve_blob(State(lake): State<Arc<Lake>>, request: Request<Body>) -> Response {
    serve(&lake, Api::Blob, request).await
}

async fn serve(lake: &Arc<Lake>, port_api: Api, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let envelope = Envelope::new(&parts.method, &parts.headers);
    let waits_for_continue = parts.headers.contains_key("expect");
    let line = (parts.method.clone(), parts.uri.path().to_owned());
    let mut body = Some(body);
    let (api, answer) = match LakeRequest::parse(port_api, parts) {
        Ok(mut request) => match namespace::unreachable(lake, &request) {
            None => (request.api, answer(lake, &mut request, &mut body).await),
            Some(Ok(response)) => return response,
            Some(Err(failure)) => (request.api, Err(failure)),
        },
        Err(failure) => (port_api, Err(failure)),
    };
    match answer {
        Ok(reply) => envelope.seal(reply),
        Err(failure) => {
            let (method, path) = line;
            let (status, code) = (failure.status().as_u16(), failure.code().name(api));
            let request_id = envelope.request_id();
            tracing::debug!(%method, path, status, code, request_id, "the lake refuses");
            // One that waits for `100 Continue` has sent nothing and must not be asked to.
            if let Some(body) = body.filter(|_| !waits_for_continue) {
                body::drain(body).await;
            }
            envelope.refuse(api, &failure)
        }
    }
}

/// Answers a request; what reads its body takes it.
async fn answer(
    lake: &Arc<Lake>,
    request: &mut LakeRequest,
    body: &mut Option<Body>,
) -> std::result::Result<Reply, Failure> {
    let service = match request.api {
        Api::Blob => Service::LakeBlob,
        Api::Dfs => Service::LakeDfs,
    };
    if lake.state.faults.take_throttle(service) {
        return Err(Failure::new(Code::ServerBusy).with_header("retry-after", "1"));
    }
    access::authorize(lake, request)?;
    let request = &*request;
    namespace::refuse_on_flat(lake, request)?;
    request.refuse_unsupported()?;
    let reply = match request.api {
        Api::Blob => blob::dispatch(lake, request, body).await,
        Api::Dfs => dfs::dispatch(lake, request, body).await,
    }?;
    Ok(namespace::complete(lake, request, reply))
}
