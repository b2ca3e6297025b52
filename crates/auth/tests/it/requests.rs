//! What one request asks beside its scopes: claims and tenants.

use std::sync::Arc;

use azconnect_auth::{
    ClientSecretCredential, ClientSecretCredentialBuilder, Error, ErrorKind,
    ManagedIdentityCredential, TokenRequest, azure_core::credentials::TokenCredential,
};
use serde_json::{Value, json};

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, SCOPE, TENANT_ID, TestClock, entra_token, imds_token, token},
};

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1700000100"}}}"#;

fn builder(responder: &Responder) -> ClientSecretCredentialBuilder {
    ClientSecretCredential::builder(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        "secret".into(),
    )
    .with_authority_host(responder.url())
    .with_danger_allow_loopback_http()
    .with_clock(TestClock::new())
}

async fn ask(
    credential: &Arc<impl TokenCredential>,
    request: TokenRequest,
) -> Result<String, Error> {
    match credential.get_token(&[SCOPE], Some(request.into_options())).await {
        Ok(token) => Ok(token.token.secret().to_owned()),
        Err(error) => Err(error.downcast_ref::<Error>().unwrap().clone()),
    }
}

#[tokio::test]
async fn the_claims_of_a_challenge_go_past_the_cache_with_the_capability_to_handle_them() {
    let replies = ["first", "second"].map(|name| Reply::json(200, entra_token(name, 3600)));
    let responder = Responder::start(replies).await;
    let credential = builder(&responder).with_continuous_access_evaluation().build().unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "first");
    let challenged = TokenRequest::default().with_claims(CLAIMS).unwrap();
    assert_eq!(ask(&credential, challenged).await.unwrap(), "second");
    assert_eq!(token(&*credential).await.unwrap(), "second");
    let claims: Vec<Value> = responder
        .received()
        .iter()
        .map(|request| serde_json::from_str(&request.form["claims"]).unwrap())
        .collect();
    let capability = json!({"values": ["cp1"]});
    let nbf = json!({"essential": true, "value": "1700000100"});
    assert_eq!(
        claims,
        [
            json!({"access_token": {"xms_cc": capability}}),
            json!({"access_token": {"nbf": nbf, "xms_cc": capability}}),
        ]
    );
}

#[tokio::test]
async fn without_the_capability_only_the_claims_are_sent() {
    let responder = Responder::start([Reply::json(200, entra_token("one", 3600))]).await;
    let credential = builder(&responder).build().unwrap();
    let challenged = TokenRequest::default().with_claims(CLAIMS).unwrap();
    ask(&credential, challenged).await.unwrap();
    assert_eq!(responder.received()[0].form["claims"], CLAIMS);
}

#[tokio::test]
async fn another_tenant_is_asked_at_its_own_endpoint_if_it_is_allowed() {
    let replies = ["home", "guest"].map(|name| Reply::json(200, entra_token(name, 3600)));
    let responder = Responder::start(replies).await;
    let in_tenant = |tenant: &str| TokenRequest::default().with_tenant_id(tenant.parse().unwrap());
    let credential = builder(&responder)
        .with_additionally_allowed_tenants("fabrikam.com".parse().unwrap())
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "home");
    for _ in 0..2 {
        assert_eq!(ask(&credential, in_tenant("fabrikam.com")).await.unwrap(), "guest");
    }
    let refused = ask(&credential, in_tenant("adatum.com")).await.unwrap_err();
    assert_eq!((refused.kind(), refused.attempts()), (ErrorKind::InvalidInput, 0));
    let paths: Vec<_> = responder.received().iter().map(|request| request.path.clone()).collect();
    assert_eq!(
        paths,
        [format!("/{TENANT_ID}/oauth2/v2.0/token"), "/fabrikam.com/oauth2/v2.0/token".to_owned()]
    );
}

#[tokio::test]
async fn a_managed_identity_asks_anew_for_claims_and_refuses_another_tenant() {
    let replies = ["first", "second"].map(|name| Reply::json(200, imds_token(name, 86_400)));
    let responder = Responder::start(replies).await;
    let credential = ManagedIdentityCredential::builder()
        .with_imds_endpoint(responder.url())
        .with_clock(TestClock::new())
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "first");
    let challenged = TokenRequest::default().with_claims(CLAIMS).unwrap();
    assert_eq!(ask(&credential, challenged).await.unwrap(), "second");
    let elsewhere = TokenRequest::default().with_tenant_id("fabrikam.com".parse().unwrap());
    let refused = ask(&credential, elsewhere).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert_eq!(responder.received().len(), 2);
}
