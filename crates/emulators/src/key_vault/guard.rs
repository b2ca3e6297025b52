//! Who may come in: the challenge for those without a token, the checks of the token, the role.

use axum::http::{HeaderMap, header, request::Parts};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::failure::Failure;
use crate::{
    roles::Role,
    state::ServiceState,
    tokens::{Caller, TokenRejection},
};

/// What a request wants to do, as role definitions call it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Backup,
    Delete,
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
            Self::ReadMetadata => "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            Self::Recover => "Microsoft.KeyVault/vaults/secrets/recover/action",
            Self::Restore => "Microsoft.KeyVault/vaults/secrets/restore/action",
            Self::SetSecret => "Microsoft.KeyVault/vaults/secrets/setSecret/action",
            Self::Update => "Microsoft.KeyVault/vaults/secrets/update/action",
        }
    }

    fn role(self) -> Role {
        match self {
            Self::ReadMetadata => Role::KeyVaultReader,
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
}

/// Checks callers against the token authority and the directory.
pub(super) struct Guard<'a> {
    pub(super) state: &'a ServiceState,
}

impl Guard<'_> {
    /// Whom the request's token speaks for.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Failure> {
        let token = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        let Some(token) = token else {
            return Err(
                self.unauthorized("AKV10000: Request is missing a Bearer or PoP token.".to_owned())
            );
        };
        let caller = self.state.tokens.verify(token, &[RESOURCE]).map_err(|rejection| {
            self.unauthorized(match rejection {
                TokenRejection::WrongAudience { found } => {
                    format!("AKV10022: Invalid audience. Expected {RESOURCE}, found: {found}.")
                }
                TokenRejection::WrongIssuer => "AKV10032: Invalid issuer.".to_owned(),
                rejection => format!("Error validating token: {rejection}."),
            })
        })?;
        match self.state.tokens.revoked(&caller) {
            None => Ok(caller),
            Some(not_before) if caller.understands_claims => Err(Failure::Revoked {
                authority: self.authority(),
                claims: claims_challenge(not_before),
            }),
            Some(_) => Err(self.unauthorized("Error validating token: it was revoked.".to_owned())),
        }
    }

    /// Whether the caller may do this to the secret; an empty name stands for the whole vault.
    pub(super) fn allow(
        &self,
        caller: &Caller,
        action: Action,
        vault: &str,
        secret: &str,
    ) -> Result<(), Failure> {
        if self.state.directory.has_role(&caller.object_id, action.role(), vault) {
            return Ok(());
        }
        let issuer = crate::tokens::issuer(self.state.directory.tenant_id());
        let secret = if secret.is_empty() { String::new() } else { ["/secrets/", secret].concat() };
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\n\
             If role assignments, deny assignments or role definitions were changed recently, \
             please observe propagation time.\r\n\
             Caller: appid={};oid={};iss={issuer}\r\n\
             Action: '{}'\r\n\
             Resource: '/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-demo/providers/\
             microsoft.keyvault/vaults/{vault}{secret}'\r\n\
             Assignment: (not found)\r\n\
             DenyAssignmentId: null\r\n\
             DecisionReason: null\r\n\
             Vault: {vault};location={REGION}\r\n",
            caller.app_id,
            caller.object_id,
            action.name(),
        );
        Err(Failure::Forbidden { message })
    }

    fn unauthorized(&self, message: String) -> Failure {
        Failure::Unauthorized { message, authority: self.authority() }
    }

    fn authority(&self) -> String {
        [self.state.authority_host.as_str(), "/", self.state.directory.tenant_id()].concat()
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
