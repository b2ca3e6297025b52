//! The platform's cache of managed identity tokens, on and off.

use azconnect_emulators::{Config, ManagedIdentityHost};
use openssl::hash::{MessageDigest, hash};
use reqwest::Client;

use crate::fixture::{Answer, Fixture, VAULT, identity};

async fn get(fixture: &Fixture, resource: &str, client_id: &str) -> Answer {
    let url = fixture.emulators.endpoints().imds_url() + "/metadata/identity/oauth2/token";
    let query = [("api-version", "2018-02-01"), ("resource", resource), ("client_id", client_id)];
    fixture.send(fixture.get(&url, &query).header("Metadata", "true")).await.expect(200)
}

fn config(cache_managed_identity_tokens: bool) -> Config {
    Config { cache_managed_identity_tokens, ..Config::default() }
}

#[tokio::test]
async fn with_the_cache_the_second_answer_equals_the_first_for_one_identity_and_resource() {
    let mut config = config(true);
    config.managed_identities.push(identity("second"));
    let ids = [0, 1].map(|index| config.managed_identities[index].client_id.to_string());
    let fixture = Fixture::with(config).await;
    let first = get(&fixture, VAULT, &ids[0]).await.text;
    assert_eq!(get(&fixture, VAULT, &ids[0]).await.text, first);
    assert_ne!(get(&fixture, VAULT, &ids[1]).await.text, first);
    assert_ne!(get(&fixture, "https://storage.azure.com", &ids[0]).await.text, first);
    assert_eq!(get(&fixture, VAULT, &ids[0]).await.text, first);
}

#[tokio::test]
async fn without_the_cache_each_answer_is_new() {
    let config = config(false);
    let id = config.managed_identities[0].client_id.to_string();
    let fixture = Fixture::with(config).await;
    let first = get(&fixture, VAULT, &id).await.text;
    assert_ne!(get(&fixture, VAULT, &id).await.text, first);
}

#[tokio::test]
async fn a_token_that_the_client_calls_stale_is_replaced() {
    let mut fixture = Fixture::with(config(true)).await;
    let http =
        Client::builder().tls_backend_rustls().no_proxy().tls_danger_accept_invalid_certs(true);
    fixture.http = http.build().unwrap();
    let host = ManagedIdentityHost::ServiceFabric;
    let environment = fixture.emulators.managed_identity_environment(host);
    let get = |stale: String| {
        let query = [
            ("api-version", "2019-07-01-preview"),
            ("resource", VAULT),
            ("token_sha256_to_refresh", &stale),
        ];
        let request = fixture.get(&environment["IDENTITY_ENDPOINT"], &query);
        fixture.send(request.header("Secret", &environment["IDENTITY_HEADER"]))
    };
    let first = get(String::new()).await.expect(200);
    assert_eq!(get("00".into()).await.text, first.text);
    let json = first.json();
    let token = json["access_token"].as_str().unwrap();
    let digest = hash(MessageDigest::sha256(), token.as_bytes()).unwrap();
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let second = get(digest.clone()).await.expect(200);
    assert_ne!(second.text, first.text);
    assert_eq!(get(digest).await.text, second.text);
}
