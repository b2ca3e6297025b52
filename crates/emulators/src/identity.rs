//! Identity: managed identity as a machine or an App Service asks for it, and Entra ID's token
//! endpoint. All of them hand out tokens of the one token authority.

mod app_service;
mod assertion;
mod entra;
mod federation;
mod imds;
mod managed;
mod resource;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::state::ServiceState;

pub(crate) use self::entra::router as entra_router;

/// The path that `IDENTITY_ENDPOINT` ends with.
pub(crate) const APP_SERVICE_PATH: &str = "/msi/token";

/// Both styles of managed identity, on one plain-http port as no client trusts a certificate there.
pub(crate) fn managed_identity_router(state: Arc<ServiceState>) -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", get(imds::token))
        .route(APP_SERVICE_PATH, get(app_service::token))
        .with_state(state)
}
