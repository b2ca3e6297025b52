//! The instance metadata service's token endpoint, as a virtual machine or a Batch node sees it.
//!
//! Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    managed::{Named, NoIdentity, choose, internal_error, token_answer},
    resource,
};
use crate::state::ServiceState;

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    // A proxy adds this header: the request could come from outside the machine.
    if headers.contains_key("x-forwarded-for") {
        return invalid_request("A request with an X-Forwarded-For header is refused");
    }
    let metadata = headers
        .get("metadata")
        .is_some_and(|value| value.to_str().is_ok_and(|value| value.eq_ignore_ascii_case("true")));
    if !metadata {
        return invalid_request("Required metadata header not specified");
    }
    let parameter = |name: &str| query.get(name).map(String::as_str).filter(|v| !v.is_empty());
    if !parameter("api-version").is_some_and(|version| API_VERSIONS.contains(&version)) {
        let body = json!({
            "error": "Bad request. api-version is invalid or was not specified in the request.",
            "newest-versions": API_VERSIONS.iter().rev().take(3).collect::<Vec<_>>(),
        });
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    }
    let Some(resource) = parameter("resource") else {
        return invalid_request("Required query variable 'resource' is missing");
    };
    let named = Named {
        client_id: parameter("client_id"),
        object_id: parameter("object_id").or(parameter("principal_id")),
        resource_id: parameter("msi_res_id").or(parameter("mi_res_id")),
    };
    let identity = match choose(state.directory.managed_identities(), &named) {
        Ok(identity) => identity,
        Err(NoIdentity::Ambiguous) => {
            return invalid_request(
                "Multiple user assigned identities exist, please specify the clientId / \
                 resourceId of the identity in the token request",
            );
        }
        Err(NoIdentity::None | NoIdentity::Unknown) => {
            return invalid_request("Identity not found");
        }
    };
    if !resource::is_known(resource) {
        let description = [
            "AADSTS500011: The resource principal named ",
            resource,
            " was not found in the tenant named ",
            state.directory.tenant_id(),
        ]
        .concat();
        return refuse("invalid_resource", &description);
    }
    match token_answer(&state, identity, resource) {
        Ok(answer) => answer.into_response(),
        Err(error) => internal_error(&error),
    }
}

fn invalid_request(description: &str) -> Response {
    refuse("invalid_request", description)
}

fn refuse(error: &str, description: &str) -> Response {
    tracing::info!(error, description, "IMDS refuses");
    let body = json!({"error": error, "error_description": description});
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}

/// The token path exists since the first; later ones change other paths only.
const API_VERSIONS: &[&str] = &[
    "2018-02-01",
    "2018-04-02",
    "2018-10-01",
    "2019-02-01",
    "2019-03-11",
    "2019-04-30",
    "2019-06-01",
    "2019-06-04",
    "2019-08-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-07-15",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-10-01",
    "2021-11-01",
    "2021-11-15",
    "2021-12-13",
    "2023-07-01",
    "2023-11-15",
    "2024-03-15",
    "2025-04-07",
];
