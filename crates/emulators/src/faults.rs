//! What the emulators can be told to do wrong, so that a client's behaviour then can be tested.

mod broken;
mod key_vault;
mod managed_identity;
mod queue;

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use self::queue::Queue;
pub(crate) use self::{
    broken::{Cut, cut, hang_up, not_json},
    managed_identity::faulty,
};
pub use self::{
    key_vault::{KeyVaultFault, KeyVaultFaultConfig},
    managed_identity::{IdentityFault, IdentityFaultConfig},
    queue::Lasting,
};

/// The services that can be told to fail and are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Entra ID's token endpoint.
    Entra,
    /// Managed identity on every host, be it IMDS or another.
    Imds,
    /// Key Vault.
    KeyVault,
    /// The lake's blob endpoint.
    LakeBlob,
    /// The lake's dfs endpoint.
    LakeDfs,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 5] =
        [Self::Entra, Self::Imds, Self::KeyVault, Self::LakeBlob, Self::LakeDfs];

    /// The name, as in the keys of the ports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Entra => "entra",
            Self::Imds => "imds",
            Self::KeyVault => "key_vault",
            Self::LakeBlob => "lake_blob",
            Self::LakeDfs => "lake_dfs",
        }
    }
}

/// The faults from the start on; none by default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultsConfig {
    /// The faults of managed identity, one after the other.
    pub managed_identity: Vec<IdentityFaultConfig>,
    /// How many requests for a managed identity's token are answered within a second; the service
    /// itself takes about 5. Default: no limit.
    pub managed_identity_requests_per_second: Option<NonZeroU32>,
    /// The faults of Key Vault, one after the other.
    pub key_vault: Vec<KeyVaultFaultConfig>,
    /// How many milliseconds after a request Key Vault answers it, at the earliest. Default: 0.
    pub key_vault_delay_ms: u64,
}

/// Switches for faults, reached through [`Emulators::faults`](crate::Emulators::faults).
///
/// A fault is used up by the requests it hits.
#[derive(Debug, Default)]
pub struct Faults {
    throttled: [AtomicU32; Service::ALL.len()],
    managed_identity: Queue<IdentityFault>,
    managed_identity_rate: managed_identity::RateLimit,
    key_vault: Queue<KeyVaultFault>,
    key_vault_delay: Mutex<Duration>,
    lake_cut: Mutex<Option<u64>>,
    synapse_cut: Mutex<Option<u64>>,
}

impl Faults {
    /// Those from the start on.
    pub(crate) fn new(config: &FaultsConfig) -> Self {
        let faults = Self::default();
        for one in &config.managed_identity {
            faults.break_managed_identity(one.fault, one.lasting);
        }
        faults.limit_managed_identity(config.managed_identity_requests_per_second);
        for one in &config.key_vault {
            faults.break_key_vault(one.fault, one.lasting);
        }
        faults.delay_key_vault(Duration::from_millis(config.key_vault_delay_ms));
        faults
    }

    /// Lets managed identity fail on every host, once the faults that were set before are over.
    pub fn break_managed_identity(&self, fault: IdentityFault, lasting: Lasting) {
        self.managed_identity.push(fault, lasting);
    }

    /// Takes back all that [`Faults::break_managed_identity`] has set.
    pub fn mend_managed_identity(&self) {
        self.managed_identity.clear();
    }

    /// Answers 429 with `Retry-After: 1` to each request for a managed identity's token that is not
    /// among the first `per_second` of the second before it. `None`, the default, is no limit.
    pub fn limit_managed_identity(&self, per_second: Option<NonZeroU32>) {
        self.managed_identity_rate.set(per_second);
    }

    /// Lets every vault fail, once the faults that were set before are over.
    pub fn break_key_vault(&self, fault: KeyVaultFault, lasting: Lasting) {
        self.key_vault.push(fault, lasting);
    }

    /// Takes back all that [`Faults::break_key_vault`] has set.
    pub fn mend_key_vault(&self) {
        self.key_vault.clear();
    }

    /// Answers each request to Key Vault no sooner than `delay` after it came; what it asks for is
    /// done at once. Zero takes the fault back.
    pub fn delay_key_vault(&self, delay: Duration) {
        *self.key_vault_delay.lock().unwrap_or_else(PoisonError::into_inner) = delay;
    }

    /// Answers the next `count` requests to `service` with its "too many requests": 429 with
    /// `Retry-After: 1`, or 503 `ServerBusy` for the lake. Zero takes the fault back.
    pub fn throttle(&self, service: Service, count: u32) {
        self.throttled[service as usize].store(count, Ordering::SeqCst);
    }

    /// Closes the connection of the next file that is read from the lake after `bytes` bytes of its
    /// body were sent. `None` takes the fault back.
    pub fn cut_lake_body(&self, bytes: Option<u64>) {
        *self.lake_cut.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Closes the connection of the next Synapse result after `bytes` bytes of it were sent.
    /// `None` takes the fault back.
    pub fn cut_synapse_result(&self, bytes: Option<u64>) {
        *self.synapse_cut.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Whether this request to `service` is one of those to throttle; counts it.
    pub(crate) fn take_throttle(&self, service: Service) -> bool {
        self.throttled[service as usize]
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok()
    }

    /// The fault of a request to Key Vault that comes now, if it is one that hits whoever asks;
    /// counts it.
    pub(crate) fn take_key_vault_of_stranger(&self, now: Instant) -> Option<KeyVaultFault> {
        self.key_vault.take_if(now, KeyVaultFault::hits_strangers)
    }

    /// The fault of a request to Key Vault whose caller is known by now; counts it.
    pub(crate) fn take_key_vault_of_caller(&self, now: Instant) -> Option<KeyVaultFault> {
        self.key_vault.take(now)
    }

    /// How long after a request Key Vault answers it at the earliest.
    pub(crate) fn key_vault_delay(&self) -> Duration {
        *self.key_vault_delay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After how many bytes the body about to be sent must be cut, if it must; used up by this.
    pub(crate) fn take_lake_cut(&self) -> Option<u64> {
        self.lake_cut.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// After how many bytes the result about to be sent must be cut, if it must; used up by this.
    #[cfg(any(feature = "synapse", test))]
    pub(crate) fn take_synapse_cut(&self) -> Option<u64> {
        self.synapse_cut.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Puts the "too many requests" fault in front of a service.
pub(crate) fn throttled(router: Router, service: Service, faults: Arc<Faults>) -> Router {
    router.layer(middleware::from_fn_with_state((service, faults), throttle))
}

async fn throttle(
    State((service, faults)): State<(Service, Arc<Faults>)>,
    request: Request,
    next: Next,
) -> Response {
    if faults.take_throttle(service) { too_many_requests(service) } else { next.run(request).await }
}

fn too_many_requests(service: Service) -> Response {
    let retry_after = (header::RETRY_AFTER, "1");
    match service {
        Service::Entra => {
            let body = json!({
                "error": "temporarily_unavailable",
                "error_description": "AADSTS90055: The server is terminating the request because \
                                      too many requests were sent.",
                "error_codes": [90055],
            });
            (StatusCode::TOO_MANY_REQUESTS, [retry_after], axum::Json(body)).into_response()
        }
        Service::Imds => {
            let body = json!({
                "error": "too_many_requests",
                "error_description": "Too many requests",
            });
            (StatusCode::TOO_MANY_REQUESTS, [retry_after], axum::Json(body)).into_response()
        }
        // Not asked here: these refuse themselves, in formats of their own.
        Service::KeyVault | Service::LakeBlob | Service::LakeDfs => {
            (StatusCode::SERVICE_UNAVAILABLE, [retry_after]).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_throttle_is_used_up_by_its_own_service_only() {
        let faults = Faults::default();
        faults.throttle(Service::KeyVault, 2);
        assert!(!faults.take_throttle(Service::LakeDfs));
        assert!(faults.take_throttle(Service::KeyVault));
        assert!(faults.take_throttle(Service::KeyVault));
        assert!(!faults.take_throttle(Service::KeyVault));
    }

    #[test]
    fn a_cut_is_used_up_by_one_result() {
        let faults = Faults::default();
        faults.cut_synapse_result(Some(4096));
        assert_eq!(faults.take_synapse_cut(), Some(4096));
        assert_eq!(faults.take_synapse_cut(), None);
    }
}
