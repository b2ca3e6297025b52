//! Managed identity: what is asked, what the answers mean, when the question is repeated.

use std::{sync::Arc, time::Duration};

use azconnect_auth::{
    Env, ErrorKind, ManagedIdentityCredential, ManagedIdentityCredentialBuilder, RetryOptions,
    azure_core::credentials::TokenCredential, env, url::Url,
};
use serde_json::json;

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, NOW, SCOPE, TestClock, imds_token, token},
};

fn imds(responder: &Responder) -> ManagedIdentityCredentialBuilder {
    ManagedIdentityCredential::builder()
        .with_imds_endpoint(responder.url())
        .with_clock(TestClock::new())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn imds_is_asked_as_documented() {
    let responder = Responder::start([Reply::json(200, imds_token("one", 3600))]).await;
    let credential = imds(&responder).with_identity(CLIENT_ID.parse().unwrap()).build().unwrap();
    let answer = credential.get_token(&[SCOPE], None).await.unwrap();
    assert_eq!(answer.token.secret(), "one");
    assert_eq!(answer.expires_on.unix_timestamp(), NOW + 3600);
    let [request] = &responder.received()[..] else { panic!("one request") };
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("GET", "/metadata/identity/oauth2/token")
    );
    assert_eq!(
        request.query,
        pairs(&[
            ("api-version", "2018-02-01"),
            ("resource", "https://vault.azure.net"),
            ("client_id", CLIENT_ID),
        ])
    );
    assert_eq!(request.headers.get("metadata").map(String::as_str), Some("true"));
    // IMDS refuses requests that were forwarded.
    assert!(!request.headers.contains_key("x-forwarded-for"));
}

#[tokio::test]
async fn app_service_is_asked_as_documented() {
    let responder = Responder::start([Reply::json(200, imds_token("one", 3600))]).await;
    let endpoint = responder.url().join("msi/token").unwrap();
    let environment = Env::from_iter([
        (env::IDENTITY_ENDPOINT, endpoint.as_str()),
        (env::IDENTITY_HEADER, "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a"),
    ]);
    let credential = ManagedIdentityCredential::builder()
        .with_env(&environment)
        .with_identity(format!("object:{CLIENT_ID}").parse().unwrap())
        .with_clock(TestClock::new())
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    let [request] = &responder.received()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/msi/token"));
    assert_eq!(
        request.query,
        pairs(&[
            ("api-version", "2019-08-01"),
            ("resource", "https://vault.azure.net"),
            ("principal_id", CLIENT_ID),
        ])
    );
    assert_eq!(
        request.headers.get("x-identity-header").map(String::as_str),
        Some("853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a")
    );
    assert!(!request.headers.contains_key("metadata"));
}

#[tokio::test]
async fn the_pod_identity_host_redirects_imds() {
    let responder = Responder::start([Reply::json(200, imds_token("one", 3600))]).await;
    let environment =
        Env::from_iter([(env::AZURE_POD_IDENTITY_AUTHORITY_HOST, responder.url().as_str())]);
    let credential = ManagedIdentityCredential::builder()
        .with_env(&environment)
        .with_clock(TestClock::new())
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    assert_eq!(responder.received()[0].path, "/metadata/identity/oauth2/token");
}

#[tokio::test]
async fn passing_failures_are_repeated_and_the_service_names_the_pause() {
    let responder = Responder::start([
        Reply::status(404),
        Reply::status(410),
        Reply::status(429).with_header("retry-after", "7"),
        Reply::status(500),
        Reply::Cut,
        Reply::json(200, imds_token("one", 3600)),
    ])
    .await;
    let clock = TestClock::new();
    let credential = imds(&responder)
        .with_clock(clock.clone())
        .with_retry(RetryOptions::managed_identity().with_max_attempts(6))
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    assert_eq!(clock.pauses().len(), 5);
    assert_eq!(clock.pauses()[2], Duration::from_secs(7));
}

#[tokio::test]
async fn a_service_that_stays_away_is_unavailable_in_the_end() {
    let responder = Responder::start(vec![Reply::status(410); 20]).await;
    let clock = TestClock::new();
    let credential = imds(&responder).with_clock(clock.clone()).build().unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unavailable, Some(410)));
    assert_eq!(error.attempts() as usize, responder.received().len());
    let waited = clock.pauses().iter().sum::<Duration>();
    assert!((Duration::from_secs(70)..Duration::from_secs(120)).contains(&waited), "{waited:?}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn documented_refusals_have_kinds_and_hints_and_are_not_repeated() {
    for (identity, description, kind, part_of_hint) in [
        (
            "system",
            "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
             the token request",
            ErrorKind::AmbiguousIdentity,
            "name one",
        ),
        (CLIENT_ID, "Identity not found", ErrorKind::IdentityNotFound, "object:GUID"),
    ] {
        let body = json!({"error": "invalid_request", "error_description": description});
        let responder = Responder::start([Reply::json(400, body)]).await;
        let credential = imds(&responder).with_identity(identity.parse().unwrap()).build().unwrap();
        let error = token(&*credential).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.service_code(), Some("invalid_request"));
        assert_eq!(error.scope(), Some(SCOPE));
        assert!(error.to_string().contains(description), "{error}");
        assert!(error.hint().unwrap().contains(part_of_hint), "{error:?}");
        assert_eq!(responder.received().len(), 1);
    }
}

#[tokio::test]
async fn where_nothing_listens_three_attempts_are_made() {
    // The port was free a moment ago and is not listened on by anybody.
    let url = Responder::start([]).await.url();
    tokio::task::yield_now().await;
    let clock = TestClock::new();
    let credential = ManagedIdentityCredential::builder()
        .with_imds_endpoint(url)
        .with_clock(clock)
        .build()
        .unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 3), "{error}");
    assert!(error.hint().unwrap().contains("on Azure only"));
}

#[tokio::test]
async fn a_service_that_never_answers_is_a_timeout() {
    let responder = Responder::start([Reply::Silence]).await;
    let credential = imds(&responder)
        .with_retry(
            RetryOptions::managed_identity()
                .with_max_attempts(1)
                .with_request_timeout(Duration::from_millis(50)),
        )
        .build()
        .unwrap();
    assert_eq!(token(&*credential).await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Responder::start([Reply::json(200, imds_token("stolen", 3600))]).await;
    let redirect = Reply::status(302).with_header("location", elsewhere.url().as_str());
    let responder = Responder::start([redirect]).await;
    let credential = imds(&responder).build().unwrap();
    assert_eq!(token(&*credential).await.unwrap_err().kind(), ErrorKind::InvalidResponse);
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let responder = Responder::start([Reply::json(200, "x".repeat((1 << 20) + 1))]).await;
    let credential = imds(&responder).build().unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("1048576"), "{error}");
}

#[tokio::test]
async fn anything_but_one_scope_is_refused_before_any_request() {
    let url = Url::parse("http://127.0.0.1:9/").unwrap();
    let credential: Arc<dyn TokenCredential> =
        ManagedIdentityCredential::builder().with_imds_endpoint(url).build().unwrap();
    for scopes in [&[][..], &[""], &["https://a/.default", "https://b/.default"]] {
        let error = credential.get_token(scopes, None).await.unwrap_err();
        let error = error.downcast_ref::<azconnect_auth::Error>().unwrap();
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidInput, 0));
    }
}
