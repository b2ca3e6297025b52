//! Applications that trust another token: from a file that is replaced, and from another credential.

use std::{fs, path::PathBuf, sync::Arc};

use azconnect_auth::{
    AssertionSource, ClientAssertionCredential, Error, ErrorKind, ManagedIdentityCredential,
    TOKEN_EXCHANGE_SCOPE, azure_core::credentials::TokenCredential,
};
use serde_json::json;

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, SCOPE, TENANT_ID, TestClock, entra_token, imds_token, token},
};

fn credential(responder: &Responder, source: AssertionSource) -> Arc<ClientAssertionCredential> {
    ClientAssertionCredential::builder(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        source,
    )
    .with_authority_host(responder.url())
    .with_danger_allow_loopback_http()
    .with_clock(TestClock::new())
    .build()
    .unwrap()
}

/// A file of this test's own, which is removed at the end.
struct TokenFile(PathBuf);

impl TokenFile {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("azconnect-auth-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        Self(path)
    }

    fn source(&self) -> AssertionSource {
        AssertionSource::TokenFile(self.0.clone())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

fn form(responder: &Responder, request: usize, name: &str) -> String {
    responder.received()[request].form[name].clone()
}

#[tokio::test]
async fn the_token_file_is_read_anew_for_every_exchange() {
    let replies = ["one", "two"].map(|name| Reply::json(200, entra_token(name, 3600)));
    let responder = Responder::start(replies).await;
    let file = TokenFile::new("rotated", "first.token\n");
    let credential = credential(&responder, file.source());
    assert_eq!(token(&*credential).await.unwrap(), "one");
    fs::write(&file.0, "second.token").unwrap();
    // Cached: the file is of no interest while there is a token.
    assert_eq!(token(&*credential).await.unwrap(), "one");
    credential.get_token(&["https://storage.azure.com/.default"], None).await.unwrap();
    assert_eq!(form(&responder, 0, "client_assertion"), "first.token");
    assert_eq!(form(&responder, 1, "client_assertion"), "second.token");
    assert_eq!(
        form(&responder, 0, "client_assertion_type"),
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
}

#[tokio::test]
async fn a_file_that_is_missing_or_empty_is_told_by_its_path_and_nothing_is_sent() {
    let responder = Responder::start([]).await;
    let empty = TokenFile::new("empty", " \n");
    for source in [AssertionSource::TokenFile("/no/such/token".into()), empty.source()] {
        let path = format!("{source:?}");
        let error = token(&*credential(&responder, source)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AssertionUnavailable);
        let shown = error.to_string();
        assert!(shown.contains(SCOPE) && shown.contains("token"), "{shown} for {path}");
    }
    assert!(responder.received().is_empty());
}

#[tokio::test]
async fn a_managed_identity_vouches_for_the_application() {
    let imds = Responder::start([Reply::json(200, imds_token("of-the-identity", 3600))]).await;
    let identity = ManagedIdentityCredential::builder()
        .with_imds_endpoint(imds.url())
        .with_clock(TestClock::new())
        .build()
        .unwrap();
    let entra = Responder::start([Reply::json(200, entra_token("of-the-app", 3600))]).await;
    let scope = TOKEN_EXCHANGE_SCOPE.to_owned();
    let source = AssertionSource::Credential { credential: identity, scope };
    assert_eq!(token(&*credential(&entra, source)).await.unwrap(), "of-the-app");
    assert_eq!(form(&entra, 0, "client_assertion"), "of-the-identity");
    let query = imds.received()[0].query.clone();
    let resource = ("resource".to_owned(), "api://AzureADTokenExchange".to_owned());
    assert!(query.contains(&resource), "{query:?}");
}

#[tokio::test]
async fn what_the_identity_lacks_is_told_as_by_itself() {
    let body = json!({"error": "invalid_request", "error_description": "Identity not found"});
    let imds = Responder::start([Reply::json(400, body)]).await;
    let identity =
        ManagedIdentityCredential::builder().with_imds_endpoint(imds.url()).build().unwrap();
    let entra = Responder::start([]).await;
    let scope = TOKEN_EXCHANGE_SCOPE.to_owned();
    let source = AssertionSource::Credential { credential: identity, scope };
    let error: Error = token(&*credential(&entra, source)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IdentityNotFound);
    assert!(error.hint().is_some());
    assert!(entra.received().is_empty());
}
