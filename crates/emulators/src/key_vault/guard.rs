//! Who may come in: the challenge for those without a token, the checks of the token, the firewall,
//! the role or the access policy.

use std::net::Ipv4Addr;

use axum::http::{HeaderMap, header, request::Parts};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{failure::Failure, gate::Admitted};
use crate::{
    config::{FirewallConfig, SecretPermission},
    roles::Role,
    state::ServiceState,
    tokens::{Caller, TokenRejection, issuer},
};

/// What a request wants to do, as role definitions call it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Backup,
    Delete,
    /// For roles the same as to read metadata, for access policies the same as to get a secret.
    GetDeleted,
    GetSecret,
    Purge,
    ReadMetadata,
    Recover,
    Restore,
    SetSecret,
    Update,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Backup => "Microsoft.KeyVault/vaults/secrets/backup/action",
            Self::Delete => "Microsoft.KeyVault/vaults/secrets/delete",
            Self::GetSecret => "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            Self::Purge => "Microsoft.KeyVault/vaults/secrets/purge/action",
            Self::GetDeleted | Self::ReadMetadata => {
                "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
            }
            Self::Recover => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::Restore => "Microsoft.KeyVault/vaults/secrets/restore/action",
            Self::SetSecret => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::Update => "Microsoft.KeyVault/vaults/secrets/update/action",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::GetDeleted | Self::ReadMetadata => Role::KeyVaultReader,
            Self::GetSecret => Role::KeyVaultSecretsUser,
            Self::Backup
            | Self::Delete
            | Self::Purge
            | Self::Recover
            | Self::Restore
            | Self::SetSecret
            | Self::Update => Role::KeyVaultSecretsOfficer,
        }
    }

    /// What an access policy must hold, where policies decide.
    fn permission(self) -> SecretPermission {
        match self {
            Self::Backup => SecretPermission::Backup,
            Self::Delete => SecretPermission::Delete,
            Self::GetDeleted | Self::GetSecret => SecretPermission::Get,
            Self::Purge => SecretPermission::Purge,
            Self::ReadMetadata => SecretPermission::List,
            Self::Recover => SecretPermission::Recover,
            Self::Restore => SecretPermission::Restore,
            Self::SetSecret | Self::Update => SecretPermission::Set,
        }
    }
}

/// Checks callers against the token authority and the directory.
pub(super) struct Guard<'a> {
    pub(super) state: &'a ServiceState,
}

impl Guard<'_> {
    /// The caller that the gate has let in.
    pub(super) fn caller(&self, parts: &Parts) -> Result<Admitted, Failure> {
        parts
            .extensions
            .get::<Admitted>()
            .cloned()
            .ok_or_else(|| self.challenge(self.state.directory.tenant_id(), RESOURCE))
    }

    /// Whom the request's token speaks for. `tenant_id`: that of the vault.
    pub(super) fn authenticate(
        &self,
        headers: &HeaderMap,
        tenant_id: &str,
    ) -> Result<Caller, Failure> {
        let unauthorized = |message| self.unauthorized(message, tenant_id, RESOURCE);
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = token else {
            return Err(self.challenge(tenant_id, RESOURCE));
        };
        let caller =
            self.state.tokens.verify_in(tenant_id, token, &[RESOURCE]).map_err(|rejection| {
                unauthorized(match rejection {
                    TokenRejection::WrongAudience { found } => {
                        format!("AKV10022: Invalid audience. Expected {RESOURCE}, found: {found}.")
                    }
                    TokenRejection::WrongIssuer { found } => format!(
                        "AKV10032: Invalid issuer. Expected one of {}, found {found}.",
                        issuer(tenant_id)
                    ),
                    rejection => format!("Error validating token: {rejection}."),
                })
            })?;
        match self.state.tokens.revoked(&caller) {
            None => Ok(caller),
            Some(not_before) if caller.understands_claims => Err(Failure::Revoked {
                authority: self.authority(tenant_id),
                claims: claims_challenge(not_before),
            }),
            Some(_) => Err(unauthorized("Error validating token: it was revoked.".to_owned())),
        }
    }

    /// Whether the vault's firewall lets the caller in. Every client is on this machine: the
    /// firewall lets in all of them or nobody.
    pub(super) fn pass_firewall(&self, caller: &Caller, vault: &str) -> Result<(), Failure> {
        match self.state.directory.vault(vault).map(|access| access.firewall) {
            None | Some(FirewallConfig::Allow) => Ok(()),
            Some(FirewallConfig::Deny) => {
                let message = format!(
                    "Client address is not authorized and caller is not a trusted service.\r\n\
                     Client address: {}\r\n\
                     Caller: {}\r\n\
                     Vault: {vault};location={REGION}",
                    Ipv4Addr::LOCALHOST,
                    self.describe(caller, vault),
                );
                Err(Failure::ForbiddenByFirewall { message })
            }
        }
    }

    /// Whether the caller may do this to the secret; an empty name stands for the whole vault.
    ///
    /// A role on one secret does not help to list them, as the list is the vault's.
    ///
    /// Spec: <https://learn.microsoft.com/azure/key-vault/general/rbac-guide>
    pub(super) fn allow(
        &self,
        admitted: &Admitted,
        action: Action,
        vault: &str,
        secret: &str,
    ) -> Result<(), Failure> {
        let Admitted { caller, without_role } = admitted;
        let directory = &self.state.directory;
        if *without_role {
            return Err(self.forbidden_by_rbac(caller, action, vault, secret));
        }
        let permission = action.permission();
        match directory.vault(vault).and_then(|access| access.permits(&caller.name, permission)) {
            Some(true) => Ok(()),
            Some(false) => Err(self.forbidden_by_policy(caller, permission, vault)),
            None if directory.has_role_on_secret(&caller.name, action.role(), vault, secret) => {
                Ok(())
            }
            None => Err(self.forbidden_by_rbac(caller, action, vault, secret)),
        }
    }

    fn forbidden_by_policy(
        &self,
        caller: &Caller,
        permission: SecretPermission,
        vault: &str,
    ) -> Failure {
        let message = format!(
            "The user, group or application '{}' does not have secrets {permission} permission on \
             key vault '{vault};location={REGION}'. For help resolving this issue, please see \
             https://go.microsoft.com/fwlink/?linkid=2125287",
            self.describe(caller, vault),
        );
        Failure::ForbiddenByPolicy { message }
    }

    fn forbidden_by_rbac(
        &self,
        caller: &Caller,
        action: Action,
        vault: &str,
        secret: &str,
    ) -> Failure {
        let secret = if secret.is_empty() { String::new() } else { ["/secrets/", secret].concat() };
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\n\
             If role assignments, deny assignments or role definitions were changed recently, \
             please observe propagation time.\r\n\
             Caller: {}\r\n\
             Action: '{}'\r\n\
             Resource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-demo/providers/\
             microsoft.keyvault/vaults/{vault}{secret}'\r\n\
             Assignment: (not found)\r\n\
             DenyAssignmentId: null\r\n\
             DecisionReason: null\r\n\
             Vault: {vault};location={REGION}\r\n",
            self.describe(caller, vault),
            action.name(),
        );
        Failure::Forbidden { message }
    }

    /// The caller as refusals name it. Its token is one of the vault's tenant by then.
    fn describe(&self, caller: &Caller, vault: &str) -> String {
        let directory = &self.state.directory;
        let tenant_id =
            directory.vault(vault).map_or(directory.tenant_id(), |access| &access.tenant_id);
        format!("appid={};oid={};iss={}", caller.app_id, caller.object_id, issuer(tenant_id))
    }

    /// What is answered to a request without a token.
    pub(super) fn challenge(&self, tenant_id: &str, resource: &'static str) -> Failure {
        let message = "AKV10000: Request is missing a Bearer or PoP token.".to_owned();
        self.unauthorized(message, tenant_id, resource)
    }

    fn unauthorized(&self, message: String, tenant_id: &str, resource: &'static str) -> Failure {
        Failure::Unauthorized { message, authority: self.authority(tenant_id), resource }
    }

    fn authority(&self, tenant_id: &str) -> String {
        [self.state.authority_host.as_str(), "/", tenant_id].concat()
    }
}

/// The `claims` of a challenge: the next token must not be dated before the revocation.
///
/// Spec: <https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>
fn claims_challenge(not_before: i64) -> String {
    let nbf = json!({"essential": true, "value": not_before.to_string()});
    STANDARD.encode(json!({"access_token": {"nbf": nbf}}).to_string())
}

/// The host that the request is for, port included as the client sent it.
pub(super) fn host(parts: &Parts) -> &str {
    parts
        .headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| parts.uri.authority().map(|authority| authority.as_str()))
        .unwrap_or_default()
}

/// The audience that tokens must have, and the resource that the challenge names.
pub(super) const RESOURCE: &str = "https://vault.azure.net";

pub(super) const REGION: &str = "westeurope";

const SUBSCRIPTION: &str = "2f7eb090-5d3c-4084-a162-8c9daebf2033";
