//! Managed identity as App Service, Functions and Container Apps offer it: an endpoint and a header
//! value in the environment.
//!
//! Spec: <https://learn.microsoft.com/azure/app-service/overview-managed-identity>

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;
use uuid::Uuid;

use super::managed::{
    Denial, Named, NoIdentity, Parameters, TokenRequest, internal_error, shows_secret,
};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if !shows_secret(&headers, "x-identity-header", &state.managed_identity.secrets.app_service) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "The X-IDENTITY-HEADER header is missing or is not the value of IDENTITY_HEADER.",
        );
    }
    let query = Parameters(query);
    if query.get("api-version") != Some(API_VERSION) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The api-version is missing or not supported: use 2019-08-01.",
        );
    }
    let named = Named {
        client_id: query.get("client_id"),
        object_id: query.get("principal_id").or(query.get("object_id")),
        resource_id: query.get("mi_res_id").or(query.get("msi_res_id")),
    };
    let resource = query.get("resource");
    match TokenRequest::new(ManagedIdentityHost::AppService, named, resource).grant(&state) {
        Ok(answer) => answer.into_response(),
        Err(denial) => refused(&denial, resource),
    }
}

/// The words for a denial, which the older API of Azure Machine Learning has as well.
pub(super) fn refused(denial: &Denial, resource: Option<&str>) -> Response {
    match denial {
        Denial::NoResource => {
            refuse(StatusCode::BAD_REQUEST, "The query parameter 'resource' is missing.")
        }
        Denial::NoIdentity(NoIdentity::Ambiguous) => refuse(
            StatusCode::BAD_REQUEST,
            "Unable to load the proper Managed Identity: multiple user assigned identities exist, \
             and the request names none by client_id, principal_id or mi_res_id.",
        ),
        Denial::NoIdentity(NoIdentity::None | NoIdentity::Unknown) => refuse(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/\
             ResourceId/PrincipalId.",
        ),
        Denial::UnknownResource => {
            let resource = resource.unwrap_or_default();
            let message =
                ["AADSTS500011: The resource principal named ", resource, " was not found."];
            refuse(StatusCode::BAD_REQUEST, &message.concat())
        }
        Denial::NotSigned(error) => internal_error(error),
    }
}

pub(super) fn refuse(status: StatusCode, message: &str) -> Response {
    tracing::info!(message, "managed identity refuses");
    let body = json!({
        "statusCode": status.as_u16(),
        "message": message,
        "correlationId": Uuid::new_v4(),
    });
    (status, axum::Json(body)).into_response()
}

const API_VERSION: &str = "2019-08-01";
