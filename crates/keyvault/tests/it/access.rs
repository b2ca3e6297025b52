//! Waiting for a role.

use std::{error::Error as _, sync::Arc, time::Duration};

use azconnect_emulators::{Config, FirewallConfig, KeyVaultFault, Lasting, Role};
use azconnect_keyvault::{AccessWait, ErrorKind, SetSecret, VaultClient};
use futures::TryStreamExt;

use crate::fixture::{Fixture, HastyClock, VAULT, name};

fn waiting(fixture: &Fixture, longest: Duration) -> VaultClient {
    fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .with_access_wait(AccessWait::new(longest))
        .with_clock(Arc::new(HastyClock::default()))
        .build()
        .unwrap()
}

const QUARTER_HOUR: Duration = Duration::from_secs(900);

#[tokio::test]
async fn a_role_that_is_given_meanwhile_is_waited_for() {
    let mut config = Config::default();
    config.role_assignments.retain(|one| one.role != Role::KeyVaultSecretsOfficer);
    let fixture = Fixture::with(config).await;
    let client = waiting(&fixture, QUARTER_HOUR);
    let read = tokio::spawn(async move {
        let names = client.secrets().try_collect::<Vec<_>>().await;
        (client.secret(&name("demo-secret")).await, names)
    });
    while fixture.requests() < 2 {
        tokio::task::yield_now().await;
    }
    let emulators = &fixture.emulators;
    emulators.assign_role("uami-demo", Role::KeyVaultSecretsUser, "kv-demo").unwrap();
    let (secret, names) = read.await.unwrap();
    assert_eq!(secret.unwrap().value.expose_secret(), "the value of demo-secret");
    assert_eq!(names.unwrap().len(), 1);
}

#[tokio::test]
async fn a_role_that_comes_and_goes_is_not_taken_for_there() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    for (fault, requests) in [
        (KeyVaultFault::ForbiddenByRbac, 2),
        (KeyVaultFault::Answers, 1),
        (KeyVaultFault::ForbiddenByRbac, 1),
        (KeyVaultFault::Answers, 2),
        (KeyVaultFault::ForbiddenByRbac, 1),
    ] {
        faults.break_key_vault(fault, Lasting::Requests(requests));
    }
    let client = waiting(&fixture, QUARTER_HOUR);
    client.secret(&name("demo-secret")).await.unwrap();
    assert_eq!(fixture.requests(), 7 + 3);
    client.secret(&name("demo-secret")).await.unwrap();
    assert_eq!(fixture.requests(), 7 + 3 + 1);
}

#[tokio::test]
async fn a_change_is_made_once_however_long_it_was_waited_for() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::ForbiddenByRbac, Lasting::Requests(3));
    let client = waiting(&fixture, QUARTER_HOUR);
    client.set_secret(&name("new"), SetSecret::new("1".to_owned())).await.unwrap();
    assert_eq!(client.versions(&name("new")).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_change_does_not_put_access_in_doubt_again() {
    let fixture = Fixture::start().await;
    let client = waiting(&fixture, QUARTER_HOUR);
    let demo = name("demo-secret");
    client.secret(&demo).await.unwrap();
    client.set_secret(&demo, SetSecret::new("1".to_owned())).await.unwrap();
    let before = fixture.requests();
    client.secret(&demo).await.unwrap();
    assert_eq!(fixture.requests(), before + 1);
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_with_the_last_refusal() {
    let mut config = Config::default();
    config.role_assignments.retain(|one| one.role != Role::KeyVaultSecretsOfficer);
    let fixture = Fixture::with(config).await;
    let client = waiting(&fixture, Duration::from_secs(30));
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().ends_with("was not granted within 30 s"), "{error}");
    assert!(error.hint().unwrap().contains("`Key Vault Secrets User`"), "{:?}", error.hint());
    assert!(error.source().unwrap().to_string().contains("ForbiddenByRbac (403)"), "{error:?}");
}

#[tokio::test]
async fn no_other_refusal_is_waited_for() {
    let mut firewall = Config::default();
    firewall.vaults[0].firewall = FirewallConfig::Deny;
    let mut policies = Config::default();
    policies.vaults[0].access_policies = Some(Vec::new());
    for (config, code) in [(firewall, "ForbiddenByFirewall"), (policies, "ForbiddenByPolicy")] {
        let fixture = Fixture::with(config).await;
        let client = waiting(&fixture, QUARTER_HOUR);
        let error = client.secret(&name("demo-secret")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.service_code(), Some(code));
        assert_eq!(fixture.requests(), 1);
    }
}
