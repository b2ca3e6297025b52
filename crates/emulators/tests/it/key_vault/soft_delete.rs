//! Deleted secrets: before, in and after the limbo, found, recovered, purged.
//!
//! A limbo of a day never ends in a test, one of nothing has ended at once.

use std::collections::BTreeSet;

use azconnect_emulators::Config;
use reqwest::Method;
use serde_json::{Value, json};

use super::{BASE, codes, get, list, put, send};
use crate::fixture::Fixture;

async fn with_limbo(ms: u32) -> Fixture {
    let mut config = Config::default();
    config.vaults[0].soft_delete_limbo_ms = ms;
    Fixture::with(config).await
}

async fn delete(fixture: &Fixture) -> Value {
    send(fixture, Method::DELETE, "/secrets/demo-secret", None).await.expect(200).json()
}

/// What is refused, with status, code and inner code.
async fn refused(
    fixture: &Fixture,
    cases: impl IntoIterator<Item = (Method, &str, u16, &str, Option<&str>)>,
) {
    for (method, path, status, code, inner) in cases {
        let body =
            (method == Method::PUT || method == Method::PATCH).then(|| json!({"value": "1"}));
        let answer = send(fixture, method.clone(), path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {}", answer.text);
        assert_eq!(
            codes(&answer),
            (code.to_owned(), inner.map(str::to_owned)),
            "{method} {path}: {}",
            answer.text
        );
    }
}

const SECRET: &str = "/secrets/demo-secret";
const DELETED: &str = "/deletedsecrets/demo-secret";
const RECOVER: &str = "/deletedsecrets/demo-secret/recover";

#[tokio::test]
async fn a_deleted_secret_says_how_long_it_can_be_recovered_and_not_its_value() {
    let fixture = with_limbo(0).await;
    let body = json!({"value": "the value", "contentType": "text/plain", "tags": {"team": "data"}});
    let set = put(&fixture, "demo-secret", body).await.expect(200).json();
    let answer = delete(&fixture).await;
    assert_eq!(answer["id"], set["id"]);
    assert_eq!(answer["recoveryId"], format!("{BASE}{DELETED}"));
    let day = 24 * 60 * 60;
    assert_eq!(
        answer["scheduledPurgeDate"].as_i64().unwrap() - answer["deletedDate"].as_i64().unwrap(),
        90 * day
    );
    assert_eq!(answer["contentType"], "text/plain");
    assert_eq!(answer["tags"]["team"], "data");
    assert_eq!(answer["attributes"]["recoveryLevel"], "Recoverable+Purgeable");
    assert_eq!(answer["attributes"]["recoverableDays"], 90);
    assert!(answer.get("value").is_none(), "{answer}");
    assert_eq!(get(&fixture, DELETED).await.expect(200).json(), answer);

    let item = get(&fixture, "/deletedsecrets").await.expect(200).json()["value"][0].take();
    assert_eq!(item["id"], format!("{BASE}{SECRET}"));
    assert_eq!(item["recoveryId"], answer["recoveryId"]);
    assert_eq!(item["deletedDate"], answer["deletedDate"]);
}

#[tokio::test]
async fn a_vault_says_what_it_keeps_and_for_how_long() {
    let mut config = Config::default();
    config.vaults[0].retention_days = 7;
    config.vaults[0].purge_protection = true;
    let fixture = Fixture::with(config).await;
    let answer = delete(&fixture).await;
    assert_eq!(answer["attributes"]["recoveryLevel"], "CustomizedRecoverable");
    assert_eq!(answer["attributes"]["recoverableDays"], 7);
    let refusal = send(&fixture, Method::DELETE, DELETED, None).await.expect(403);
    assert_eq!(codes(&refusal), ("Forbidden".to_owned(), None));
    assert!(refusal.text.contains("purge protection is enabled"), "{}", refusal.text);
    get(&fixture, DELETED).await.expect(200);
}

#[tokio::test]
async fn a_secret_that_is_being_deleted_is_nowhere_and_its_name_is_taken() {
    let fixture = with_limbo(DAY_MS).await;
    delete(&fixture).await;
    let deleting = Some("ObjectIsBeingDeleted");
    refused(
        &fixture,
        [
            (Method::GET, SECRET, 404, "SecretNotFound", None),
            (Method::GET, DELETED, 404, "SecretNotFound", None),
            (Method::PATCH, SECRET, 404, "SecretNotFound", None),
            (Method::POST, "/secrets/demo-secret/backup", 404, "SecretNotFound", None),
            (Method::PUT, SECRET, 409, "Conflict", deleting),
            (Method::POST, RECOVER, 409, "Conflict", deleting),
            (Method::DELETE, DELETED, 409, "Conflict", deleting),
        ],
    )
    .await;
    for path in ["/secrets", "/deletedsecrets", "/secrets/demo-secret/versions"] {
        assert_eq!(list(&fixture, path).await, (vec![0], vec![]), "{path}");
    }
}

#[tokio::test]
async fn a_secret_that_was_deleted_can_only_be_recovered_or_purged() {
    let fixture = with_limbo(0).await;
    delete(&fixture).await;
    refused(
        &fixture,
        [
            (Method::GET, SECRET, 404, "SecretNotFound", None),
            (Method::DELETE, SECRET, 404, "SecretNotFound", None),
            (Method::PATCH, SECRET, 404, "SecretNotFound", None),
            (Method::PUT, SECRET, 409, "Conflict", Some("ObjectIsDeletedButRecoverable")),
        ],
    )
    .await;
    let secret = send(&fixture, Method::POST, RECOVER, None).await.expect(200).json();
    assert!(secret.get("value").is_none(), "{secret}");
    let read = get(&fixture, SECRET).await.expect(200).json();
    assert_eq!((&read["id"], &read["value"]), (&secret["id"], &json!("the value of demo-secret")));
    refused(
        &fixture,
        [
            (Method::GET, DELETED, 404, "SecretNotFound", None),
            (Method::POST, RECOVER, 404, "SecretNotFound", None),
            (Method::DELETE, DELETED, 404, "SecretNotFound", None),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_secret_that_is_being_recovered_is_not_there_yet() {
    let fixture = with_limbo(500).await;
    delete(&fixture).await;
    // The limbo of the deletion has to end before the one of the recovery can begin.
    while send(&fixture, Method::POST, RECOVER, None).await.status != 200 {}
    let recovering = Some("ObjectIsBeingRecovered");
    refused(
        &fixture,
        [
            (Method::GET, SECRET, 404, "SecretNotFound", None),
            (Method::GET, DELETED, 404, "SecretNotFound", None),
            (Method::PUT, SECRET, 409, "Conflict", recovering),
            (Method::DELETE, SECRET, 409, "Conflict", recovering),
        ],
    )
    .await;
    while get(&fixture, SECRET).await.status != 200 {}
    put(&fixture, "demo-secret", json!({"value": "1"})).await.expect(200);
}

#[tokio::test]
async fn a_purged_secret_leaves_its_name_to_the_next() {
    let fixture = with_limbo(0).await;
    delete(&fixture).await;
    let answer = send(&fixture, Method::DELETE, DELETED, None).await.expect(204);
    assert_eq!(answer.text, "");
    refused(
        &fixture,
        [
            (Method::GET, SECRET, 404, "SecretNotFound", None),
            (Method::GET, DELETED, 404, "SecretNotFound", None),
            (Method::DELETE, DELETED, 404, "SecretNotFound", None),
        ],
    )
    .await;
    put(&fixture, "demo-secret", json!({"value": "1"})).await.expect(200);
    assert_eq!(list(&fixture, "/secrets/demo-secret/versions").await.0, [1]);
}

#[tokio::test]
async fn deleted_secrets_come_in_pages_and_each_once() {
    let mut config = Config::default();
    let names: BTreeSet<_> = (0..30).map(|number| format!("secret-{number:02}")).collect();
    config.vaults[0].secrets =
        names.iter().map(|name| (name.clone(), "the value".into())).collect();
    let fixture = Fixture::with(config).await;
    for name in &names {
        send(&fixture, Method::DELETE, &format!("/secrets/{name}"), None).await.expect(200);
    }
    let (sizes, found) = list(&fixture, "/deletedsecrets").await;
    assert_eq!(sizes, [25, 5]);
    let expected = names.iter().map(|name| format!("/secrets/{name}"));
    assert_eq!(found, expected.collect::<Vec<_>>());
    assert_eq!(list(&fixture, "/deletedsecrets?maxresults=10").await.0, [10, 10, 10]);
    assert_eq!(list(&fixture, "/secrets").await.0, [0]);
}

const DAY_MS: u32 = 24 * 60 * 60 * 1000;
