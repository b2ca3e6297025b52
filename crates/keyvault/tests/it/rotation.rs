//! New versions, noticed.

use std::{sync::Arc, time::Duration};

use azconnect_emulators::{KeyVaultFault, Lasting};
use azconnect_keyvault::{ErrorKind, RetryOptions, SecretUpdate, SetSecret};
use futures::StreamExt;

use crate::fixture::{Fixture, HastyClock, VAULT, name};

#[tokio::test]
async fn each_new_version_comes_once_and_failures_are_told_once() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    let watcher = fixture.patient_client(Arc::new(HastyClock::default()));
    let mut rotations = watcher.rotations(&demo, Duration::from_secs(2));
    let first = rotations.next().await.unwrap().unwrap();
    assert_eq!(first.value.expose_secret(), "the value of demo-secret");

    // A fault that passes is no news, and neither is the same version.
    fixture.emulators.faults().break_key_vault(KeyVaultFault::Reset, Lasting::Requests(2));
    client.set_secret(&demo, SetSecret::new("second".to_owned())).await.ok();
    fixture.emulators.faults().mend_key_vault();
    client.set_secret(&demo, SetSecret::new("third".to_owned())).await.unwrap();
    let third = rotations.next().await.unwrap().unwrap();
    assert_eq!(third.value.expose_secret(), "third");

    let enabled = |enabled| SecretUpdate::new().with_enabled(enabled);
    client.update_secret(&demo, None, enabled(false)).await.unwrap();
    assert_eq!(rotations.next().await.unwrap().unwrap_err().kind(), ErrorKind::Disabled);
    let quiet = fixture.requests();
    let next = tokio::spawn(async move { rotations.next().await });
    while fixture.requests() < quiet + 5 {
        tokio::task::yield_now().await;
    }
    assert!(!next.is_finished(), "the same failure was told again");
    client.update_secret(&demo, None, enabled(true)).await.unwrap();
    let back = next.await.unwrap().unwrap().unwrap();
    assert_eq!(back.value.expose_secret(), "third");
    // The stream is dropped by now, and nobody asks any more.
    let before = fixture.requests();
    client.secret(&demo).await.unwrap();
    assert_eq!(fixture.requests(), before + 1);
}

#[tokio::test]
async fn a_failure_is_news_at_the_first_request_only() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::Unavailable, Lasting::Requests(1));
    let demo = name("demo-secret");
    // Without retries, so that each fault reaches the stream.
    let watcher = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .with_retry(RetryOptions::none())
        .with_clock(Arc::new(HastyClock::default()))
        .build()
        .unwrap();
    let mut rotations = watcher.rotations(&demo, Duration::from_secs(1));
    let first = rotations.next().await.unwrap();
    assert_eq!(first.unwrap_err().kind(), ErrorKind::Unavailable);
    let value = rotations.next().await.unwrap().unwrap().value;
    assert_eq!(value.expose_secret(), "the value of demo-secret");

    fixture.client().set_secret(&demo, SetSecret::new("second".to_owned())).await.unwrap();
    for fault in [
        KeyVaultFault::Unavailable,
        KeyVaultFault::Throttled { retry_after_seconds: 1 },
        KeyVaultFault::Reset,
        KeyVaultFault::BodyCut,
    ] {
        faults.break_key_vault(fault, Lasting::Requests(1));
    }
    let before = fixture.requests();
    let value = rotations.next().await.unwrap().unwrap().value;
    assert_eq!(value.expose_secret(), "second");
    assert_eq!(fixture.requests(), before + 5);
}
