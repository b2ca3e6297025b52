//! Managed identity on the hosts that ask for a proof, a form or another header than IMDS does.

use std::path::PathBuf;

use azconnect_auth::{
    Env, ErrorKind, ManagedIdentityCredential, ManagedIdentityCredentialBuilder,
    ManagedIdentitySource, env, uuid::Uuid,
};
use serde_json::json;

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, TestClock, imds_token, token},
};

/// The folder of an agent of Azure Arc.
struct Keys(PathBuf);

impl Keys {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("arc-{}", Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("a.key"), "canary-4711").unwrap();
        Self(folder)
    }

    fn challenge(&self, name: &str) -> Reply {
        let realm = format!("Basic realm={}", self.0.join(name).display());
        Reply::status(401).with_header("www-authenticate", &realm)
    }

    fn credential(&self, responder: &Responder) -> ManagedIdentityCredentialBuilder {
        let endpoint = responder.url().join("metadata/identity/oauth2/token").unwrap();
        ManagedIdentityCredential::builder()
            .with_source(ManagedIdentitySource::Arc { endpoint, keys: self.0.clone() })
            .with_clock(TestClock::new())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn found(variables: &[(&str, &str)]) -> ManagedIdentityCredentialBuilder {
    let environment: Env = variables.iter().copied().collect();
    ManagedIdentityCredential::builder().with_env(&environment).with_clock(TestClock::new())
}

#[tokio::test]
async fn the_agent_of_azure_arc_is_shown_the_contents_of_its_file() {
    let keys = Keys::new();
    let granted = Reply::json(200, imds_token("one", 3600));
    let responder = Responder::start([keys.challenge("a.key"), granted]).await;
    assert_eq!(token(&*keys.credential(&responder).build().unwrap()).await.unwrap(), "one");
    let [first, second] = &responder.received()[..] else { panic!("two requests") };
    assert_eq!(first.query, second.query);
    assert_eq!(first.query[0], ("api-version".to_owned(), "2020-06-01".to_owned()));
    assert_eq!(first.headers["metadata"], "true");
    assert!(!first.headers.contains_key("authorization"));
    assert_eq!(second.headers["authorization"], "Basic canary-4711");
}

#[tokio::test]
async fn an_agent_that_asks_for_another_file_is_shown_nothing() {
    let keys = Keys::new();
    for challenge in [
        Reply::status(401).with_header("www-authenticate", "Basic realm=/etc/passwd"),
        Reply::status(401),
        keys.challenge("none.key"),
    ] {
        let responder = Responder::start([challenge]).await;
        let error = token(&*keys.credential(&responder).build().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error}");
        assert!(!error.is_credential_absent());
        assert_eq!(responder.received().len(), 1);
    }
    // A key that the agent does not take is told as that, and never shown.
    let refused = Reply::json(401, json!({"error": "unauthorized"}));
    let responder = Responder::start([keys.challenge("a.key"), refused]).await;
    let error = token(&*keys.credential(&responder).build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_token_of_another_identity_of_the_arc_machine_is_not_returned() {
    let keys = Keys::new();
    let other = "99999999-2222-3333-4444-555555555555".parse().unwrap();
    for (identity, is_given) in [(CLIENT_ID.parse().unwrap(), true), (other, false)] {
        let granted = Reply::json(200, imds_token("one", 3600));
        let responder = Responder::start([keys.challenge("a.key"), granted]).await;
        let credential = keys.credential(&responder).with_identity(identity).build().unwrap();
        match token(&*credential).await {
            Ok(token) => assert!(is_given && token == "one"),
            Err(error) => assert!(!is_given && error.kind() == ErrorKind::IdentityNotFound),
        }
    }
}

#[tokio::test]
async fn cloud_shell_is_posted_a_form() {
    let responder = Responder::start([Reply::json(200, imds_token("one", 3600))]).await;
    let endpoint = responder.url().join("oauth2/token").unwrap();
    let credential = found(&[(env::MSI_ENDPOINT, endpoint.as_str())]).build().unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    let [request] = &responder.received()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/oauth2/token"));
    assert_eq!(request.headers["metadata"], "true");
    assert_eq!(request.form["resource"], "https://vault.azure.net");
    assert_eq!(request.form.len(), 1);
}

#[tokio::test]
async fn machine_learning_is_shown_its_secret() {
    let responder = Responder::start([Reply::json(200, imds_token("one", 3600))]).await;
    let credential = found(&[
        (env::MSI_ENDPOINT, responder.url().as_str()),
        (env::MSI_SECRET, "canary-4711"),
        (env::DEFAULT_IDENTITY_CLIENT_ID, CLIENT_ID),
    ])
    .build()
    .unwrap();
    assert!(!format!("{credential:?}").contains("canary"));
    assert_eq!(token(&*credential).await.unwrap(), "one");
    let [request] = &responder.received()[..] else { panic!("one request") };
    assert_eq!(request.headers["secret"], "canary-4711");
    assert!(request.query.contains(&("clientid".to_owned(), CLIENT_ID.to_owned())));
}

#[tokio::test]
async fn service_fabric_is_not_asked_over_a_connection_that_shows_no_certificate() {
    // A listener that speaks no TLS: the secret must not reach it.
    let responder = Responder::start([]).await;
    let endpoint = responder.url().as_str().replace("http:", "https:");
    let credential = found(&[
        (env::IDENTITY_ENDPOINT, endpoint.as_str()),
        (env::IDENTITY_HEADER, "canary-4711"),
        (env::IDENTITY_SERVER_THUMBPRINT, "f4f17d2639b18faf61628a2efb00c0c3d3cd63bf"),
    ])
    .build()
    .unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(!error.is_credential_absent(), "the host says that there is an identity");
    assert!(responder.received().is_empty());
}
