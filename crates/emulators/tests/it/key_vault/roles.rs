//! Which built-in role allows which operation.

use azconnect_emulators::{Config, Role};
use reqwest::Method;
use serde_json::json;

use super::{codes, send_as};
use crate::fixture::{Fixture, assign, identity};

const ROLES: [Role; 4] = [
    Role::KeyVaultReader,
    Role::KeyVaultSecretsUser,
    Role::KeyVaultSecretsOfficer,
    Role::KeyVaultAdministrator,
];

#[tokio::test]
async fn each_operation_needs_its_own_permission() {
    let mut config = Config::default();
    for role in ROLES {
        config.managed_identities.push(identity(role.name()));
        config.role_assignments.push(assign(role.name(), role));
    }
    let fixture = Fixture::with(config).await;
    let backup = || (Method::POST, "/secrets/demo-secret/backup");
    for (method, path, action, first) in [
        (Method::GET, "/secrets", "readMetadata/action", 0),
        (Method::GET, "/secrets/demo-secret/versions", "readMetadata/action", 0),
        (Method::GET, "/deletedsecrets", "readMetadata/action", 0),
        (Method::GET, "/deletedsecrets/absent", "readMetadata/action", 0),
        (Method::GET, "/secrets/demo-secret", "getSecret/action", 1),
        (Method::PUT, "/secrets/demo-secret", "setSecret/action", 2),
        (Method::PATCH, "/secrets/demo-secret", "update/action", 2),
        (backup().0, backup().1, "backup/action", 2),
        (Method::POST, "/secrets/restore", "restore/action", 2),
        (Method::DELETE, "/secrets/absent", "delete", 2),
        (Method::POST, "/deletedsecrets/absent/recover", "recover/action", 2),
        (Method::DELETE, "/deletedsecrets/absent", "purge/action", 2),
    ] {
        for (index, role) in ROLES.into_iter().enumerate() {
            let body = Some(json!({"value": "1"}));
            let answer = send_as(&fixture, role.name(), method.clone(), path, body).await;
            let case = format!("{role}: {method} {path}: {}", answer.text);
            if index >= first {
                assert_ne!(answer.status, 403, "{case}");
                continue;
            }
            assert_eq!(answer.status, 403, "{case}");
            assert_eq!(codes(&answer).1.as_deref(), Some("ForbiddenByRbac"), "{case}");
            let action = format!("'Microsoft.KeyVault/vaults/secrets/{action}'");
            assert!(answer.text.contains(&action), "{case}");
        }
    }
}
