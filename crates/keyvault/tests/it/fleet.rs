//! Many readers, many secrets, and a vault that has enough.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc, time::Duration};

use azconnect_emulators::{Config, RequestLimitConfig, RoleAssignmentConfig, VaultConfig};
use azconnect_keyvault::{
    ErrorKind, SecretCache, SecretReference, SecretUpdate, VaultClient, Vaults,
    azure_core::http::Url,
};
use futures::StreamExt;

use crate::fixture::{Fixture, HastyClock, VAULT, name};

/// Two vaults with 150 secrets each.
async fn two_vaults() -> Fixture {
    let mut config = Config::default();
    let secrets = |vault: &str| {
        let secret = |number| (format!("s-{number}"), format!("{vault} {number}").into());
        (0..150).map(secret).collect()
    };
    config.vaults = ["kv-demo", "kv-two"]
        .map(|vault| VaultConfig {
            name: vault.into(),
            secrets: secrets(vault),
            ..VaultConfig::default()
        })
        .into();
    let second = config.role_assignments.iter().filter(|one| one.resource == "kv-demo");
    let second: Vec<_> = second
        .map(|one| RoleAssignmentConfig { resource: "kv-two".into(), ..one.clone() })
        .collect();
    config.role_assignments.extend(second);
    Fixture::with(config).await
}

fn vaults(fixture: &Fixture) -> Vaults {
    let clients: HashMap<Url, VaultClient> = [VAULT, "https://kv-two.vault.azure.net"]
        .map(|url| {
            let builder = fixture.builder(url, fixture.credential("uami-demo"));
            let client = builder.with_resource("https://vault.azure.net").build().unwrap();
            (Url::parse(url).unwrap(), client)
        })
        .into();
    Vaults::new("vault.azure.net", move |url| Ok(clients[&url].clone()))
}

fn reference(text: &str) -> SecretReference {
    text.parse().unwrap()
}

#[tokio::test]
async fn every_reference_comes_back_once_with_its_own_outcome() {
    let fixture = two_vaults().await;
    let off = SecretUpdate::new().with_enabled(false);
    fixture.client().update_secret(&name("s-7"), None, off).await.unwrap();
    let before = fixture.requests();
    let mut wanted = Vec::new();
    for number in 0..150 {
        wanted.push(reference(&format!("akv://kv-demo/s-{number}")));
        wanted.push(reference(&format!("https://kv-two.vault.azure.net/secrets/s-{number}")));
        // The same secrets by another spelling.
        wanted.push(reference(&format!("akv://KV-TWO/S-{number}")));
    }
    for number in 0..3 {
        wanted.push(reference(&format!("akv://kv-demo/absent-{number}")));
    }
    wanted.push(reference("https://kv.vault.evil.example/secrets/db"));
    let outcomes: Vec<_> = vaults(&fixture).secrets(wanted.clone(), 32).collect().await;
    assert_eq!(outcomes.len(), wanted.len());
    let outcomes: HashMap<_, _> = outcomes.into_iter().collect();
    for one in &wanted {
        let vault = if one.vault().to_string().contains("two") { "kv-two" } else { "kv-demo" };
        let asked = one.name().as_str().to_ascii_lowercase();
        match &outcomes[one] {
            Ok(secret) => {
                let number = asked.strip_prefix("s-").unwrap();
                assert_eq!(secret.value.expose_secret(), format!("{vault} {number}"));
            }
            Err(error) if asked == "s-7" => assert_eq!(error.kind(), ErrorKind::Disabled),
            Err(error) if asked == "db" => assert_eq!(error.kind(), ErrorKind::InvalidInput),
            Err(error) => {
                assert!(asked.starts_with("absent"), "{error}");
                assert_eq!(error.kind(), ErrorKind::NotFound);
            }
        }
    }
    assert_eq!(outcomes.values().filter(|outcome| outcome.is_err()).count(), 5);
    assert_eq!(fixture.requests() - before, 150 + 150 + 3);
}

#[tokio::test]
async fn a_stream_that_is_dropped_stops_asking() {
    let fixture = two_vaults().await;
    let wanted = (0..150).map(|number| reference(&format!("akv://kv-demo/s-{number}")));
    let mut outcomes = vaults(&fixture).secrets(wanted, 8);
    for _ in 0..10 {
        outcomes.next().await.unwrap().1.unwrap();
    }
    drop(outcomes);
    assert!(fixture.requests() < 30, "{}", fixture.requests());
}

#[tokio::test]
async fn readers_that_are_turned_away_return_when_they_are_told_to() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let mut config = Config::default();
    config.vaults[0].request_limit =
        RequestLimitConfig { requests: number(20), seconds: number(1) };
    let fixture = Fixture::with(config).await;
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .build()
        .unwrap();
    let demo = name("demo-secret");
    let all = (0..60).map(|_| client.secret(&demo));
    futures::future::try_join_all(all).await.unwrap();
    // 60 succeed at 20 in a second: each was sent at most three times, and all wait when one must.
    assert!((80..=180).contains(&fixture.requests()), "{}", fixture.requests());
}

#[tokio::test]
async fn two_hundred_tasks_with_one_cache_cause_one_request() {
    let fixture = Fixture::start().await;
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .with_start_jitter(Duration::from_secs(3))
        .with_clock(Arc::new(HastyClock::default()))
        .build()
        .unwrap();
    let cache = SecretCache::builder(client).build();
    let tasks = (0..200).map(|_| {
        let cache = cache.clone();
        tokio::spawn(async move { cache.secret(&name("demo-secret")).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        let secret = task.await.unwrap().unwrap();
        assert_eq!(secret.value.expose_secret(), "the value of demo-secret");
    }
    assert_eq!(fixture.requests(), 1);
}

/// Has 200 tasks read a secret by a client each, as processes do, which share nothing but the vault.
async fn read_by_clients_of_their_own(fixture: &Fixture) {
    let tasks = (0..200).map(|_| {
        let client = fixture
            .builder(VAULT, fixture.credential("uami-demo"))
            .with_resource("https://vault.azure.net")
            .with_start_jitter(Duration::from_millis(500))
            .build()
            .unwrap();
        tokio::spawn(async move { client.secret(&name("demo-secret")).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        let secret = task.await.unwrap().unwrap();
        assert_eq!(secret.value.expose_secret(), "the value of demo-secret");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_make_one_request_each() {
    let fixture = Fixture::start().await;
    read_by_clients_of_their_own(&fixture).await;
    assert_eq!(fixture.requests(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_come_through_the_limit_and_do_not_hammer() {
    let number = |number| NonZeroU32::new(number).unwrap();
    let mut config = Config::default();
    config.vaults[0].request_limit =
        RequestLimitConfig { requests: number(80), seconds: number(2) };
    let fixture = Fixture::with(config).await;
    read_by_clients_of_their_own(&fixture).await;
    let requests = fixture.requests();
    // Without refusals the limit was not met, and the test would prove nothing.
    assert!(requests >= 250, "{requests}");
    // Three windows let all of them in, with 200, 120 and 40 requests if everybody kept to them. `Retry-After` is
    // only a time before which it makes no sense to return, so that some return too early.
    assert!(requests <= 500, "{requests}");
}
