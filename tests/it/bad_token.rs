//! Tokens that no service takes.

use std::sync::Arc;

use azconnect_tests::FixedToken;
use time::Duration;

use crate::world::{World, assert_tells, told};

const VAULT: &str = "https://vault.azure.net";
const STORAGE: &str = "https://storage.azure.com";
const DATABASE: &str = "https://database.windows.net";

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused_by_every_service() {
    let world = World::new().await;
    let expired = |audience| token(&world, audience, Duration::hours(-1));
    refused_by_vault(&world, expired(VAULT)).await;
    refused_by_lake(&world, expired(STORAGE)).await;
    refused_by_synapse(&world, expired(DATABASE)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_audience_is_refused_by_every_service() {
    let world = World::new().await;
    let other = |audience| token(&world, audience, Duration::hours(1));
    refused_by_vault(&world, other(STORAGE)).await;
    refused_by_lake(&world, other(DATABASE)).await;
    refused_by_synapse(&world, other(VAULT)).await;
}

fn token(world: &World, audience: &str, lifetime: Duration) -> Arc<FixedToken> {
    world.harness.fixed_token("uami-demo", audience, lifetime).unwrap()
}

async fn refused_by_vault(world: &World, token: Arc<FixedToken>) {
    let vault = world.harness.vault(token).unwrap();
    let error = vault.secret(&"demo-secret".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), azconnect_keyvault::ErrorKind::Unauthenticated, "{}", told(&error));
    assert_eq!(error.http_status(), Some(401));
    assert!(error.hint().is_some(), "{error:?}");
}

async fn refused_by_lake(world: &World, token: Arc<FixedToken>) {
    let lake = world.harness.lake(token).unwrap();
    let error = lake.properties(&"raw/a".parse().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), azconnect_lake::ErrorKind::Unauthenticated, "{}", told(&error));
    assert_eq!(error.http_status(), Some(401));
    assert_tells(error.hint().unwrap(), &["token"]);
}

async fn refused_by_synapse(world: &World, token: Arc<FixedToken>) {
    let synapse = world.harness.synapse(token).unwrap();
    let error = synapse.query("SELECT 1").await.unwrap_err();
    assert_eq!(error.kind(), azconnect_synapse::ErrorKind::Unauthenticated, "{}", told(&error));
    assert_tells(error.hint().unwrap(), &["token"]);
}
