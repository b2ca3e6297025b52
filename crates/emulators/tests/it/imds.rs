//! IMDS: the headers, the API version, the choice of an identity, the token.

use azconnect_emulators::{Config, Service};

use crate::fixture::{Fixture, VAULT, identity};

const QUERY: [(&str, &str); 2] = [("api-version", "2018-02-01"), ("resource", VAULT)];

fn url(fixture: &Fixture) -> String {
    fixture.emulators.endpoints().imds_url() + "/metadata/identity/oauth2/token"
}

async fn several() -> (Fixture, Vec<azconnect_emulators::ManagedIdentityConfig>) {
    let mut config = Config::default();
    config.managed_identities.push(identity("second"));
    let identities = config.managed_identities.clone();
    (Fixture::with(config).await, identities)
}

#[tokio::test]
async fn the_only_identity_needs_no_name_and_its_token_opens_the_vault() {
    let fixture = Fixture::start().await;
    let request = fixture.get(&url(&fixture), &QUERY).header("Metadata", "true");
    let answer = fixture.send(request).await.expect(200);
    let json = answer.json();
    // Microsoft's ODBC driver takes compact JSON with strings only.
    assert!(!answer.text.contains(": ") && !answer.text.contains('\n'), "{}", answer.text);
    assert!(json["expires_on"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["resource"], VAULT);
    assert_eq!(json["client_id"], "0d5c9f7e-3b1a-4e62-8f40-6a7b8c9d0e11");
    let secret = fixture
        .get("https://kv-demo.vault.azure.net/secrets/demo-secret", &[("api-version", "7.6")])
        .bearer_auth(json["access_token"].as_str().unwrap());
    fixture.send(secret).await.expect(200);
}

#[tokio::test]
async fn a_request_without_the_metadata_header_is_refused() {
    let fixture = Fixture::start().await;
    let answer = fixture.send(fixture.get(&url(&fixture), &QUERY)).await.expect(400);
    let json = answer.json();
    assert_eq!(json["error"], "invalid_request");
    assert_eq!(json["error_description"], "Required metadata header not specified");
    let request = fixture.get(&url(&fixture), &QUERY).header("Metadata", "false");
    fixture.send(request).await.expect(400);
}

#[tokio::test]
async fn a_forwarded_request_is_refused() {
    let fixture = Fixture::start().await;
    let request = fixture
        .get(&url(&fixture), &QUERY)
        .header("Metadata", "true")
        .header("X-Forwarded-For", "10.0.0.1");
    let answer = fixture.send(request).await.expect(400);
    assert!(answer.text.contains("X-Forwarded-For"), "{}", answer.text);
}

#[tokio::test]
async fn a_missing_or_unknown_api_version_is_refused_with_the_known_ones() {
    let fixture = Fixture::start().await;
    for query in
        [vec![("resource", VAULT)], vec![("resource", VAULT), ("api-version", "2018-02-02")]]
    {
        let request = fixture.get(&url(&fixture), &query).header("Metadata", "true");
        let json = fixture.send(request).await.expect(400).json();
        assert!(!json["newest-versions"].as_array().unwrap().is_empty(), "{json}");
    }
}

#[tokio::test]
async fn a_missing_resource_and_an_unknown_one_are_refused() {
    let fixture = Fixture::start().await;
    for (resource, expected) in [
        ("", "Required query variable 'resource' is missing"),
        ("https://vault.example.org", "AADSTS500011"),
    ] {
        let query = [("api-version", "2018-02-01"), ("resource", resource)];
        let request = fixture.get(&url(&fixture), &query).header("Metadata", "true");
        let answer = fixture.send(request).await.expect(400);
        assert!(answer.text.contains(expected), "{}", answer.text);
    }
}

#[tokio::test]
async fn of_several_identities_one_must_be_named() {
    let (fixture, _) = several().await;
    let request = fixture.get(&url(&fixture), &QUERY).header("Metadata", "true");
    let json = fixture.send(request).await.expect(400).json();
    assert_eq!(json["error"], "invalid_request");
    assert_eq!(
        json["error_description"],
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the \
         identity in the token request"
    );
}

#[tokio::test]
async fn an_identity_is_named_by_client_id_object_id_or_arm_id() {
    let (fixture, identities) = several().await;
    for identity in identities {
        for (name, value) in [
            ("client_id", identity.client_id.to_string()),
            ("object_id", identity.object_id.to_string()),
            ("msi_res_id", identity.resource_id.clone().unwrap()),
        ] {
            let query = [QUERY[0], QUERY[1], (name, &value)];
            let request = fixture.get(&url(&fixture), &query).header("Metadata", "true");
            let json = fixture.send(request).await.expect(200).json();
            assert_eq!(json["client_id"], identity.client_id.to_string(), "{name}");
        }
    }
}

#[tokio::test]
async fn an_unknown_identity_is_not_found() {
    let fixture = Fixture::start().await;
    let query = [QUERY[0], QUERY[1], ("client_id", "00000000-0000-0000-0000-000000000001")];
    let request = fixture.get(&url(&fixture), &query).header("Metadata", "true");
    let json = fixture.send(request).await.expect(400).json();
    assert_eq!(json["error_description"], "Identity not found");
}

#[tokio::test]
async fn the_system_assigned_identity_is_the_one_meant_when_none_is_named() {
    let mut config = Config::default();
    let mut system = identity("system");
    system.resource_id = None;
    let client_id = system.client_id.to_string();
    config.managed_identities.push(system);
    let fixture = Fixture::with(config).await;
    let request = fixture.get(&url(&fixture), &QUERY).header("Metadata", "true");
    assert_eq!(fixture.send(request).await.expect(200).json()["client_id"], client_id);
}

#[tokio::test]
async fn a_throttled_request_is_told_when_to_come_back_and_the_next_one_passes() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().throttle(Service::Imds, 1);
    let request = || fixture.get(&url(&fixture), &QUERY).header("Metadata", "true");
    assert_eq!(fixture.send(request()).await.expect(429).header("retry-after"), "1");
    fixture.send(request()).await.expect(200);
}
