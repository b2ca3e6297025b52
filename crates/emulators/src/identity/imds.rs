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

use super::managed::{
    Denial, Named, NoIdentity, Parameters, TokenRequest, has_metadata_header, internal_error,
};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    // A proxy adds this header: the request could come from outside the machine.
    if headers.contains_key("x-forwarded-for") {
        return invalid_request("A request with an X-Forwarded-For header is refused");
    }
    if !has_metadata_header(&headers) {
        return invalid_request("Required metadata header not specified");
    }
    let query = Parameters(query);
    if !query.get("api-version").is_some_and(|version| API_VERSIONS.contains(&version)) {
        let body = json!({
            "error": "Bad request. api-version is invalid or was not specified in the request.",
            "newest-versions": API_VERSIONS.iter().rev().take(3).collect::<Vec<_>>(),
        });
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    }
    let named = Named {
        client_id: query.get("client_id"),
        object_id: query.get("object_id").or(query.get("principal_id")),
        resource_id: query.get("msi_res_id").or(query.get("mi_res_id")),
    };
    let resource = query.get("resource");
    match TokenRequest::new(ManagedIdentityHost::Imds, named, resource).grant(&state) {
        Ok(answer) => answer.into_response(),
        Err(denial) => refused(&denial, resource, state.directory.tenant_id()),
    }
}

/// The words for a denial, which the agent of Azure Arc has as well.
pub(super) fn refused(denial: &Denial, resource: Option<&str>, tenant_id: &str) -> Response {
    match denial {
        Denial::NoResource => invalid_request("Required query variable 'resource' is missing"),
        Denial::NoIdentity(NoIdentity::Ambiguous) => invalid_request(
            "Multiple user assigned identities exist, please specify the clientId / resourceId of \
             the identity in the token request",
        ),
        Denial::NoIdentity(NoIdentity::None | NoIdentity::Unknown) => {
            invalid_request("Identity not found")
        }
        Denial::UnknownResource => {
            let description = [
                "AADSTS500011: The resource principal named ",
                resource.unwrap_or_default(),
                " was not found in the tenant named ",
                tenant_id,
            ]
            .concat();
            refuse("invalid_resource", &description)
        }
        Denial::NotSigned(error) => internal_error(error),
    }
}

pub(super) fn invalid_request(description: &str) -> Response {
    refuse("invalid_request", description)
}

fn refuse(error: &str, description: &str) -> Response {
    tracing::info!(error, description, "managed identity refuses");
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
