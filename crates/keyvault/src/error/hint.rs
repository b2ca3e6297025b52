//! What to try next, in one sentence.

use super::{ErrorKind, Facts, answer::MANAGED};
use crate::operation::Operation;

/// The hint for an answer; `vault` is the host.
pub(super) fn of(
    operation: Operation,
    kind: ErrorKind,
    facts: &Facts,
    vault: &str,
) -> Option<String> {
    let code = facts.service_code.as_deref();
    let hint = match (kind, code) {
        (ErrorKind::PermissionDenied, Some("ForbiddenByFirewall")) => format!(
            "the firewall of {vault} does not let this network in: add its address, or use the \
             vault's private endpoint"
        ),
        (ErrorKind::PermissionDenied, Some("ForbiddenByPolicy")) => format!(
            "{vault} uses access policies: give the identity the permission `{}` on secrets there",
            operation.permission()
        ),
        // A missing role has a code of its own.
        (ErrorKind::PermissionDenied, Some("Forbidden")) if operation == Operation::PurgeSecret => {
            format!(
                "{vault} is protected against purging: it purges deleted secrets by itself when \
                 the time to recover them is over"
            )
        }
        (ErrorKind::PermissionDenied, _) => format!(
            "assign the role `{}` on {vault} to the identity, whose ids the cause names; a new \
             assignment can take ten minutes to work",
            operation.role()
        ),
        (ErrorKind::NotFound, _) => format!(
            "check the spelling, and that {vault} is the vault you mean; a deleted secret can be \
             recovered for some days"
        ),
        (ErrorKind::Deleted, _) => {
            "recover the deleted secret, or purge it if nobody needs it any more".to_owned()
        }
        (ErrorKind::Conflict, Some("ObjectIsBeingDeleted" | "ObjectIsBeingRecovered")) => {
            "try again in some seconds: the vault is still at it".to_owned()
        }
        (ErrorKind::Conflict, Some(MANAGED)) => {
            "the secret is the private key of a certificate: do this to the certificate".to_owned()
        }
        (ErrorKind::Disabled, _) => "enable it again, or ask for another version".to_owned(),
        (ErrorKind::Connect, _) => format!(
            "check the name {vault}, the network, and whether the vault lets this network in"
        ),
        (ErrorKind::Unauthenticated, Some(WRONG_ISSUER)) => match &facts.vault_tenant {
            Some(tenant) => format!(
                "{vault} belongs to the tenant {tenant}: use an identity of that tenant, or ask \
                 for tokens of it"
            ),
            None => format!("use an identity of the tenant that {vault} belongs to"),
        },
        (ErrorKind::Unauthenticated, Some(_)) => {
            "the vault does not accept the token: it must be for Key Vault, not expired, and of \
             the vault's own tenant"
                .to_owned()
        }
        (ErrorKind::Unauthenticated, None) => format!(
            "either the identity gets no token, or {vault} is no vault: tokens for another \
             service are not sent to it"
        ),
        (ErrorKind::Throttled, _) => {
            "read each secret once per process, and let processes that start together wait a \
             random time first"
                .to_owned()
        }
        _ => return None,
    };
    Some(hint)
}

/// `AKV10032: Invalid issuer`: the token is one of another tenant.
pub(super) const WRONG_ISSUER: &str = "AKV10032";

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(operation: Operation, kind: ErrorKind, code: &str) -> String {
        let facts = Facts { service_code: Some(code.to_owned()), ..Facts::default() };
        of(operation, kind, &facts, "kv").unwrap()
    }

    #[test]
    fn a_missing_role_is_named_and_a_firewall_is_no_missing_role() {
        let denied = |operation, code| hint(operation, ErrorKind::PermissionDenied, code);
        for (operation, role) in [
            (Operation::GetSecret, "`Key Vault Secrets User`"),
            (Operation::ListSecrets, "`Key Vault Reader`"),
            (Operation::SetSecret, "`Key Vault Secrets Officer`"),
            (Operation::PurgeSecret, "`Key Vault Secrets Officer`"),
        ] {
            let hint = denied(operation, "ForbiddenByRbac");
            assert!(hint.contains(role), "{hint}");
        }
        let hint = denied(Operation::GetSecret, "ForbiddenByFirewall");
        assert!(hint.contains("firewall") && !hint.contains("role"), "{hint}");
        let hint = denied(Operation::BackUpSecret, "ForbiddenByPolicy");
        assert!(hint.contains("`Backup`") && !hint.contains("role"), "{hint}");
    }

    #[test]
    fn the_vaults_tenant_is_named_where_the_token_is_of_another() {
        let facts = Facts {
            service_code: Some(WRONG_ISSUER.to_owned()),
            vault_tenant: Some("5a1e0f3c".to_owned()),
            ..Facts::default()
        };
        let hint = of(Operation::GetSecret, ErrorKind::Unauthenticated, &facts, "kv").unwrap();
        assert!(hint.contains("the tenant 5a1e0f3c"), "{hint}");
    }
}
