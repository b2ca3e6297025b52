//! Setting, updating, deleting, recovering, purging, backing up, and answers that are lost.

use std::{sync::Arc, time::Duration};

use azconnect_emulators::{
    AccessPolicyConfig, Config, KeyVaultFault, Lasting, SecretPermission, VaultConfig,
};
use azconnect_keyvault::{
    ErrorKind, RetryOptions, SecretBackup, SecretUpdate, SetSecret, Validity,
    azure_core::time::OffsetDateTime,
};
use futures::TryStreamExt;

use crate::fixture::{Fixture, HastyClock, VAULT, name};

fn set(value: &str) -> SetSecret {
    SetSecret::new(value.to_owned())
}

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).unwrap()
}

/// A vault that takes its time, and a client for which it goes by quickly.
async fn slow_vault() -> (Fixture, azconnect_keyvault::VaultClient, Arc<HastyClock>) {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 100;
    let fixture = Fixture::with(config).await;
    let clock = Arc::new(HastyClock::default());
    let client = fixture.patient_client(clock.clone());
    (fixture, client, clock)
}

#[tokio::test]
async fn properties_are_set_and_updated() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let db = name("db");
    let tags = [("team".to_owned(), "data".to_owned())];
    let properties = SecretUpdate::new()
        .with_content_type("text/plain")
        .with_tags(tags.clone())
        .with_not_before(at(1_700_000_000))
        .with_expires(at(1_800_000_000));
    let first = client.set_secret(&db, set("1").with_properties(properties)).await.unwrap();
    assert_eq!(first.content_type.as_deref(), Some("text/plain"));
    assert_eq!(first.tags.clone().into_iter().collect::<Vec<_>>(), tags);
    assert_eq!(
        (first.not_before, first.expires),
        (Some(at(1_700_000_000)), Some(at(1_800_000_000)))
    );
    assert_eq!(first.validity(at(1_700_000_000)), Validity::Valid);
    assert_eq!(client.secret(&db).await.unwrap().properties.tags, first.tags);

    let second = client.set_secret(&db, set("2")).await.unwrap();
    assert_ne!(second.version, first.version);
    let update = SecretUpdate::new().with_expires(at(1));
    let updated = client.update_secret(&db, None, update.clone()).await.unwrap();
    assert_eq!((updated.version, updated.expires), (second.version, Some(at(1))));
    let updated = client.update_secret(&db, first.version.as_ref(), update).await.unwrap();
    assert_eq!((updated.version, updated.content_type), (first.version, first.content_type));

    let empty = client.update_secret(&db, None, SecretUpdate::new()).await.unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::InvalidInput);
    let long = client.set_secret(&db, set(&"x".repeat(26_000))).await.unwrap_err();
    assert_eq!(long.kind(), ErrorKind::InvalidInput);
    let absent = SecretUpdate::new().with_enabled(false);
    let absent = client.update_secret(&name("absent"), None, absent).await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn disabled_and_expired_secrets_are_listed_like_others() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let off = SecretUpdate::new().with_enabled(false);
    client.set_secret(&name("off"), set("1").with_properties(off)).await.unwrap();
    let old = SecretUpdate::new().with_expires(at(1));
    client.set_secret(&name("old"), set("1").with_properties(old)).await.unwrap();
    let now = OffsetDateTime::now_utc();
    let listed: Vec<_> = client.secrets().try_collect().await.unwrap();
    let listed: Vec<_> =
        listed.iter().map(|one| (one.name.as_str(), one.enabled, one.validity(now))).collect();
    assert_eq!(
        listed,
        [
            ("demo-secret", true, Validity::Valid),
            ("off", false, Validity::Valid),
            ("old", true, Validity::Expired(at(1))),
        ]
    );
    // The vault hands out what has expired.
    client.secret(&name("old")).await.unwrap();
    assert_eq!(client.versions(&name("off")).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_secret_comes_back_and_its_name_is_free_once_it_is_purged() {
    let (_fixture, client, clock) = slow_vault().await;
    let demo = name("demo-secret");
    let deleted = client.delete_secret(&demo).await.unwrap();
    assert!(deleted.scheduled_purge > deleted.deleted);
    assert!(!clock.pauses().is_empty(), "nobody waited for the vault");
    // It returned when the deletion was done: no more waiting is needed.
    let listed: Vec<_> = client.deleted_secrets().try_collect().await.unwrap();
    assert_eq!(listed[0].properties.name, demo);
    let taken = client.set_secret(&demo, set("new")).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Deleted);

    client.recover_secret(&demo).await.unwrap();
    let secret = client.secret(&demo).await.unwrap();
    assert_eq!(secret.value.expose_secret(), "the value of demo-secret");
    let none = client.recover_secret(&demo).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);

    client.delete_secret(&demo).await.unwrap();
    client.purge_secret(&demo).await.unwrap();
    // The name is in limbo, which the client waits for.
    client.set_secret(&demo, set("new")).await.unwrap();
    assert_eq!(client.versions(&demo).try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_limbo_that_does_not_end_is_told() {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 60_000;
    let fixture = Fixture::with(config).await;
    let client = fixture.patient_client(Arc::default());
    let error = client.delete_secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("is not done with it after 60 s"), "{error}");
}

#[tokio::test]
async fn who_may_not_look_at_deleted_secrets_does_not_wait() {
    let policy = |secrets: &[SecretPermission]| {
        let policy =
            AccessPolicyConfig { principal: "uami-demo".into(), secrets: secrets.to_vec() };
        Some(vec![policy])
    };
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 60_000;
    config.vaults[0].access_policies = policy(&[SecretPermission::Delete]);
    let fixture = Fixture::with(config).await;
    let clock = Arc::new(HastyClock::default());
    let client = fixture.patient_client(clock.clone());
    client.delete_secret(&name("demo-secret")).await.unwrap();
    assert_eq!(clock.pauses(), [] as [Duration; 0]);
}

#[tokio::test]
async fn a_vault_may_be_protected_against_purging() {
    let mut config = Config::default();
    config.vaults[0].purge_protection = true;
    let fixture = Fixture::with(config).await;
    let client = fixture.client();
    client.delete_secret(&name("demo-secret")).await.unwrap();
    let error = client.purge_secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    // No role would help, and none is asked for.
    let hint = error.hint().unwrap();
    assert!(hint.contains("protected against purging") && !hint.contains("role"), "{hint}");
    client.recover_secret(&name("demo-secret")).await.unwrap();
}

#[tokio::test]
async fn what_is_not_found_is_explained_as_far_as_the_caller_may_look() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let explained = async |wanted: &str| {
        let wanted = name(wanted);
        let error = client.secret(&wanted).await.unwrap_err();
        client.explain(&wanted, error).await
    };
    let near = explained("Demo-Sekret").await;
    assert_eq!(near.kind(), ErrorKind::NotFound);
    assert!(near.hint().unwrap().contains("`demo-secret`: is that the one?"), "{:?}", near.hint());
    let far = explained("something-else").await;
    assert!(far.hint().unwrap().contains("check the spelling"), "{:?}", far.hint());

    client.delete_secret(&name("demo-secret")).await.unwrap();
    let deleted = explained("demo-secret").await;
    assert_eq!(deleted.kind(), ErrorKind::Deleted);
    assert!(deleted.hint().unwrap().contains("can be recovered until 20"), "{:?}", deleted.hint());

    let mut config = Config::default();
    let get =
        AccessPolicyConfig { principal: "uami-demo".into(), secrets: vec![SecretPermission::Get] };
    config.vaults =
        vec![VaultConfig { access_policies: Some(vec![get]), ..config.vaults[0].clone() }];
    let fixture = Fixture::with(config).await;
    let client = fixture.client();
    let error = client.secret(&name("demo-sekret")).await.unwrap_err();
    let hint = error.hint().map(str::to_owned);
    let explained = client.explain(&name("demo-sekret"), error).await;
    assert_eq!(explained.hint().map(str::to_owned), hint);
}

#[tokio::test]
async fn a_backup_holds_all_versions() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    client.set_secret(&demo, set("second")).await.unwrap();
    let backup = client.back_up_secret(&demo).await.unwrap();
    let there = client.restore_secret(&backup).await.unwrap_err();
    assert_eq!(there.kind(), ErrorKind::Conflict);
    client.delete_secret(&demo).await.unwrap();
    client.purge_secret(&demo).await.unwrap();

    for wrong in [&b""[..], b"no backup", &backup.as_bytes()[1..]] {
        let error = client.restore_secret(&SecretBackup::new(wrong.to_vec())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let restored = SecretBackup::new(backup.as_bytes().to_vec());
    client.restore_secret(&restored).await.unwrap();
    assert_eq!(client.secret(&demo).await.unwrap().value.expose_secret(), "second");
    assert_eq!(client.versions(&demo).try_collect::<Vec<_>>().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_a_lost_change_is_not_made_twice() {
    let fixture = Fixture::start().await;
    let client = fixture.patient_client(Arc::default());
    let demo = name("demo-secret");
    client.secret(&demo).await.unwrap();
    let faults = fixture.emulators.faults();
    for fault in [KeyVaultFault::LostAnswer, KeyVaultFault::Reset, KeyVaultFault::Unavailable] {
        faults.break_key_vault(fault, Lasting::Requests(1));
        client.secret(&demo).await.unwrap();
    }
    faults.break_key_vault(KeyVaultFault::LostAnswer, Lasting::Requests(1));
    let error = client.set_secret(&demo, set("new")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(client.versions(&demo).try_collect::<Vec<_>>().await.unwrap().len(), 2);
    // Nothing was done for those that were turned away.
    faults.break_key_vault(KeyVaultFault::Unavailable, Lasting::Requests(2));
    client.set_secret(&demo, set("newer")).await.unwrap();
    assert_eq!(client.versions(&demo).try_collect::<Vec<_>>().await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_cut_or_is_none_is_an_error() {
    let fixture = Fixture::start().await;
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_retry(RetryOptions::none())
        .build()
        .unwrap();
    for (fault, kind) in [
        (KeyVaultFault::BodyCut, ErrorKind::Connect),
        (KeyVaultFault::Garbage, ErrorKind::InvalidResponse),
        (KeyVaultFault::Reset, ErrorKind::Connect),
        (KeyVaultFault::Unavailable, ErrorKind::Unavailable),
    ] {
        client.secret(&name("demo-secret")).await.unwrap();
        fixture.emulators.faults().break_key_vault(fault, Lasting::Requests(1));
        let error = client.secret(&name("demo-secret")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error:?}");
        assert!(!format!("{error:?}").contains("the value"), "{error:?}");
    }
}
