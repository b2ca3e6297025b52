//! What a backup is good for: all of a secret, where there is none.

use std::sync::Arc;

use azconnect_emulators::Config;
use azconnect_keyvault::{ErrorKind, SecretBackup, SecretUpdate, SetSecret};
use futures::TryStreamExt;

use crate::fixture::{Fixture, HastyClock, name};

#[tokio::test]
async fn a_purged_secret_comes_back_with_every_version_as_it_was() {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = 100;
    let fixture = Fixture::with(config).await;
    let clock = Arc::new(HastyClock::default());
    let client = fixture.patient_client(clock.clone());
    let db = name("db-password");
    let mut versions = Vec::new();
    for value in ["one", "two", "three"] {
        let tag = ("value".to_owned(), value.to_owned());
        let properties = SecretUpdate::new().with_tags([tag]);
        let new = SetSecret::new(value.to_owned()).with_properties(properties);
        versions.push((client.set_secret(&db, new).await.unwrap(), value));
    }
    let backup = client.back_up_secret(&db).await.unwrap();
    assert_eq!(format!("{backup:?}"), format!("SecretBackup({} bytes)", backup.as_bytes().len()));
    client.delete_secret(&db).await.unwrap();
    client.purge_secret(&db).await.unwrap();

    let waits = clock.pauses().len();
    let restored = client.restore_secret(&backup).await.unwrap();
    assert!(clock.pauses().len() > waits, "the name was free at once");
    assert_eq!(restored, versions[2].0);
    let listed: Vec<_> = client.versions(&db).try_collect().await.unwrap();
    assert_eq!(listed.len(), 3);
    for (properties, value) in versions {
        let version = properties.version.clone().unwrap();
        let secret = client.secret_version(&db, &version).await.unwrap();
        assert_eq!(secret.value.expose_secret(), value);
        assert_eq!(secret.properties, properties);
    }
}

#[tokio::test]
async fn a_backup_takes_the_place_of_nothing() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let demo = name("demo-secret");
    let backup = client.back_up_secret(&demo).await.unwrap();
    let error = client.restore_secret(&backup).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.to_string(),
        "cannot restore a secret to https://kv-demo.vault.azure.net/: Conflict (409)"
    );
    client.delete_secret(&demo).await.unwrap();
    let error = client.restore_secret(&backup).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deleted);

    client.purge_secret(&demo).await.unwrap();
    let mut damaged = backup.as_bytes().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let half = backup.as_bytes()[..backup.as_bytes().len() / 2].to_vec();
    for bytes in [damaged, half] {
        let error = client.restore_secret(&SecretBackup::new(bytes)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    }
    let error = client.back_up_secret(&demo).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    client.restore_secret(&backup).await.unwrap();
}
