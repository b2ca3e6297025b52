//! What callers see of deletions whose end they may not see, and what `explain` finds out.

use std::{sync::Arc, time::Duration};

use azconnect_emulators::{AccessPolicyConfig, Config, KeyVaultFault, Lasting, SecretPermission};
use azconnect_keyvault::{AccessWait, ErrorKind, SecretVersion, SetSecret, VaultClient};

use crate::fixture::{Fixture, HastyClock, VAULT, name};

/// A client that waits for roles, of a vault whose limbo is so long.
async fn waiting(limbo_ms: u32) -> (Fixture, VaultClient, Arc<HastyClock>) {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = limbo_ms;
    let fixture = Fixture::with(config).await;
    let clock = Arc::new(HastyClock::default());
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .with_access_wait(AccessWait::new(Duration::from_secs(900)))
        .with_clock(clock.clone())
        .build()
        .unwrap();
    (fixture, client, clock)
}

#[tokio::test]
async fn a_deletion_that_nobody_may_look_at_is_no_failure() {
    let (fixture, client, clock) = waiting(0).await;
    let demo = name("demo-secret");
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::Answers, Lasting::Requests(1));
    faults.break_key_vault(KeyVaultFault::ForbiddenByRbac, Lasting::Always);
    client.delete_secret(&demo).await.unwrap();
    assert_eq!(clock.pauses(), [Duration::from_secs(1); 60]);

    faults.mend_key_vault();
    faults.break_key_vault(KeyVaultFault::Answers, Lasting::Requests(1));
    faults.break_key_vault(KeyVaultFault::ForbiddenByRbac, Lasting::Always);
    client.recover_secret(&demo).await.unwrap();
    assert_eq!(clock.pauses().len(), 120);
}

#[tokio::test]
async fn a_role_that_comes_and_goes_does_not_end_the_wait_for_a_deletion() {
    let (fixture, client, _) = waiting(100).await;
    let demo = name("demo-secret");
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::Answers, Lasting::Requests(2));
    faults.break_key_vault(KeyVaultFault::ForbiddenByRbac, Lasting::Requests(2));
    client.delete_secret(&demo).await.unwrap();
    client.deleted_secret(&demo).await.unwrap();
}

#[tokio::test]
async fn who_may_only_recover_does_not_wait_to_read() {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 100;
    config.vaults[0].access_policies = Some(vec![AccessPolicyConfig {
        principal: "uami-demo".into(),
        secrets: vec![SecretPermission::Delete, SecretPermission::Recover],
    }]);
    let fixture = Fixture::with(config).await;
    let clock = Arc::new(HastyClock::default());
    let client = fixture.patient_client(clock.clone());
    let demo = name("demo-secret");
    client.delete_secret(&demo).await.unwrap();
    assert!(clock.pauses().is_empty());
    // The deletion goes on, and the recovery waits for the end of it; then nobody may look.
    client.recover_secret(&demo).await.unwrap();
    assert!(!clock.pauses().is_empty());
    assert_eq!(fixture.requests_for("GET /secrets/demo-secret"), 1);
}

#[tokio::test]
async fn a_name_that_does_not_become_free_is_a_conflict() {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 600_000;
    let fixture = Fixture::with(config).await;
    let client = fixture.patient_client(Arc::default());
    let demo = name("demo-secret");
    client.delete_secret(&demo).await.unwrap_err();
    let error = client.set_secret(&demo, SetSecret::new("new".to_owned())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.service_code(), Some("ObjectIsBeingDeleted"));
    assert!(error.hint().unwrap().contains("still at it"), "{error:?}");
}

#[tokio::test]
async fn a_missing_version_is_explained_by_the_secret_that_is_there() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    let version = SecretVersion::new("0123456789abcdef0123456789abcdef").unwrap();
    let error = client.secret_version(&demo, &version).await.unwrap_err();
    let error = client.explain(&demo, error).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.hint(), Some("the secret `demo-secret` is there: list its versions"));
}

#[tokio::test]
async fn an_explanation_that_takes_too_long_is_done_without() {
    let fixture = Fixture::start().await;
    // Ten seconds of this clock are a tenth of one.
    let client = fixture.patient_client(Arc::default());
    let misspelled = name("demo-sekret");
    let error = client.secret(&misspelled).await.unwrap_err();
    fixture.emulators.faults().delay_key_vault(Duration::from_secs(60));
    let same = client.explain(&misspelled, error.clone()).await;
    assert_eq!(same.hint(), error.hint());
    assert_eq!(format!("{same:?}"), format!("{error:?}"));
}

#[tokio::test]
async fn what_is_no_missing_secret_is_not_looked_into() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    client.delete_secret(&demo).await.unwrap();
    let error = client.set_secret(&demo, SetSecret::new("new".to_owned())).await.unwrap_err();
    let requests = fixture.requests();
    let same = client.explain(&demo, error.clone()).await;
    assert_eq!(format!("{same:?}"), format!("{error:?}"));
    assert_eq!(fixture.requests(), requests);
}
