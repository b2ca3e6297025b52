//! How often each service was asked, so that a test can tell one request from fifty.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};

use crate::faults::Service;

/// One counter for each service, from the start on.
#[derive(Debug, Default)]
pub(crate) struct Requests([AtomicU64; Service::ALL.len()]);

impl Requests {
    pub(crate) fn of(&self, service: Service) -> u64 {
        self.0[service as usize].load(Ordering::SeqCst)
    }

    fn count(&self, service: Service) {
        self.0[service as usize].fetch_add(1, Ordering::SeqCst);
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
    requests.count(service);
    next.run(request).await
}
