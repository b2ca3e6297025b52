//! The `claims` of a token request, and continuous access evaluation at Key Vault.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::fixture::{Answer, Fixture, VAULT};

async fn ask(fixture: &Fixture, claims: &str) -> Answer {
    let host = fixture.emulators.endpoints().authority_host();
    let url = format!("{host}/{}/oauth2/v2.0/token", fixture.emulators.tenant_id());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "308fc1a1-6e4d-4195-b273-9daebfc03144"),
        ("client_secret", "app-demo-client-secret"),
        ("scope", "https://vault.azure.net/.default"),
        ("claims", claims),
    ];
    fixture.send(fixture.post(&url, &form)).await
}

async fn token(fixture: &Fixture, claims: &str) -> String {
    let json = ask(fixture, claims).await.expect(200).json();
    json["access_token"].as_str().unwrap().to_owned()
}

async fn read_secret(fixture: &Fixture, token: &str) -> Answer {
    let url = "https://kv-demo.vault.azure.net/secrets/demo-secret";
    fixture.send(fixture.get(url, &[("api-version", "7.6")]).bearer_auth(token)).await
}

const CP1: &str = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;

#[tokio::test]
async fn what_the_client_can_do_is_in_its_token() {
    let fixture = Fixture::start().await;
    assert_eq!(fixture.claims(&token(&fixture, CP1).await)["xms_cc"], json!(["CP1"]));
    assert!(fixture.claims(&token(&fixture, "").await).get("xms_cc").is_none());
}

#[tokio::test]
async fn claims_that_are_no_json_are_refused() {
    let fixture = Fixture::start().await;
    for claims in ["{", "cp1", r#"{"access_token":[]}"#] {
        let json = ask(&fixture, claims).await.expect(400).json();
        assert_eq!(json["error"], "invalid_request");
        assert_eq!(json["error_codes"], json!([50_117]), "{json}");
    }
}

#[tokio::test]
async fn a_token_is_dated_as_late_as_its_claims_want_and_not_in_the_future() {
    let fixture = Fixture::start().await;
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let not_before = async |wanted: i64| {
        let nbf = json!({"essential": true, "value": wanted.to_string()});
        let claims = json!({"access_token": {"nbf": nbf}}).to_string();
        fixture.claims(&token(&fixture, &claims).await)["nbf"].as_i64().unwrap()
    };
    assert_eq!(not_before(now - 10).await, now - 10);
    assert!(not_before(now - 3600).await > now - 3600);
    assert!(not_before(now + 3600).await <= time::OffsetDateTime::now_utc().unix_timestamp());
}

#[tokio::test]
async fn a_revoked_token_is_challenged_and_the_one_that_answers_the_challenge_works() {
    let fixture = Fixture::start().await;
    let revoked = token(&fixture, CP1).await;
    read_secret(&fixture, &revoked).await.expect(200);
    fixture.emulators.revoke_tokens();

    let refused = read_secret(&fixture, &revoked).await.expect(401);
    let challenge = refused.header("www-authenticate");
    let host = fixture.emulators.endpoints().authority_host();
    let tenant = fixture.emulators.tenant_id();
    let start = format!(
        "Bearer authorization=\"{host}/{tenant}\", error=\"insufficient_claims\", claims=\""
    );
    let claims = challenge.strip_prefix(&start).expect(challenge).strip_suffix('"').unwrap();
    let claims: Value = serde_json::from_slice(&STANDARD.decode(claims).unwrap()).unwrap();
    let nbf = &claims["access_token"]["nbf"];
    assert_eq!(nbf["essential"], true);
    let wanted: i64 = nbf["value"].as_str().unwrap().parse().unwrap();
    assert!(fixture.claims(&revoked)["nbf"].as_i64().unwrap() < wanted);

    let mut claims = claims;
    claims["access_token"]["xms_cc"] = json!({"values": ["CP1"]});
    let fresh = token(&fixture, &claims.to_string()).await;
    assert!(fixture.claims(&fresh)["nbf"].as_i64().unwrap() >= wanted);
    read_secret(&fixture, &fresh).await.expect(200);
    read_secret(&fixture, &revoked).await.expect(401);
}

#[tokio::test]
async fn a_client_that_does_not_understand_claims_gets_the_plain_challenge() {
    let fixture = Fixture::start().await;
    let [app, identity] = [token(&fixture, "").await, fixture.token("uami-demo", VAULT)];
    fixture.emulators.revoke_tokens();
    for revoked in [app, identity] {
        let refused = read_secret(&fixture, &revoked).await.expect(401);
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains("resource=\"https://vault.azure.net\""), "{challenge}");
        assert!(!challenge.contains("claims"), "{challenge}");
    }
    read_secret(&fixture, &token(&fixture, "").await).await.expect(200);
}
