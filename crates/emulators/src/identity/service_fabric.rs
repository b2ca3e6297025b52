//! The Managed Identity Token Service of a Service Fabric cluster: https on a listener of its own,
//! with a certificate that nothing but its thumbprint vouches for. Which identity it is follows from
//! the application that asks, so a request names none.
//!
//! Spec: <https://learn.microsoft.com/azure/service-fabric/how-to-managed-identity-service-fabric-app-code>

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::managed::{Denial, Named, Parameters, TokenRequest, internal_error, shows_secret};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if !headers.contains_key("secret") {
        return refuse(
            StatusCode::BAD_REQUEST,
            "SecretHeaderNotFound",
            "Secret is not found in the request headers.",
        );
    }
    if !shows_secret(&headers, "secret", &state.managed_identity.secrets.service_fabric) {
        return no_identity();
    }
    let query = Parameters(query);
    let version = query.get("api-version").unwrap_or_default();
    if version != API_VERSION {
        let message = format!(
            "The api-version '{version}' is not supported. Supported version is '{API_VERSION}'."
        );
        return refuse(StatusCode::BAD_REQUEST, "InvalidApiVersion", &message);
    }
    let capabilities = query.get("xms_cc").unwrap_or_default().split(',');
    let request = TokenRequest {
        host: ManagedIdentityHost::ServiceFabric,
        named: Named::default(),
        resource: query.get("resource"),
        capabilities: capabilities.filter(|one| !one.is_empty()).map(str::to_owned).collect(),
        stale: query.get("token_sha256_to_refresh"),
    };
    match request.grant(&state) {
        Ok(answer) => answer.without_client_id().into_response(),
        Err(Denial::NoResource) => refuse(
            StatusCode::BAD_REQUEST,
            "ArgumentNullOrEmpty",
            "The parameter 'resource' should not be null or empty string.",
        ),
        Err(Denial::NoIdentity(_)) => no_identity(),
        // The documentation has a wrong resource among the likely causes of this.
        Err(Denial::UnknownResource) => {
            refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "An error occurred.")
        }
        Err(Denial::NotSigned(error)) => internal_error(&error),
    }
}

/// The secret is unknown, or no identity belongs to it.
fn no_identity() -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        "ManagedIdentityNotFound",
        "Managed identity not found for the specified application host.",
    )
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response {
    tracing::info!(code, message, "Service Fabric refuses");
    let error = json!({"correlationId": Uuid::new_v4(), "code": code, "message": message});
    (status, axum::Json(json!({"error": error}))).into_response()
}

const API_VERSION: &str = "2019-07-01-preview";
