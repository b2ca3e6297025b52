//! Key Vault: the challenge, the token, the role, secrets and versions, pages.

mod access;
mod backup;
mod bad_input;
mod certificates;
mod faults;
mod roles;
mod soft_delete;
mod update;

use std::collections::BTreeSet;

use azconnect_emulators::{Config, Role, VaultConfig};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::fixture::{Answer, Fixture, NOBODY, VAULT, assign, identity};

const BASE: &str = "https://kv-demo.vault.azure.net";
const VERSION: (&str, &str) = ("api-version", "2025-07-01");

async fn get(fixture: &Fixture, path: &str) -> Answer {
    get_as(fixture, "uami-demo", path).await
}

async fn get_as(fixture: &Fixture, principal: &str, path: &str) -> Answer {
    let token = fixture.token(principal, VAULT);
    let request = fixture.get(&format!("{BASE}{path}"), &[VERSION]).bearer_auth(token);
    fixture.send(request).await
}

async fn put(fixture: &Fixture, name: &str, body: Value) -> Answer {
    send(fixture, Method::PUT, &format!("/secrets/{name}"), Some(body)).await
}

async fn send(fixture: &Fixture, method: Method, path: &str, body: Option<Value>) -> Answer {
    send_as(fixture, "uami-demo", method, path, body).await
}

async fn send_as(
    fixture: &Fixture,
    principal: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let token = fixture.token(principal, VAULT);
    let mut request =
        fixture.request(method, &format!("{BASE}{path}"), &[VERSION]).bearer_auth(token);
    if let Some(body) = body {
        request = request.body(body.to_string());
    }
    fixture.send(request).await
}

/// Code and inner code of a refusal.
#[track_caller]
fn codes(answer: &Answer) -> (String, Option<String>) {
    let error = answer.json()["error"].take();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    (text(&error["code"]).unwrap(), text(&error["innererror"]["code"]))
}

/// All names in a list, page after page, and how long each page is.
async fn list(fixture: &Fixture, path: &str) -> (Vec<usize>, Vec<String>) {
    let (mut sizes, mut found) = (Vec::new(), Vec::new());
    let mut next = Some(format!("{BASE}{path}"));
    while let Some(url) = next {
        let query: &[_] = if url.contains("api-version") { &[] } else { &[VERSION] };
        let request = fixture.get(&url, query).bearer_auth(fixture.token("uami-demo", VAULT));
        let answer = fixture.send(request).await.expect(200);
        assert!(!answer.text.contains("the value"), "{}", answer.text);
        let json = answer.json();
        let page = json["value"].as_array().unwrap();
        sizes.push(page.len());
        found.extend(
            page.iter()
                .map(|item| item["id"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned()),
        );
        next = json["nextLink"].as_str().map(str::to_owned);
    }
    (sizes, found)
}

#[tokio::test]
async fn a_secret_is_read_with_or_without_a_slash_at_the_end() {
    let fixture = Fixture::start().await;
    for path in ["/secrets/demo-secret", "/secrets/demo-secret/"] {
        let answer = get(&fixture, path).await.expect(200);
        let json = answer.json();
        assert_eq!(json["value"], "the value of demo-secret");
        assert!(json["id"].as_str().unwrap().starts_with(&format!("{BASE}/secrets/demo-secret/")));
        assert_eq!(json["attributes"]["enabled"], true);
        answer.header("x-ms-request-id").parse::<uuid::Uuid>().unwrap();
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_challenged() {
    let fixture = Fixture::start().await;
    let answer =
        fixture.send(fixture.get(&format!("{BASE}/secrets/demo-secret"), &[VERSION])).await;
    let answer = answer.expect(401);
    let authority = fixture.emulators.endpoints().authority_host();
    let tenant = fixture.emulators.tenant_id();
    assert_eq!(
        answer.header("www-authenticate"),
        format!(
            "Bearer authorization=\"{authority}/{tenant}\", resource=\"https://vault.azure.net\""
        )
    );
    assert_eq!(answer.json()["error"]["code"], "Unauthorized");
    answer.header("x-ms-request-id");
}

#[tokio::test]
async fn a_token_that_is_expired_foreign_or_for_another_service_is_unauthorized() {
    let fixture = Fixture::start().await;
    let stranger = Fixture::start().await;
    for (token, expected) in [
        (fixture.token_for("uami-demo", VAULT, Duration::seconds(-1)), "expired"),
        (fixture.token("uami-demo", "https://storage.azure.com"), "https://storage.azure.com"),
        (stranger.token("uami-demo", VAULT), "signature"),
        ("nonsense".to_owned(), "malformed"),
    ] {
        let request = fixture.get(&format!("{BASE}/secrets/demo-secret"), &[VERSION]);
        let answer = fixture.send(request.bearer_auth(token)).await.expect(401);
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(expected), "{message}");
        answer.header("www-authenticate");
    }
}

#[tokio::test]
async fn a_caller_without_the_role_is_told_who_it_is_and_what_it_lacks() {
    let fixture = Fixture::with_nobody().await;
    for (path, action) in [
        ("/secrets/demo-secret", "Microsoft.KeyVault/vaults/secrets/getSecret/action"),
        ("/secrets", "Microsoft.KeyVault/vaults/secrets/readMetadata/action"),
    ] {
        let json = get_as(&fixture, NOBODY, path).await.expect(403).json();
        assert_eq!(json["error"]["code"], "Forbidden");
        assert_eq!(json["error"]["innererror"]["code"], "ForbiddenByRbac");
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains(action), "{message}");
        assert!(message.contains("Caller: appid="), "{message}");
        assert!(message.contains("Vault: kv-demo"), "{message}");
    }
}

#[tokio::test]
async fn the_role_to_read_does_not_allow_to_write() {
    let mut config = Config::default();
    config.managed_identities.push(identity("reader"));
    config.role_assignments.push(assign("reader", Role::KeyVaultSecretsUser));
    let fixture = Fixture::with(config).await;
    get_as(&fixture, "reader", "/secrets/demo-secret").await.expect(200);
    let token = fixture.token("reader", VAULT);
    let request = fixture
        .request(Method::PUT, &format!("{BASE}/secrets/new"), &[VERSION])
        .bearer_auth(token)
        .body(r#"{"value":"1"}"#);
    let answer = fixture.send(request).await.expect(403);
    assert!(answer.text.contains("setSecret"), "{}", answer.text);
}

#[tokio::test]
async fn a_role_on_one_vault_opens_no_other() {
    let mut config = Config::default();
    config.vaults.push(VaultConfig { name: "kv-other".into(), ..VaultConfig::default() });
    let fixture = Fixture::with(config).await;
    let request = fixture
        .get("https://kv-other.vault.azure.net/secrets", &[VERSION])
        .bearer_auth(fixture.token("uami-demo", VAULT));
    fixture.send(request).await.expect(403);
}

#[tokio::test]
async fn the_api_version_is_required_and_must_be_known() {
    let fixture = Fixture::start().await;
    let none: [(&str, &str); 0] = [];
    for version in [
        "7.4",
        "7.5",
        "7.6",
        "2025-06-01-preview",
        "2025-07-01",
        "2026-03-01-preview",
        "2026-04-01",
    ] {
        let request = fixture
            .get(&format!("{BASE}/secrets/demo-secret"), &[("api-version", version)])
            .bearer_auth(fixture.token("uami-demo", VAULT));
        fixture.send(request).await.expect(200);
    }
    for query in [&none[..], &[("api-version", "1999-01-01")], &[("api-version", "")]] {
        let request = fixture
            .get(&format!("{BASE}/secrets/demo-secret"), query)
            .bearer_auth(fixture.token("uami-demo", VAULT));
        let json = fixture.send(request).await.expect(400).json();
        assert_eq!(json["error"]["code"], "BadParameter");
    }
}

#[tokio::test]
async fn a_secret_or_version_that_does_not_exist_is_not_found_by_name() {
    let fixture = Fixture::start().await;
    for (path, named) in [
        ("/secrets/absent", "(name/id) absent "),
        (
            "/secrets/demo-secret/0123456789abcdef0123456789abcdef",
            "(name/id) demo-secret/0123456789abcdef0123456789abcdef ",
        ),
    ] {
        let json = get(&fixture, path).await.expect(404).json();
        assert_eq!(json["error"]["code"], "SecretNotFound");
        let message = json["error"]["message"].as_str().unwrap();
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn a_secret_that_is_set_again_has_two_versions_and_the_latest_is_read() {
    let fixture = Fixture::start().await;
    let body = json!({"value": "1", "contentType": "text/plain", "tags": {"team": "data"}});
    let first = put(&fixture, "name", body).await.expect(200).json();
    put(&fixture, "name", json!({"value": "2"})).await.expect(200);
    assert_eq!(get(&fixture, "/secrets/name").await.expect(200).json()["value"], "2");

    let id = first["id"].as_str().unwrap().strip_prefix(BASE).unwrap();
    let old = get(&fixture, id).await.expect(200).json();
    assert_eq!(old["value"], "1");
    assert_eq!(old["contentType"], "text/plain");
    assert_eq!(old["tags"]["team"], "data");

    let versions = get(&fixture, "/secrets/name/versions").await.expect(200).json();
    let versions = versions["value"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert!(versions.iter().all(|version| version.get("value").is_none()), "{versions:?}");
    assert!(versions.iter().any(|version| version["id"] == first["id"]), "{versions:?}");
}

#[tokio::test]
async fn a_disabled_secret_is_forbidden() {
    let fixture = Fixture::start().await;
    let body = json!({"value": "1", "attributes": {"enabled": false}});
    put(&fixture, "off", body).await.expect(200);
    let json = get(&fixture, "/secrets/off").await.expect(403).json();
    assert_eq!(json["error"]["innererror"]["code"], "SecretDisabled");
}

#[tokio::test]
async fn a_list_comes_in_pages_of_25_without_values_and_each_secret_once() {
    let mut config = Config::default();
    let names: BTreeSet<_> = (0..60).map(|number| format!("secret-{number:02}")).collect();
    config.vaults[0].secrets =
        names.iter().map(|name| (name.clone(), "the value".into())).collect();
    let fixture = Fixture::with(config).await;
    let (sizes, found) = list(&fixture, "/secrets").await;
    assert_eq!(sizes, [25, 25, 10]);
    assert_eq!(found.len(), 60);
    let expected = names.iter().map(|name| format!("/secrets/{name}"));
    assert_eq!(BTreeSet::from_iter(found), expected.collect());

    let (sizes, found) = list(&fixture, "/secrets?maxresults=7").await;
    assert_eq!(sizes, [7, 7, 7, 7, 7, 7, 7, 7, 4]);
    assert_eq!(BTreeSet::from_iter(found).len(), 60);
}

#[tokio::test]
async fn versions_come_in_pages_too_and_of_an_unknown_secret_there_are_none() {
    let fixture = Fixture::start().await;
    let mut ids = BTreeSet::new();
    for _ in 0..30 {
        let json = put(&fixture, "name", json!({"value": "the value"})).await.expect(200).json();
        ids.insert(json["id"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned());
    }
    let (sizes, found) = list(&fixture, "/secrets/name/versions").await;
    assert_eq!(sizes, [25, 5]);
    assert_eq!(BTreeSet::from_iter(found), ids);
    assert_eq!(list(&fixture, "/secrets/absent/versions").await, (vec![0], vec![]));
}

#[tokio::test]
async fn a_page_holds_between_1_and_25() {
    let fixture = Fixture::start().await;
    for (size, status) in [("1", 200), ("25", 200), ("0", 400), ("26", 400), ("x", 400)] {
        let request = fixture
            .get(&format!("{BASE}/secrets"), &[VERSION, ("maxresults", size)])
            .bearer_auth(fixture.token("uami-demo", VAULT));
        fixture.send(request).await.expect(status);
    }
}

#[tokio::test]
async fn localhost_is_the_first_vault_and_ids_say_localhost() {
    let fixture = Fixture::start().await;
    let base = fixture.emulators.endpoints().key_vault_url();
    let request = fixture
        .get(&format!("{base}/secrets/demo-secret"), &[VERSION])
        .bearer_auth(fixture.token("uami-demo", VAULT));
    let json = fixture.send(request).await.expect(200).json();
    assert!(json["id"].as_str().unwrap().starts_with(&format!("{base}/secrets/")), "{json}");
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let fixture = Fixture::start().await;
    for (method, path, status, code) in [
        (Method::POST, "/secrets/demo-secret", 405, "MethodNotAllowed"),
        (Method::PUT, "/secrets", 405, "MethodNotAllowed"),
        (Method::PUT, "/deletedsecrets/demo-secret", 405, "MethodNotAllowed"),
        (Method::from_bytes(b"BREW").unwrap(), "/secrets/demo-secret", 405, "MethodNotAllowed"),
        (Method::GET, "/secrets/demo-secret/latest", 400, "BadParameter"),
        (Method::GET, "/secrets/demo-secret/backup", 400, "BadParameter"),
        (Method::POST, "/deletedsecrets/demo-secret/purge", 400, "BadParameter"),
        (Method::GET, "/keys", 404, "NotFound"),
        (Method::GET, "/secrets/demo-secret/versions/1", 404, "NotFound"),
        (Method::GET, "/", 404, "NotFound"),
    ] {
        let answer = send(&fixture, method, path, None).await.expect(status);
        assert_eq!(codes(&answer), (code.to_owned(), None), "{path}");
    }
}
