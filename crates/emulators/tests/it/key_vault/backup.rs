//! Backup and restore.

use azconnect_emulators::Config;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};

use super::{codes, get, list, put, send};
use crate::fixture::{Answer, Fixture};

async fn backup(fixture: &Fixture) -> Value {
    let path = "/secrets/demo-secret/backup";
    send(fixture, Method::POST, path, None).await.expect(200).json()
}

async fn restore(fixture: &Fixture, blob: Value) -> Answer {
    send(fixture, Method::POST, "/secrets/restore", Some(blob)).await
}

async fn remove(fixture: &Fixture) {
    for path in ["/secrets/demo-secret", "/deletedsecrets/demo-secret"] {
        send(fixture, Method::DELETE, path, None).await;
    }
}

#[tokio::test]
async fn a_restored_secret_has_all_its_versions_back() {
    let fixture = Fixture::start().await;
    let body = json!({"value": "2", "tags": {"team": "data"}, "attributes": {"enabled": false}});
    let latest = put(&fixture, "demo-secret", body).await.expect(200).json();
    let versions = list(&fixture, "/secrets/demo-secret/versions").await;
    let blob = backup(&fixture).await;
    remove(&fixture).await;

    let restored = restore(&fixture, blob).await.expect(200).json();
    assert_eq!(restored["id"], latest["id"]);
    assert_eq!(restored["tags"], latest["tags"]);
    assert_eq!(restored["attributes"]["enabled"], false);
    assert!(restored.get("value").is_none(), "{restored}");
    assert_eq!(list(&fixture, "/secrets/demo-secret/versions").await, versions);
    let first = versions.1.iter().find(|id| !latest["id"].as_str().unwrap().ends_with(*id));
    let first = get(&fixture, first.unwrap()).await.expect(200).json();
    assert_eq!(first["value"], "the value of demo-secret");
}

#[tokio::test]
async fn a_name_in_use_or_deleted_is_not_restored() {
    let fixture = Fixture::start().await;
    let blob = backup(&fixture).await;
    let refusal = restore(&fixture, blob.clone()).await.expect(409);
    assert_eq!(codes(&refusal), ("Conflict".to_owned(), None));
    send(&fixture, Method::DELETE, "/secrets/demo-secret", None).await.expect(200);
    let refusal = restore(&fixture, blob).await.expect(409);
    let recoverable = Some("ObjectIsDeletedButRecoverable".to_owned());
    assert_eq!(codes(&refusal), ("Conflict".to_owned(), recoverable));
}

#[tokio::test]
async fn a_blob_that_is_none_or_foreign_or_touched_is_refused() {
    let fixture = Fixture::start().await;
    let stranger = Fixture::start().await;
    let blob = backup(&fixture).await;
    remove(&fixture).await;
    let mut bytes = URL_SAFE_NO_PAD.decode(blob["value"].as_str().unwrap()).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let zeros = URL_SAFE_NO_PAD.encode([0; 4728]);
    for (blob, message) in [
        (backup(&stranger).await, "Cannot decrypt backup blob"),
        (json!({"value": URL_SAFE_NO_PAD.encode(&bytes)}), "Cannot decrypt backup blob"),
        (json!({ "value": zeros }), "Backup blob contains invalid or corrupt version."),
        (json!({"value": "not base64url"}), "Backup blob contains invalid or corrupt version."),
        (json!({"value": ""}), "Backup blob contains invalid or corrupt version."),
        (json!({}), "Property 'value' is required and was not set."),
    ] {
        let refusal = restore(&fixture, blob).await.expect(400);
        assert_eq!(codes(&refusal).0, "BadParameter");
        assert_eq!(refusal.json()["error"]["message"], message);
    }
    restore(&fixture, blob).await.expect(200);
}

#[tokio::test]
async fn a_large_backup_comes_back_through_a_body_of_its_size() {
    let mut config = Config::default();
    config.vaults[0].secrets.clear();
    let fixture = Fixture::with(config).await;
    let value = "v".repeat(25 * 1024);
    for _ in 0..20 {
        put(&fixture, "demo-secret", json!({ "value": value })).await.expect(200);
    }
    let blob = backup(&fixture).await;
    assert!(blob["value"].as_str().unwrap().len() > 20 * value.len());
    remove(&fixture).await;
    restore(&fixture, blob).await.expect(200);
    assert_eq!(list(&fixture, "/secrets/demo-secret/versions").await.0, [20]);
}
