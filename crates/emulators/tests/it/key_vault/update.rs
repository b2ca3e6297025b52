//! Update Secret.

use reqwest::Method;
use serde_json::json;

use super::{BASE, codes, get, put, send};
use crate::fixture::Fixture;

#[tokio::test]
async fn an_update_changes_the_latest_version_or_the_one_it_names() {
    let fixture = Fixture::start().await;
    let body = json!({"value": "1", "contentType": "text/plain", "tags": {"team": "data"}});
    let first = put(&fixture, "name", body).await.expect(200).json();
    put(&fixture, "name", json!({"value": "2"})).await.expect(200);

    let change = json!({"attributes": {"exp": 4102444800_i64, "nbf": 1}});
    let path = first["id"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
    let answer = send(&fixture, Method::PATCH, &path, Some(change)).await.expect(200).json();
    assert_eq!(answer["id"], first["id"]);
    assert_eq!(answer["attributes"]["exp"], 4102444800_i64);
    assert_eq!(answer["attributes"]["nbf"], 1);
    assert_eq!(answer["contentType"], "text/plain");
    assert_eq!(answer["tags"]["team"], "data");
    assert!(answer.get("value").is_none(), "{answer}");
    assert_eq!(get(&fixture, &path).await.expect(200).json()["value"], "1");

    // Clients send a slash at the end when no version is given.
    for (path, content_type) in [("/secrets/name/", "a"), ("/secrets/name", "b")] {
        let change = json!({"contentType": content_type, "tags": {}});
        send(&fixture, Method::PATCH, path, Some(change)).await.expect(200);
        let read = get(&fixture, "/secrets/name").await.expect(200).json();
        assert_eq!(read["value"], "2");
        assert_eq!(read["contentType"], content_type);
        assert_eq!(read["tags"], json!({}));
        assert!(read["attributes"].get("exp").is_none(), "{read}");
    }
}

#[tokio::test]
async fn a_disabled_secret_is_enabled_again() {
    let fixture = Fixture::start().await;
    for (enabled, status) in [(false, 403), (true, 200)] {
        let change = json!({"attributes": {"enabled": enabled}});
        let answer = send(&fixture, Method::PATCH, "/secrets/demo-secret/", Some(change)).await;
        assert_eq!(answer.expect(200).json()["attributes"]["enabled"], enabled);
        get(&fixture, "/secrets/demo-secret").await.expect(status);
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_updated() {
    let fixture = Fixture::start().await;
    for path in ["/secrets/absent", "/secrets/demo-secret/0123456789abcdef0123456789abcdef"] {
        let answer = send(&fixture, Method::PATCH, path, Some(json!({}))).await.expect(404);
        assert_eq!(codes(&answer).0, "SecretNotFound");
    }
}
