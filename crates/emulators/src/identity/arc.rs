//! The agent of Azure Arc on a machine that is not Azure's: it answers like IMDS, but first has the
//! caller read a file that only members of one group can read.
//!
//! Spec: <https://learn.microsoft.com/azure/azure-arc/servers/managed-identity-authentication>

mod keys;

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

pub(crate) use self::keys::KeyFiles;
use super::{
    imds::{invalid_request, refused},
    managed::{Named, Parameters, TokenRequest, has_metadata_header},
};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if !has_metadata_header(&headers) {
        return invalid_request("Required metadata header not specified");
    }
    let query = Parameters(query);
    if !query.get("api-version").is_some_and(|version| API_VERSIONS.contains(&version)) {
        return invalid_request("api-version is invalid or was not specified in the request");
    }
    let key = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Basic "));
    let keys = &state.managed_identity.arc_keys;
    if !key.is_some_and(|key| keys.take(key)) {
        return challenge(keys);
    }
    let resource = query.get("resource");
    // The agent as released overlooks ids and answers with the machine's own identity, without a
    // word on which it is: clients that asked for another must notice.
    match TokenRequest::new(ManagedIdentityHost::Arc, Named::default(), resource).grant(&state) {
        Ok(answer) => answer.without_client_id().into_response(),
        Err(denial) => refused(&denial, resource, state.directory.tenant_id()),
    }
}

/// Asks for the content of a new file.
fn challenge(keys: &KeyFiles) -> Response {
    let file = match keys.write() {
        Ok(file) => file,
        Err(error) => {
            tracing::error!(%error, "cannot write a key file");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let realm = format!("Basic realm={}", file.display());
    let body = json!({
        "error": "unauthorized_client",
        "error_description": "Missing Basic Authorization header",
    });
    let headers = [(header::WWW_AUTHENTICATE, realm)];
    (StatusCode::UNAUTHORIZED, headers, axum::Json(body)).into_response()
}

const API_VERSIONS: &[&str] = &["2019-08-15", "2019-11-01", "2020-06-01"];
