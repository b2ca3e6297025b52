//! The token endpoint of Azure Cloud Shell: a form, and nothing to choose.
//!
//! Spec: <https://learn.microsoft.com/azure/cloud-shell/msi-authorization>

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;
use url::form_urlencoded;

use super::managed::{
    Denial, Named, Parameters, TokenRequest, has_metadata_header, internal_error,
};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !has_metadata_header(&headers) {
        return refuse("MissingMetadataHeader", "The required header 'Metadata' is missing.");
    }
    // A body of another type has no parameters that anybody would find.
    let form: HashMap<_, _> = form_urlencoded::parse(&body).into_owned().collect();
    let form = Parameters(form);
    let resource = form.get("resource");
    // Whoever is signed in is who the token is for: ids in the form change nothing.
    let request = TokenRequest::new(ManagedIdentityHost::CloudShell, Named::default(), resource);
    match request.grant(&state) {
        Ok(answer) => answer.without_client_id().into_response(),
        Err(Denial::NoResource) => {
            refuse("MissingResource", "The required parameter 'resource' is missing.")
        }
        Err(Denial::NoIdentity(_)) => {
            refuse("IdentityNotFound", "Nobody is signed in, or more than one could be meant.")
        }
        Err(Denial::UnknownResource) => {
            let message = format!(
                "Audience {} is not a supported MSI token audience.",
                resource.unwrap_or_default()
            );
            refuse("AudienceNotSupported", &message)
        }
        Err(Denial::NotSigned(error)) => internal_error(&error),
    }
}

fn refuse(code: &str, message: &str) -> Response {
    tracing::info!(code, message, "Cloud Shell refuses");
    let body = json!({"error": {"code": code, "message": message}});
    (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
}
