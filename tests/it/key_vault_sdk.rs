//! Azure's own Rust client of Key Vault does all it can with secrets of the emulator.
//!
//! It has no pollers, so the tests poll as its documentation tells its users to.

use std::{collections::BTreeSet, time::Duration};

use azconnect_emulators::Config;
use azure_core::{
    Result,
    error::ErrorKind,
    http::{ClientOptions, RequestContent, Response, StatusCode},
    time::OffsetDateTime,
};
use azure_security_keyvault_secrets::{
    ResourceExt, SecretClient, SecretClientOptions,
    models::{
        BackupSecretResult, RestoreSecretParameters, Secret, SecretAttributes,
        SecretClientGetSecretOptions, SecretClientListDeletedSecretPropertiesOptions,
        SecretClientListSecretPropertiesOptions, SecretClientUpdateSecretPropertiesOptions,
        SetSecretParameters, UpdateSecretPropertiesParameters,
    },
};
use futures::TryStreamExt;
use serde::de::DeserializeOwned;

use crate::world::World;

/// One from before versions were dates, and those of the released package and its preview.
const API_VERSIONS: [&str; 3] = ["7.6", "2025-07-01", "2026-03-01-preview"];

const LIMBO_MS: u32 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_created_read_updated_deleted_recovered_and_purged() {
    let world = world().await;
    for api_version in API_VERSIONS {
        let vault = client(&world, Some(api_version));
        let name = &api_version.replace('.', "-");
        set(&vault, name, "one").await.unwrap();
        let latest = set(&vault, name, "two").await.unwrap().resource_id().unwrap();
        assert_eq!(read(&vault, name).await.unwrap().value.as_deref(), Some("two"));
        update(&vault, name, None, true).await;

        let deleted = model(vault.delete_secret(name, None).await).unwrap();
        let kept = deleted.scheduled_purge_date.unwrap() - deleted.deleted_date.unwrap();
        assert_eq!(kept.whole_days(), 90);
        assert!(deleted.recovery_id.unwrap().ends_with(&format!("/deletedsecrets/{name}")));
        assert!(deleted.value.is_none());
        refused(read(&vault, name).await, StatusCode::NotFound, "SecretNotFound", None);
        let found = model(vault.get_deleted_secret(name, None).await);
        refused(found, StatusCode::NotFound, "SecretNotFound", None);
        conflict(set(&vault, name, "three").await, "ObjectIsBeingDeleted");
        let found = until_found(|| vault.get_deleted_secret(name, None)).await;
        assert_eq!(found.id.as_deref(), Some(latest.source_id.as_str()));
        conflict(set(&vault, name, "three").await, "ObjectIsDeletedButRecoverable");

        let recovered = model(vault.recover_deleted_secret(name, None).await).unwrap();
        assert_eq!(recovered.resource_id().unwrap(), latest);
        refused(read(&vault, name).await, StatusCode::NotFound, "SecretNotFound", None);
        conflict(set(&vault, name, "three").await, "ObjectIsBeingRecovered");
        let back = until_found(|| vault.get_secret(name, None)).await;
        assert_eq!(back.value.as_deref(), Some("two"));

        remove(&vault, name).await;
        let gone = model(vault.get_deleted_secret(name, None).await);
        refused(gone, StatusCode::NotFound, "SecretNotFound", None);
        until_allowed(async || set(&vault, name, "three").await).await;
        assert_eq!(versions(&vault, name).await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_one_version_leaves_the_others() {
    let world = world().await;
    let vault = client(&world, None);
    let old = set(&vault, "updated", "old").await.unwrap().resource_id().unwrap();
    set(&vault, "updated", "new").await.unwrap();
    update(&vault, "updated", old.version.clone(), true).await;
    let options =
        SecretClientGetSecretOptions { secret_version: old.version, ..Default::default() };
    let read_old = model(vault.get_secret("updated", Some(options)).await).unwrap();
    assert_eq!(read_old.value.as_deref(), Some("old"));
    assert_eq!(read_old.content_type.as_deref(), Some("text/plain"));
    let latest = read(&vault, "updated").await.unwrap();
    assert_eq!((latest.value.as_deref(), latest.content_type), (Some("new"), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_secret_is_forbidden_and_an_expired_one_is_not() {
    let world = world().await;
    let vault = client(&world, None);
    set(&vault, "off", "value").await.unwrap();
    update(&vault, "off", None, false).await;
    let off = read(&vault, "off").await;
    refused(off, StatusCode::Forbidden, "Forbidden", Some("SecretDisabled"));

    let past = OffsetDateTime::from_unix_timestamp(1_000_000_000).unwrap();
    let parameters = SetSecretParameters {
        value: Some("value".into()),
        secret_attributes: Some(SecretAttributes { expires: Some(past), ..Default::default() }),
        ..Default::default()
    };
    let content: RequestContent<_> = parameters.try_into().unwrap();
    model(vault.set_secret("old", content, None).await).unwrap();
    let old = read(&vault, "old").await.unwrap();
    assert_eq!(old.value.as_deref(), Some("value"));
    assert_eq!(old.attributes.unwrap().expires, Some(past));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_each_secret_version_and_deleted_secret_once() {
    let mut config = config();
    let names: BTreeSet<_> = (0..30).map(|number| format!("secret-{number:02}")).collect();
    config.vaults[0].secrets = names.iter().map(|name| (name.clone(), "value".into())).collect();
    let world = World::with(config).await;
    let vault = client(&world, None);

    for maxresults in [None, Some(7)] {
        let options = SecretClientListSecretPropertiesOptions { maxresults, ..Default::default() };
        let listed: Vec<_> =
            vault.list_secret_properties(Some(options)).unwrap().try_collect().await.unwrap();
        let found = listed.iter().map(|one| one.resource_id().unwrap().name);
        assert_eq!(found.collect::<Vec<_>>(), names.iter().cloned().collect::<Vec<_>>());
    }

    let mut expected = BTreeSet::new();
    for _ in 0..30 {
        let secret = set(&vault, "versions", "value").await.unwrap();
        expected.insert(secret.resource_id().unwrap().version.unwrap());
    }
    let found = versions(&vault, "versions").await;
    assert_eq!(found.len(), 30);
    assert_eq!(BTreeSet::from_iter(found), expected);

    for name in &names {
        vault.delete_secret(name, None).await.unwrap();
    }
    for name in &names {
        until_found(|| vault.get_deleted_secret(name, None)).await;
    }
    for maxresults in [None, Some(7)] {
        let options =
            SecretClientListDeletedSecretPropertiesOptions { maxresults, ..Default::default() };
        let pager = vault.list_deleted_secret_properties(Some(options)).unwrap();
        let listed: Vec<_> = pager.try_collect().await.unwrap();
        let found = listed.iter().map(|one| one.resource_id().unwrap().name);
        assert_eq!(found.collect::<Vec<_>>(), names.iter().cloned().collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_restored_with_all_versions_where_the_name_is_free() {
    let world = world().await;
    let vault = client(&world, None);
    set(&vault, "name", "one").await.unwrap();
    let latest = set(&vault, "name", "two").await.unwrap();
    let BackupSecretResult { value: Some(blob), .. } =
        model(vault.backup_secret("name", None).await).unwrap()
    else {
        panic!("the backup is empty")
    };
    let taken = restore(&vault, blob.clone()).await;
    refused(taken, StatusCode::Conflict, "Conflict", None);
    remove(&vault, "name").await;
    let restored = until_allowed(async || restore(&vault, blob.clone()).await).await;
    assert_eq!(restored.id, latest.id);
    assert_eq!(versions(&vault, "name").await.len(), 2);
    assert_eq!(read(&vault, "name").await.unwrap().value.as_deref(), Some("two"));

    let mut touched = blob;
    *touched.last_mut().unwrap() ^= 1;
    let refusal = restore(&vault, touched).await;
    refused(refusal, StatusCode::BadRequest, "BadParameter", None);
}

fn config() -> Config {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = LIMBO_MS;
    config
}

async fn world() -> World {
    World::with(config()).await
}

fn client(world: &World, api_version: Option<&str>) -> SecretClient {
    let mut options = SecretClientOptions {
        client_options: ClientOptions {
            transport: Some(world.harness.transport()),
            ..ClientOptions::default()
        },
        ..SecretClientOptions::default()
    };
    if let Some(api_version) = api_version {
        options.api_version = api_version.to_owned();
    }
    SecretClient::new("https://kv-demo.vault.azure.net", world.identity(), Some(options)).unwrap()
}

fn model<T: DeserializeOwned>(response: Result<Response<T>>) -> Result<T> {
    response?.into_model()
}

async fn set(vault: &SecretClient, name: &str, value: &str) -> Result<Secret> {
    let parameters = SetSecretParameters { value: Some(value.into()), ..Default::default() };
    let content: RequestContent<_> = parameters.try_into()?;
    model(vault.set_secret(name, content, None).await)
}

async fn read(vault: &SecretClient, name: &str) -> Result<Secret> {
    model(vault.get_secret(name, None).await)
}

async fn update(vault: &SecretClient, name: &str, secret_version: Option<String>, enabled: bool) {
    let parameters = UpdateSecretPropertiesParameters {
        content_type: Some("text/plain".into()),
        secret_attributes: Some(SecretAttributes { enabled: Some(enabled), ..Default::default() }),
        ..Default::default()
    };
    let options =
        SecretClientUpdateSecretPropertiesOptions { secret_version, ..Default::default() };
    let content: RequestContent<_> = parameters.try_into().unwrap();
    let response = vault.update_secret_properties(name, content, Some(options)).await;
    let secret = model(response).unwrap();
    assert_eq!(secret.content_type.as_deref(), Some("text/plain"));
    assert_eq!(secret.attributes.unwrap().enabled, Some(enabled));
}

async fn versions(vault: &SecretClient, name: &str) -> Vec<String> {
    let pager = vault.list_secret_properties_versions(name, None).unwrap();
    let listed: Vec<_> = pager.try_collect().await.unwrap();
    listed.iter().map(|one| one.resource_id().unwrap().version.unwrap()).collect()
}

async fn restore(vault: &SecretClient, blob: Vec<u8>) -> Result<Secret> {
    let parameters = RestoreSecretParameters { secret_backup: Some(blob) };
    let content: RequestContent<_> = parameters.try_into()?;
    model(vault.restore_secret(content, None).await)
}

/// Deletes and purges; the name is not free at once.
async fn remove(vault: &SecretClient, name: &str) {
    vault.delete_secret(name, None).await.unwrap();
    until_found(|| vault.get_deleted_secret(name, None)).await;
    vault.purge_deleted_secret(name, None).await.unwrap();
}

/// Asks until the answer is something else than 404: so ends a deletion, and a recovery.
async fn until_found<T, F>(ask: impl Fn() -> F) -> T
where
    T: DeserializeOwned,
    F: Future<Output = Result<Response<T>>>,
{
    loop {
        match model(ask().await) {
            Err(error) if error.http_status() == Some(StatusCode::NotFound) => pause().await,
            found => return found.unwrap(),
        }
    }
}

/// Tries until the answer is something else than 409: nothing else tells the end of a purge.
async fn until_allowed<T>(attempt: impl AsyncFn() -> Result<T>) -> T {
    loop {
        match attempt().await {
            Err(error) if error.http_status() == Some(StatusCode::Conflict) => pause().await,
            allowed => return allowed.unwrap(),
        }
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[track_caller]
fn conflict(result: Result<Secret>, inner_code: &str) {
    refused(result, StatusCode::Conflict, "Conflict", Some(inner_code));
}

#[track_caller]
fn refused<T>(result: Result<T>, status: StatusCode, code: &str, inner_code: Option<&str>) {
    let error = result.err().expect("a refusal");
    let ErrorKind::HttpResponse { status: found, error_code, raw_response } = error.kind() else {
        panic!("{error:?}")
    };
    assert_eq!((*found, error_code.as_deref()), (status, Some(code)), "{error}");
    let body = raw_response.as_ref().expect("a body").body();
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["error"]["innererror"]["code"].as_str(), inner_code, "{body}");
}
