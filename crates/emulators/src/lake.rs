//! The Data Lake emulator: dfs and blob over one store.

use std::sync::Arc;

use axum::Router;

use crate::{error::Result, state::ServiceState};

/// The store behind both endpoints.
#[derive(Debug)]
pub(crate) struct Lake {
    #[expect(dead_code, reason = "the owner of this file fills it")]
    state: Arc<ServiceState>,
}

/// Opens the store in `state.storage_dir` and makes the configured filesystems.
pub(crate) fn open(state: &Arc<ServiceState>) -> Result<Arc<Lake>> {
    Ok(Arc::new(Lake { state: Arc::clone(state) }))
}

pub(crate) fn dfs_router(_lake: Arc<Lake>) -> Router {
    Router::new()
}

pub(crate) fn blob_router(_lake: Arc<Lake>) -> Router {
    Router::new()
}
