//! Reading and listing.

use std::collections::BTreeSet;

use azconnect_emulators::{Config, VaultConfig};
use azconnect_keyvault::SecretVersion;
use futures::TryStreamExt;

use crate::fixture::{Fixture, VAULT, name};

#[tokio::test]
async fn a_secret_is_read_with_its_properties() {
    let fixture = Fixture::start().await;
    let secret = fixture.client().secret(&name("demo-secret")).await.unwrap();
    assert_eq!(secret.value.expose_secret(), "the value of demo-secret");
    let properties = &secret.properties;
    assert_eq!(properties.name.as_str(), "demo-secret");
    assert!(properties.id.starts_with(&format!("{VAULT}/secrets/demo-secret/")), "{properties:?}");
    assert!(properties.enabled);
    assert!(properties.created.is_some());
    assert!(!format!("{secret:?}").contains("the value"), "{secret:?}");
}

#[tokio::test]
async fn a_version_is_read_by_its_id() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let name = name("demo-secret");
    let latest = client.secret(&name).await.unwrap();
    let version = latest.properties.version.unwrap();
    let same = client.secret_version(&name, &version).await.unwrap();
    assert_eq!(same.value.expose_secret(), latest.value.expose_secret());

    let versions: Vec<_> = client.versions(&name).try_collect().await.unwrap();
    assert_eq!(versions.len(), 1);
    assert_eq!(versions[0].version.as_ref(), Some(&version));

    let absent = SecretVersion::new("0123456789abcdef0123456789abcdef").unwrap();
    let error = client.secret_version(&name, &absent).await.unwrap_err();
    assert_eq!(error.kind(), azconnect_keyvault::ErrorKind::NotFound);
}

#[tokio::test]
async fn a_list_goes_through_all_pages() {
    let mut config = Config::default();
    let names: BTreeSet<_> = (0..60).map(|number| format!("secret-{number:02}")).collect();
    config.vaults = vec![VaultConfig {
        name: "kv-demo".into(),
        secrets: names.iter().map(|name| (name.clone(), "value".into())).collect(),
        ..VaultConfig::default()
    }];
    let fixture = Fixture::with(config).await;
    let listed: Vec<_> = fixture.client().secrets().try_collect().await.unwrap();
    assert_eq!(listed.len(), 60);
    assert!(listed.iter().all(|properties| properties.version.is_none()));
    let listed: BTreeSet<_> = listed.into_iter().map(|one| one.name.to_string()).collect();
    assert_eq!(listed, names);
}

#[tokio::test]
async fn clones_share_the_challenge_that_was_answered() {
    let fixture = Fixture::start().await;
    let credential = fixture.credential("uami-demo");
    let client = fixture.client_of(VAULT, credential.clone());
    client.secret(&name("demo-secret")).await.unwrap();
    client.clone().secret(&name("demo-secret")).await.unwrap();
    assert_eq!(credential.calls(), 1);
}
