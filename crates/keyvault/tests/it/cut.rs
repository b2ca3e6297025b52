//! Connections that break, answers of somebody else, and a vault that asks for patience: what is
//! asked again, how soon, and what is not.

use std::{sync::Arc, time::Duration};

use azconnect_emulators::{Config, KeyVaultFault, Lasting, VaultConfig};
use azconnect_keyvault::{ErrorKind, SetSecret, VaultClient};
use futures::TryStreamExt;

use crate::fixture::{Fixture, HastyClock, VAULT, all_said, name};

/// A client that needs no challenge, so that each request is one that a fault can hit.
fn retrying(fixture: &Fixture) -> (VaultClient, Arc<HastyClock>) {
    let clock = Arc::new(HastyClock::default());
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .with_clock(clock.clone())
        .build()
        .unwrap();
    (client, clock)
}

#[tokio::test]
async fn whatever_passes_is_asked_again() {
    let fixture = Fixture::start().await;
    let (client, clock) = retrying(&fixture);
    for fault in [
        KeyVaultFault::BodyCut,
        KeyVaultFault::LostAnswer,
        KeyVaultFault::Reset,
        KeyVaultFault::Throttled { retry_after_seconds: 1 },
        KeyVaultFault::Unavailable,
    ] {
        let before = (fixture.requests(), clock.pauses().len());
        fixture.emulators.faults().break_key_vault(fault, Lasting::Requests(1));
        let secret = client.secret(&name("demo-secret")).await.unwrap();
        assert_eq!(secret.value.expose_secret(), "the value of demo-secret");
        assert_eq!(fixture.requests(), before.0 + 2, "{fault:?}");
        assert!(clock.pauses().len() > before.1, "{fault:?} was not waited out");
    }
}

#[tokio::test]
async fn where_nothing_answers_three_attempts_are_enough() {
    let fixture = Fixture::start().await;
    let (client, clock) = retrying(&fixture);
    fixture.emulators.faults().break_key_vault(KeyVaultFault::Reset, Lasting::Always);
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(fixture.requests(), 3);
    for (pause, expected) in clock.pauses().iter().zip([0.8, 1.6]) {
        let pause = pause.as_secs_f64();
        assert!((expected..=expected * 1.25).contains(&pause), "{pause} for {expected}");
    }
}

#[tokio::test]
async fn a_vault_that_asks_for_patience_gets_it_from_all() {
    let fixture = Fixture::start().await;
    let (client, clock) = retrying(&fixture);
    let throttled = KeyVaultFault::Throttled { retry_after_seconds: 17 };
    fixture.emulators.faults().break_key_vault(throttled, Lasting::Requests(1));
    client.secret(&name("demo-secret")).await.unwrap();
    assert!(clock.pauses()[0] >= Duration::from_secs(17), "{:?}", clock.pauses());

    // Who does not repeat is told how long to wait.
    fixture.emulators.faults().break_key_vault(throttled, Lasting::Requests(1));
    let once = fixture.client();
    let error = once.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(17)));
    assert!(error.is_transient());
}

#[tokio::test]
async fn an_answer_of_somebody_else_is_neither_believed_nor_quoted() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    // In place of the challenge, then in place of the secret.
    for _ in 0..2 {
        fixture.emulators.faults().break_key_vault(KeyVaultFault::Garbage, Lasting::Requests(1));
        let error = client.secret(&demo).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert!(!error.is_transient());
        let said = all_said(&error);
        assert!(!said.contains("Sign in") && !said.contains("DOCTYPE"), "{said}");
        client.secret(&demo).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_there_once() {
    let fixture = Fixture::start().await;
    let (client, clock) = retrying(&fixture);
    for (number, fault) in [KeyVaultFault::LostAnswer, KeyVaultFault::BodyCut].iter().enumerate() {
        let new = name(&format!("new-{number}"));
        fixture.emulators.faults().break_key_vault(*fault, Lasting::Requests(1));
        let error = client.set_secret(&new, SetSecret::new("1".to_owned())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{fault:?}");
        assert_eq!(fixture.requests_for(&format!("PUT /secrets/{new}")), 1);
        assert_eq!(client.versions(&new).try_collect::<Vec<_>>().await.unwrap().len(), 1);
    }
    assert!(clock.pauses().is_empty());

    // One that was turned away is made when the vault takes it.
    let throttled = KeyVaultFault::Throttled { retry_after_seconds: 3 };
    fixture.emulators.faults().break_key_vault(throttled, Lasting::Requests(1));
    let new = name("new");
    client.set_secret(&new, SetSecret::new("1".to_owned())).await.unwrap();
    assert_eq!(fixture.requests_for("PUT /secrets/new"), 2);
    assert_eq!(client.versions(&new).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_list_survives_a_page_that_is_cut() {
    let mut config = Config::default();
    let secrets = (0..60).map(|number| (format!("s-{number:02}"), "1".into())).collect();
    config.vaults = vec![VaultConfig { secrets, ..config.vaults[0].clone() }];
    let fixture = Fixture::with(config).await;
    let (client, _) = retrying(&fixture);
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::Answers, Lasting::Requests(1));
    faults.break_key_vault(KeyVaultFault::BodyCut, Lasting::Requests(2));
    let listed: Vec<_> = client.secrets().try_collect().await.unwrap();
    let names: Vec<_> = listed.iter().map(|secret| secret.name.to_string()).collect();
    let expected: Vec<_> = (0..60).map(|number| format!("s-{number:02}")).collect();
    assert_eq!(names, expected);
    assert_eq!(fixture.requests(), 3 + 2);
}
