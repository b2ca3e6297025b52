//! Azure Machine Learning: the older API with a secret, an identity named by `clientid`.

use azconnect_emulators::{Config, ManagedIdentityHost};

use crate::fixture::{Answer, Fixture, VAULT, identity};

const QUERY: [(&str, &str); 2] = [("api-version", "2017-09-01"), ("resource", VAULT)];

async fn get(fixture: &Fixture, query: &[(&str, &str)]) -> Answer {
    let host = ManagedIdentityHost::MachineLearning;
    let environment = fixture.emulators.managed_identity_environment(host);
    let request = fixture
        .get(&environment["MSI_ENDPOINT"], query)
        .header("secret", &environment["MSI_SECRET"]);
    fixture.send(request).await
}

#[tokio::test]
async fn a_token_ends_at_a_number_and_is_of_the_identity_of_the_environment() {
    let fixture = Fixture::start().await;
    let host = ManagedIdentityHost::MachineLearning;
    let environment = fixture.emulators.managed_identity_environment(host);
    let client_id = &environment["DEFAULT_IDENTITY_CLIENT_ID"];
    let query = [QUERY[0], QUERY[1], ("clientid", client_id)];
    let json = get(&fixture, &query).await.expect(200).json();
    let claims = fixture.claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["appid"], client_id.as_str());
    assert_eq!(claims["exp"], json["expires_on"]);
}

#[tokio::test]
async fn of_several_identities_one_is_named_by_clientid_only() {
    let mut config = Config::default();
    config.managed_identities.push(identity("second"));
    let second = config.managed_identities[1].client_id.to_string();
    let fixture = Fixture::with(config).await;
    let named = [QUERY[0], QUERY[1], ("clientid", &second)];
    assert_eq!(get(&fixture, &named).await.expect(200).json()["client_id"], second);
    // Spelled as everywhere else it is overlooked, and no identity is named.
    let other_spelling = [QUERY[0], QUERY[1], ("client_id", &second)];
    let answer = get(&fixture, &other_spelling).await.expect(400);
    assert!(answer.json()["message"].as_str().unwrap().starts_with("Unable to load"));
}

#[tokio::test]
async fn a_wrong_secret_another_version_and_an_unknown_identity_are_refused() {
    let fixture = Fixture::start().await;
    let url = fixture.emulators.endpoints().machine_learning_endpoint();
    fixture.send(fixture.get(&url, &QUERY)).await.expect(401);
    fixture.send(fixture.get(&url, &QUERY).header("secret", "guess")).await.expect(401);
    get(&fixture, &[("api-version", "2019-08-01"), QUERY[1]]).await.expect(400);
    get(&fixture, &[QUERY[0]]).await.expect(400);
    let nil = "00000000-0000-0000-0000-000000000001";
    let unknown = get(&fixture, &[QUERY[0], QUERY[1], ("clientid", nil)]).await.expect(400);
    assert_eq!(unknown.json()["statusCode"], 400);
}
