//! Every way to be refused, each with what a newcomer can do about it.

use std::{error::Error as _, sync::Arc};

use azconnect_emulators::{Config, ManagedIdentityConfig, Service};
use azconnect_keyvault::{
    Error, ErrorKind, VaultClient,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        error::ErrorKind as CoreErrorKind,
        http::Url,
    },
};
use futures::TryStreamExt;
use time::Duration;

use crate::fixture::{Credential, Fixture, VAULT, name};

async fn refused(fixture: &Fixture, credential: Arc<Credential>) -> Error {
    fixture.client_of(VAULT, credential).secret(&name("demo-secret")).await.unwrap_err()
}

#[tokio::test]
async fn a_missing_secret_is_named_with_its_vault() {
    let fixture = Fixture::start().await;
    let error = fixture.client().secret(&name("absent")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "cannot get secret \"absent\" of https://kv-demo.vault.azure.net/: SecretNotFound (404)"
    );
    assert!(error.hint().unwrap().contains("kv-demo.vault.azure.net"), "{:?}", error.hint());
    assert_eq!(error.service_code(), Some("SecretNotFound"));
    assert_eq!(error.http_status(), Some(404));
    assert_eq!(error.operation(), Some("get secret"));
    assert_eq!(error.request_id().unwrap().len(), 36);
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_missing_role_is_named_and_so_is_the_caller() {
    let mut config = Config::default();
    let nobody = ManagedIdentityConfig {
        name: "nobody".into(),
        client_id: "11111111-1111-1111-1111-111111111111".parse().unwrap(),
        object_id: "22222222-2222-2222-2222-222222222222".parse().unwrap(),
        resource_id: None,
    };
    config.managed_identities.push(nobody);
    let fixture = Fixture::with(config).await;
    let error = refused(&fixture, fixture.credential("nobody")).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.service_code(), Some("ForbiddenByRbac"));
    let hint = error.hint().unwrap();
    assert!(hint.contains("`Key Vault Secrets User`"), "{hint}");
    assert!(hint.contains("kv-demo.vault.azure.net"), "{hint}");
    let cause = error.source().unwrap().to_string();
    assert!(cause.starts_with("Caller is not authorized to perform action"), "{cause}");
    assert!(!cause.contains('\n'), "{cause}");
    assert!(cause.contains("oid=22222222-2222-2222-2222-222222222222"), "{cause}");

    let client = fixture.client_of(VAULT, fixture.credential("nobody"));
    let error = client.secrets().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.operation(), Some("list secrets"));
}

#[tokio::test]
async fn an_expired_token_is_unauthenticated() {
    let fixture = Fixture::start().await;
    let mut credential = fixture.credential("uami-demo");
    Arc::get_mut(&mut credential).unwrap().lifetime = Duration::seconds(-1);
    let error = refused(&fixture, credential).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.http_status(), Some(401));
    assert!(error.source().unwrap().to_string().contains("expired"), "{error:?}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_token_for_another_audience_is_unauthenticated() {
    let fixture = Fixture::start().await;
    let mut credential = fixture.credential("uami-demo");
    Arc::get_mut(&mut credential).unwrap().audience = Some("https://storage.azure.com");
    let error = refused(&fixture, credential).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert!(error.source().unwrap().to_string().contains("https://storage.azure.com"), "{error:?}");
}

#[tokio::test]
async fn a_challenge_for_another_domain_gets_no_token() {
    let fixture = Fixture::start().await;
    let credential = fixture.credential("uami-demo");
    // A host that the certificate covers but that is no vault's: what answers there asks for
    // tokens of Key Vault.
    let client = fixture.client_of("https://kv-demo.database.windows.net", credential.clone());
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(credential.calls(), 0);
    assert!(error.hint().unwrap().contains("is no vault"), "{:?}", error.hint());
}

/// A credential that has no token to give, and says why.
#[derive(Debug)]
struct NoToken;

#[async_trait::async_trait]
impl TokenCredential for NoToken {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Err(azure_core::Error::with_message(CoreErrorKind::Credential, "no identity here"))
    }
}

#[tokio::test]
async fn a_credential_that_fails_is_the_cause_and_the_one_to_give_a_hint() {
    let fixture = Fixture::start().await;
    let client = fixture.client_of(VAULT, Arc::new(NoToken));
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.hint(), None);
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    assert!(causes.iter().any(|cause| cause.contains("no identity here")), "{causes:?}");
}

#[tokio::test]
async fn a_disabled_secret_says_so() {
    let fixture = Fixture::start().await;
    let put = reqwest::Client::builder()
        .tls_backend_rustls()
        .no_proxy()
        .tls_certs_only([
            reqwest::Certificate::from_pem(fixture.emulators.ca_pem().as_bytes()).unwrap()
        ])
        .build()
        .unwrap();
    let token = fixture
        .emulators
        .issue_token("uami-demo", "https://vault.azure.net", Duration::HOUR)
        .unwrap();
    let url = fixture.emulators.endpoints().key_vault_url() + "/secrets/off?api-version=7.6";
    let response = put
        .put(url)
        .bearer_auth(secrecy::ExposeSecret::expose_secret(&token))
        .body(r#"{"value":"1","attributes":{"enabled":false}}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let error = fixture.client().secret(&name("off")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disabled);
}

#[tokio::test]
async fn a_throttled_vault_is_transient() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().throttle(Service::KeyVault, 1);
    let error = fixture.client().secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    assert!(error.is_transient());
    fixture.client().secret(&name("demo-secret")).await.unwrap();
}

#[tokio::test]
async fn a_vault_that_is_gone_cannot_be_connected_to() {
    let fixture = Fixture::start().await;
    // Closed again at once; whoever listens there next has another CA.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nowhere = format!("https://localhost:{port}");
    let client = fixture.client_of(&nowhere, fixture.credential("uami-demo"));
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_url_that_is_not_a_vaults_is_refused_before_anything_is_sent() {
    let fixture = Fixture::start().await;
    for url in [
        "http://kv-demo.vault.azure.net",
        "https://user:hunter2@kv-demo.vault.azure.net",
        "https://kv-demo.vault.azure.net/secrets/x",
        "https://kv-demo.vault.azure.net/?hunter2",
    ] {
        let credential = fixture.credential("uami-demo");
        let error = VaultClient::builder(Url::parse(url).unwrap(), credential).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
