//! Managed identities that are unknown, ambiguous, or not allowed.

use azconnect_auth::{Error, ErrorKind};
use azconnect_emulators::{Config, ManagedIdentityConfig, Role};

use crate::world::{World, assert_tells, find, told};

const SCOPE: &str = "https://storage.azure.com/.default";

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_identity_is_told_with_its_id() {
    let world = World::new().await;
    let id = "99999999-0000-4000-8000-000000000000";
    let credential = world.harness.managed_identity(Some(id.parse().unwrap())).unwrap();
    let error = credential.get_token(&[SCOPE], None).await.unwrap_err();

    assert_tells(&told(&error), &[id]);
    let error = find::<Error>(&error);
    assert_eq!(error.kind(), ErrorKind::IdentityNotFound);
    assert!(error.hint().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn several_identities_and_none_named_asks_for_one() {
    let mut config = Config::default();
    let mut second: ManagedIdentityConfig = config.managed_identities[0].clone();
    second.name = "uami-second".to_owned();
    second.client_id = "11111111-0000-4000-8000-000000000001".parse().unwrap();
    second.object_id = "11111111-0000-4000-8000-000000000002".parse().unwrap();
    second.resource_id = second.resource_id.map(|id| id + "-second");
    config.managed_identities.push(second);
    let world = World::with(config).await;
    let error = world.identity().get_token(&[SCOPE], None).await.unwrap_err();

    let error = find::<Error>(&error);
    assert_eq!(error.kind(), ErrorKind::AmbiguousIdentity);
    assert_tells(error.hint().unwrap(), &["client id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_of_the_vault_is_named() {
    let world = World::with(without(Role::KeyVaultSecretsOfficer)).await;
    let vault = world.harness.vault(world.identity()).unwrap();
    let error = vault.secret(&"demo-secret".parse().unwrap()).await.unwrap_err();

    assert_eq!(error.kind(), azconnect_keyvault::ErrorKind::PermissionDenied);
    assert_eq!(error.http_status(), Some(403));
    assert_tells(error.hint().unwrap(), &["Key Vault Secrets User"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_of_the_lake_is_named() {
    let world = World::with(without(Role::StorageBlobDataOwner)).await;
    let lake = world.harness.lake(world.identity()).unwrap();
    let path = "raw/a.bin".parse().unwrap();
    let error = lake.upload(&path, "bytes".into(), Default::default()).await.unwrap_err();

    assert_eq!(error.kind(), azconnect_lake::ErrorKind::PermissionDenied);
    assert_eq!(error.http_status(), Some(403));
    assert_tells(error.hint().unwrap(), &["Storage Blob Data Contributor"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_without_a_sql_user_learns_how_to_get_one() {
    let mut config = Config::default();
    config.sql.users.clear();
    let world = World::with(config).await;
    let error =
        world.harness.synapse(world.identity()).unwrap().query("SELECT 1").await.unwrap_err();

    assert_eq!(error.server_number(), Some(18456));
    assert_tells(error.hint().unwrap(), &["CREATE USER", "FROM EXTERNAL PROVIDER"]);
}

fn without(role: Role) -> Config {
    let mut config = Config::default();
    config.role_assignments.retain(|assignment| assignment.role != role);
    config
}
