//! Identity: managed identity as each of its hosts gives it, and Entra ID's token endpoint. All of
//! them hand out tokens of the one token authority.

mod app_service;
mod arc;
mod assertion;
mod claims;
mod cloud_shell;
mod entra;
mod federation;
mod imds;
mod machine_learning;
mod managed;
mod resource;
mod service_fabric;
mod token_cache;

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    routing::{get, post},
};
use secrecy::SecretString;
use uuid::Uuid;

pub(crate) use self::entra::router as entra_router;
use self::{arc::KeyFiles, token_cache::TokenCache};
use crate::{config::Config, faults::faulty, state::ServiceState};

/// What the sources of managed identity keep between two requests.
#[derive(Debug)]
pub(crate) struct ManagedIdentityState {
    pub(crate) secrets: Secrets,
    arc_keys: KeyFiles,
    cache: Option<TokenCache>,
}

/// What callers must show; new values at each start.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// `X-IDENTITY-HEADER`.
    pub(crate) app_service: SecretString,
    /// `secret`.
    pub(crate) machine_learning: SecretString,
    /// `Secret`.
    pub(crate) service_fabric: SecretString,
}

impl ManagedIdentityState {
    /// `arc_tokens_dir`: exists and is absolute.
    pub(crate) fn new(config: &Config, arc_tokens_dir: PathBuf) -> Self {
        let secret = || SecretString::from(Uuid::new_v4().simple().to_string());
        Self {
            secrets: Secrets {
                app_service: secret(),
                machine_learning: secret(),
                service_fabric: secret(),
            },
            arc_keys: KeyFiles::new(arc_tokens_dir),
            cache: config.cache_managed_identity_tokens.then(TokenCache::default),
        }
    }
}

/// Managed identity of every host that gives it over plain http, each below a path of its own. IMDS
/// and App Service have the paths that they really have.
pub(crate) fn managed_identity_router(state: Arc<ServiceState>) -> Router {
    let faults = Arc::clone(&state.faults);
    let router = Router::new()
        .route(IMDS_PATH, get(imds::token))
        // MSAL for JavaScript appends a slash when AZURE_POD_IDENTITY_AUTHORITY_HOST is set.
        .route(&[IMDS_PATH, "/"].concat(), get(imds::token))
        .route(APP_SERVICE_PATH, get(app_service::token))
        .route(&[ARC_PATH, IMDS_PATH].concat(), get(arc::token))
        .route(CLOUD_SHELL_PATH, post(cloud_shell::token))
        .route(MACHINE_LEARNING_PATH, get(machine_learning::token))
        .with_state(state);
    faulty(router, faults)
}

/// Managed identity of Service Fabric, the one that speaks https.
pub(crate) fn service_fabric_router(state: Arc<ServiceState>) -> Router {
    let faults = Arc::clone(&state.faults);
    faulty(Router::new().route(IMDS_PATH, get(service_fabric::token)).with_state(state), faults)
}

/// The path of IMDS, which Azure Arc and Service Fabric have as well.
pub(crate) const IMDS_PATH: &str = "/metadata/identity/oauth2/token";

/// The path that `IDENTITY_ENDPOINT` of App Service ends with.
pub(crate) const APP_SERVICE_PATH: &str = "/msi/token";

/// What `IMDS_ENDPOINT` of Azure Arc ends with.
pub(crate) const ARC_PATH: &str = "/arc";

/// The path that `MSI_ENDPOINT` of Cloud Shell ends with.
pub(crate) const CLOUD_SHELL_PATH: &str = "/cloud-shell/oauth2/token";

/// The path that `MSI_ENDPOINT` of Azure Machine Learning ends with.
pub(crate) const MACHINE_LEARNING_PATH: &str = "/machine-learning/msi/token";
