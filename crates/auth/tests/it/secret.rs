//! The client secret credential.

use azconnect_auth::{ClientSecretCredential, ErrorKind};
use serde_json::json;

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, SCOPE, TENANT_ID, TestClock, entra_token, token},
};

/// A secret with characters that a form has to escape.
const SECRET: &str = "s~+&=% e";

async fn ask(reply: Reply) -> (Result<String, azconnect_auth::Error>, Responder) {
    let responder = Responder::start([reply]).await;
    let credential = ClientSecretCredential::builder(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        SECRET.into(),
    )
    .with_authority_host(responder.url())
    .with_danger_allow_loopback_http()
    .with_clock(TestClock::new())
    .build()
    .unwrap();
    (token(&*credential).await, responder)
}

#[tokio::test]
async fn the_secret_is_posted_as_documented() {
    let (outcome, responder) = ask(Reply::json(200, entra_token("one", 3600))).await;
    assert_eq!(outcome.unwrap(), "one");
    let form = responder.received()[0].form.clone();
    let form = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
    assert_eq!(
        form,
        [
            ("client_id", CLIENT_ID),
            ("client_secret", SECRET),
            ("grant_type", "client_credentials"),
            ("scope", SCOPE),
        ]
    );
}

#[tokio::test]
async fn wrong_and_expired_secrets_are_told_apart() {
    for (code, kind) in
        [(7_000_215, ErrorKind::SecretRejected), (7_000_222, ErrorKind::SecretExpired)]
    {
        let body = json!({"error": "invalid_client", "error_codes": [code]});
        let (outcome, _) = ask(Reply::json(401, body)).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(&format!("AADSTS{code}")), "{error}");
    }
}

#[test]
fn an_empty_secret_is_refused() {
    let builder = ClientSecretCredential::builder(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        "".into(),
    );
    assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::InvalidInput);
}
