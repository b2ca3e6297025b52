//! How often each service was asked, so that a test can tell one request from fifty.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};

use crate::faults::Service;

/// One counter for each service, from the start on, and one for each method and path of Key Vault.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    services: [AtomicU64; Service::ALL.len()],
    key_vault: Mutex<BTreeMap<String, u64>>,
}

impl Requests {
    pub(crate) fn of(&self, service: Service) -> u64 {
        self.services[service as usize].load(Ordering::SeqCst)
    }

    pub(crate) fn of_key_vault(&self) -> BTreeMap<String, u64> {
        self.key_vault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, service: Service, request: &Request) {
        self.services[service as usize].fetch_add(1, Ordering::SeqCst);
        if service == Service::KeyVault {
            // Clients differ in whether they end a path with a slash.
            let path = request.uri().path().trim_end_matches('/');
            let key = [request.method().as_str(), " ", path].concat();
            let mut paths = self.key_vault.lock().unwrap_or_else(PoisonError::into_inner);
            *paths.entry(key).or_default() += 1;
        }
    }
}

/// Counts every request to a service, be it answered or refused.
pub(crate) fn counted(router: Router, service: Service, requests: Arc<Requests>) -> Router {
    router.layer(middleware::from_fn_with_state((service, requests), count))
}

async fn count(
    State((service, requests)): State<(Service, Arc<Requests>)>,
    request: Request,
    next: Next,
) -> Response {
    requests.count(service, &request);
    next.run(request).await
}
