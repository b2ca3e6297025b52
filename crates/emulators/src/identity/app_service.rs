//! Managed identity as App Service, Functions and Container Apps offer it: an endpoint and a header
//! value in the environment.
//!
//! Spec: <https://learn.microsoft.com/azure/app-service/overview-managed-identity>

use std::{collections::HashMap, sync::Arc};

use aws_lc_rs::constant_time;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

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
    let expected = state.identity_header.expose_secret().as_bytes();
    // The header keeps out whoever can reach the port but not the environment.
    let shown = headers.get("x-identity-header").is_some_and(|value| {
        constant_time::verify_slices_are_equal(value.as_bytes(), expected).is_ok()
    });
    if !shown {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "The X-IDENTITY-HEADER header is missing or is not the value of IDENTITY_HEADER.",
        );
    }
    let parameter = |name: &str| query.get(name).map(String::as_str).filter(|v| !v.is_empty());
    if parameter("api-version") != Some(API_VERSION) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The api-version is missing or not supported: use 2019-08-01.",
        );
    }
    let Some(resource) = parameter("resource") else {
        return refuse(StatusCode::BAD_REQUEST, "The query parameter 'resource' is missing.");
    };
    let named = Named {
        client_id: parameter("client_id"),
        object_id: parameter("principal_id").or(parameter("object_id")),
        resource_id: parameter("mi_res_id").or(parameter("msi_res_id")),
    };
    let identity = match choose(state.directory.managed_identities(), &named) {
        Ok(identity) => identity,
        Err(NoIdentity::Ambiguous) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "Unable to load the proper Managed Identity: multiple user assigned identities \
                 exist, and the request names none by client_id, principal_id or mi_res_id.",
            );
        }
        Err(NoIdentity::None | NoIdentity::Unknown) => {
            return refuse(
                StatusCode::BAD_REQUEST,
                "No User Assigned or Delegated Managed Identity found for specified ClientId/\
                 ResourceId/PrincipalId.",
            );
        }
    };
    if !resource::is_known(resource) {
        return refuse(
            StatusCode::BAD_REQUEST,
            &["AADSTS500011: The resource principal named ", resource, " was not found."].concat(),
        );
    }
    match token_answer(&state, identity, resource) {
        Ok(answer) => answer.into_response(),
        Err(error) => internal_error(&error),
    }
}

fn refuse(status: StatusCode, message: &str) -> Response {
    tracing::info!(message, "App Service identity refuses");
    let body = json!({
        "statusCode": status.as_u16(),
        "message": message,
        "correlationId": Uuid::new_v4(),
    });
    (status, axum::Json(body)).into_response()
}

const API_VERSION: &str = "2019-08-01";
