//! What a request passes before a vault looks at what it asks for: faults, the token, the firewall,
//! the request limit, in this order. And what may happen to its answer afterwards.
//!
//! That the firewall comes after the token shows in its answer, which names the caller.
//!
//! Spec: <https://learn.microsoft.com/azure/key-vault/general/rest-error-codes>

use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};

use super::{
    KeyVault,
    failure::Failure,
    guard::{self, Guard},
    refuse,
};
use crate::{
    directory::VaultAccess,
    faults::{Cut, KeyVaultFault, Service, cut, hang_up, not_json},
    tokens::Caller,
};

/// A caller that was let in, for what comes next to find among the request's extensions.
#[derive(Debug, Clone)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    /// Whether it is to be treated as if it had no role.
    pub(super) without_role: bool,
}

/// Lets a request through, or answers in the vault's place; never before the delay is over.
pub(super) async fn pass(
    State(service): State<Arc<KeyVault>>,
    request: Request,
    next: Next,
) -> Response {
    let came = Instant::now();
    let response = answer(&service, came, request, next).await;
    let delay = service.state.faults.key_vault_delay();
    tokio::time::sleep(delay.saturating_sub(came.elapsed())).await;
    response
}

async fn answer(service: &KeyVault, came: Instant, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    // Read even for those who are sent away: a connection does not outlive a body left unread.
    let Ok(body) = axum::body::to_bytes(body, super::longest_body(&parts)).await else {
        return refuse(&parts, Failure::BodyTooLong);
    };
    let faults = &service.state.faults;
    let gate = Gate::of(service, &parts);
    if faults.take_throttle(Service::KeyVault) {
        return refuse(&parts, Failure::Throttled { retry_after_seconds: 1 });
    }
    if let Some(fault) = faults.take_key_vault_of_stranger(came)
        && let Some(instead) = gate.instead(fault, &parts)
    {
        return instead;
    }
    let caller = match gate.enter(&parts, came) {
        Ok(caller) => caller,
        Err(failure) => return refuse(&parts, failure),
    };
    let fault = faults.take_key_vault_of_caller(came);
    if let Some(fault) = fault
        && let Some(instead) = gate.instead(fault, &parts)
    {
        return instead;
    }
    let without_role = fault == Some(KeyVaultFault::ForbiddenByRbac);
    parts.extensions.insert(Admitted { caller, without_role });
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    match fault {
        Some(KeyVaultFault::LostAnswer) => hang_up(),
        Some(KeyVaultFault::BodyCut) => cut(response, Cut::Half).await,
        _ => response,
    }
}

/// The gate of one vault, or of a host that is none's.
struct Gate<'a> {
    service: &'a KeyVault,
    guard: Guard<'a>,
    vault: Option<&'a str>,
    access: Option<&'a VaultAccess>,
}

impl<'a> Gate<'a> {
    fn of(service: &'a KeyVault, parts: &Parts) -> Self {
        let vault = service.store.vault(guard::host(parts)).ok().map(|vault| vault.name());
        let access = vault.and_then(|vault| service.state.directory.vault(vault));
        Self { service, guard: Guard { state: &service.state }, vault, access }
    }

    fn tenant_id(&self) -> &str {
        self.access.map_or(self.service.state.directory.tenant_id(), |access| &access.tenant_id)
    }

    /// Whom the token speaks for, if neither the firewall nor the request limit is against it.
    fn enter(&self, parts: &Parts, came: Instant) -> Result<Caller, Failure> {
        let caller = self.guard.authenticate(&parts.headers, self.tenant_id())?;
        if let Some(vault) = self.vault {
            self.guard.pass_firewall(&caller, vault)?;
            self.service.limits.take(vault, came)?;
        }
        Ok(caller)
    }

    /// What a fault answers in the vault's place, if it does.
    fn instead(&self, fault: KeyVaultFault, parts: &Parts) -> Option<Response> {
        tracing::info!(?fault, "Key Vault fails as it was told to");
        let tenant_id = self.tenant_id();
        let failure = match fault {
            KeyVaultFault::Garbage => return Some(not_json()),
            KeyVaultFault::Reset => return Some(hang_up()),
            KeyVaultFault::ForeignChallenge => self.guard.challenge(tenant_id, FOREIGN_RESOURCE),
            KeyVaultFault::OtherTenantChallenge => {
                let other = self.service.state.directory.tenants().other_than(tenant_id);
                self.guard.challenge(other.unwrap_or(UNKNOWN_TENANT), guard::RESOURCE)
            }
            KeyVaultFault::Throttled { retry_after_seconds } => {
                Failure::Throttled { retry_after_seconds }
            }
            KeyVaultFault::Unavailable => Failure::Unavailable,
            KeyVaultFault::Answers
            | KeyVaultFault::BodyCut
            | KeyVaultFault::ForbiddenByRbac
            | KeyVaultFault::LostAnswer => return None,
        };
        Some(refuse(parts, failure))
    }
}

/// A resource that no vault belongs to: a client that gets a token for it gives it away.
const FOREIGN_RESOURCE: &str = "https://vault.evil.example";

/// A tenant that is never configured.
const UNKNOWN_TENANT: &str = "00000000-0000-4000-8000-000000000000";
