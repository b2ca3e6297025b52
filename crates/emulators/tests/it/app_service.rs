//! App Service style managed identity: the header, the API version, the choice of an identity.

use azconnect_emulators::Config;
use secrecy::ExposeSecret;

use crate::fixture::{Fixture, VAULT, identity};

const QUERY: [(&str, &str); 2] = [("api-version", "2019-08-01"), ("resource", VAULT)];

fn get(fixture: &Fixture, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let header = fixture.emulators.identity_header().expose_secret();
    fixture
        .get(&fixture.emulators.endpoints().identity_endpoint(), query)
        .header("X-IDENTITY-HEADER", header)
}

#[tokio::test]
async fn a_token_comes_as_compact_json_of_strings() {
    let fixture = Fixture::start().await;
    let answer = fixture.send(get(&fixture, &QUERY)).await.expect(200);
    assert!(!answer.text.contains(": ") && !answer.text.contains('\n'), "{}", answer.text);
    let json = answer.json();
    assert!(json["expires_on"].is_string(), "{json}");
    assert_eq!(json["token_type"], "Bearer");
}

#[tokio::test]
async fn a_missing_or_wrong_identity_header_is_unauthorized() {
    let fixture = Fixture::start().await;
    let url = fixture.emulators.endpoints().identity_endpoint();
    let bare = || fixture.get(&url, &QUERY);
    fixture.send(bare()).await.expect(401);
    fixture.send(bare().header("X-IDENTITY-HEADER", "guess")).await.expect(401);
    fixture.send(bare().header("Metadata", "true")).await.expect(401);
}

#[tokio::test]
async fn another_api_version_and_a_missing_resource_are_refused() {
    let fixture = Fixture::start().await;
    for query in [
        vec![("resource", VAULT)],
        vec![("resource", VAULT), ("api-version", "2017-09-01")],
        vec![("api-version", "2019-08-01")],
    ] {
        fixture.send(get(&fixture, &query)).await.expect(400);
    }
}

#[tokio::test]
async fn an_identity_is_named_by_any_of_its_ids_and_of_several_one_must_be() {
    let mut config = Config::default();
    config.managed_identities.push(identity("second"));
    let second = config.managed_identities[1].clone();
    let fixture = Fixture::with(config).await;
    let unnamed = fixture.send(get(&fixture, &QUERY)).await.expect(400);
    assert!(
        unnamed.json()["message"].as_str().unwrap().starts_with("Unable to load"),
        "{}",
        unnamed.text
    );
    for (name, value) in [
        ("client_id", second.client_id.to_string()),
        ("principal_id", second.object_id.to_string()),
        ("mi_res_id", second.resource_id.clone().unwrap()),
    ] {
        let answer = fixture.send(get(&fixture, &[QUERY[0], QUERY[1], (name, &value)])).await;
        assert_eq!(answer.expect(200).json()["client_id"], second.client_id.to_string());
    }
    let unknown = [QUERY[0], QUERY[1], ("client_id", "00000000-0000-0000-0000-000000000001")];
    let answer = fixture.send(get(&fixture, &unknown)).await.expect(400);
    assert!(answer.text.contains("No User Assigned"), "{}", answer.text);
}
