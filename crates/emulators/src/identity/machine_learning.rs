//! Managed identity as a compute of Azure Machine Learning offers it: the API that App Service had
//! before, with a secret in the environment. An identity is named by `clientid` only.
//!
//! Microsoft documents no protocol; this is what its SDKs send and read
//! (<https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/identity/azure-identity>).

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    app_service::{refuse, refused},
    managed::{Named, Parameters, TokenRequest, shows_secret},
};
use crate::{host::ManagedIdentityHost, state::ServiceState};

pub(crate) async fn token(
    State(state): State<Arc<ServiceState>>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    if !shows_secret(&headers, "secret", &state.managed_identity.secrets.machine_learning) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "The secret header is missing or is not the value of MSI_SECRET.",
        );
    }
    let query = Parameters(query);
    if query.get("api-version") != Some(API_VERSION) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "The api-version is missing or not supported: use 2017-09-01.",
        );
    }
    let named = Named { client_id: query.get("clientid"), ..Named::default() };
    let resource = query.get("resource");
    let host = ManagedIdentityHost::MachineLearning;
    match TokenRequest::new(host, named, resource).grant(&state) {
        Ok(answer) => {
            // A number, where App Service in the same API has a date in words.
            let expires_on = answer.expires_on.parse::<i64>().unwrap_or_default();
            let body = json!({
                "access_token": answer.access_token,
                "client_id": answer.client_id,
                "expires_on": expires_on,
                "resource": answer.resource,
                "token_type": answer.token_type,
            });
            ([(header::CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
        }
        Err(denial) => refused(&denial, resource),
    }
}

const API_VERSION: &str = "2017-09-01";
