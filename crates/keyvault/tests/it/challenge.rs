//! Who may be told the token.

use std::{error::Error as _, sync::Arc};

use azconnect_emulators::{Config, KeyVaultFault, Lasting, TenantConfig};
use azconnect_keyvault::{
    ErrorKind, RetryOptions, VaultClient,
    azure_core::{
        self, Bytes,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{
            AsyncRawResponse, HttpClient, Request, StatusCode, Transport, Url,
            headers::{Headers, WWW_AUTHENTICATE},
        },
    },
};
use futures::TryStreamExt;

use crate::fixture::{Credential, Fixture, VAULT, name};

#[tokio::test]
async fn a_challenge_that_points_to_a_foreign_domain_gets_no_token() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().break_key_vault(KeyVaultFault::ForeignChallenge, Lasting::Always);
    let credential = fixture.credential("uami-demo");
    let client = fixture.client_of(VAULT, credential.clone());
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(credential.calls(), 0);
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("asks for a token for \"https://vault.evil.example\""), "{cause}");
    assert!(error.hint().unwrap().contains("is no vault"), "{:?}", error.hint());
}

#[tokio::test]
async fn a_foreign_challenge_is_not_remembered() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::ForeignChallenge, Lasting::Requests(1));
    let credential = fixture.credential("uami-demo");
    let client = fixture.client_of(VAULT, credential.clone());
    client.secret(&name("demo-secret")).await.unwrap_err();
    client.secret(&name("demo-secret")).await.unwrap();
    assert_eq!(credential.calls(), 1);

    // In answer to a good token it is refused just the same.
    faults.break_key_vault(KeyVaultFault::ForeignChallenge, Lasting::Requests(1));
    let error = client.secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(credential.calls(), 1);
    client.secret(&name("demo-secret")).await.unwrap();
}

#[tokio::test]
async fn a_vault_of_another_tenant_is_told_from_other_refusals() {
    let tenant = "77777777-7777-7777-7777-777777777777";
    let mut config = Config::default();
    let other = TenantConfig { tenant_id: tenant.parse().unwrap(), domains: Vec::new() };
    config.tenants.push(other);
    config.vaults[0].tenant_id = Some(tenant.parse().unwrap());
    let fixture = Fixture::with(config).await;
    let error = fixture.client().secret(&name("demo-secret")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.service_code(), Some("AKV10032"));
    assert_eq!(error.vault_tenant(), Some(tenant));
    assert!(error.hint().unwrap().contains(tenant), "{:?}", error.hint());
}

#[tokio::test]
async fn the_challenge_is_asked_for_once_or_not_at_all() {
    let fixture = Fixture::start().await;
    let client = fixture.client();
    let name = name("demo-secret");
    let all = (0..50).map(|_| client.secret(&name));
    futures::future::try_join_all(all).await.unwrap();
    assert_eq!(fixture.requests(), 51);

    let knowing = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_resource("https://vault.azure.net")
        .build()
        .unwrap();
    knowing.secret(&name).await.unwrap();
    assert_eq!(fixture.requests(), 52);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn first_requests_of_many_threads_all_get_their_answer() {
    let fixture = Fixture::start().await;
    for _ in 0..5 {
        let slow = Arc::new(Slow(fixture.credential("uami-demo")));
        let (client, before) = (fixture.client_of(VAULT, slow), fixture.requests());
        let tasks = (0..50).map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.secret(&name("demo-secret")).await })
        });
        for outcome in futures::future::join_all(tasks).await {
            outcome.unwrap().unwrap();
        }
        assert_eq!(fixture.requests(), before + 51);
    }
}

/// A credential that has to ask somebody for the token, as they all do.
#[derive(Debug)]
struct Slow(Arc<Credential>);

#[async_trait::async_trait]
impl TokenCredential for Slow {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        self.0.get_token(scopes, options).await
    }
}

/// Answers every request with one challenge, and notes which scopes tokens were asked for.
#[derive(Debug)]
struct Challenging {
    header: &'static str,
    scopes: std::sync::Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl HttpClient for Challenging {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let mut headers = Headers::new();
        headers.insert(WWW_AUTHENTICATE, self.header);
        Ok(AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, Bytes::new()))
    }
}

#[async_trait::async_trait]
impl TokenCredential for Challenging {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.scopes.lock().unwrap().extend(scopes.iter().map(|scope| (*scope).to_owned()));
        let until = time::OffsetDateTime::now_utc() + time::Duration::HOUR;
        Ok(AccessToken::new("a token", until))
    }
}

#[tokio::test]
async fn a_challenge_that_can_be_read_in_two_ways_gets_no_other_token() {
    for header in [
        r#"Bearer resource="https://azure.net", resource="https://vault.azure.net""#,
        r#"Bearer scope="https://net/.default", resource="https://vault.azure.net""#,
        r#"Bearer xresource="https://azure.net", resource="https://vault.azure.net""#,
        r#"Bearer xresource="https://azure.net""#,
        r#"Bearer realm=" resource="https://azure.net""#,
    ] {
        let service = Arc::new(Challenging { header, scopes: Default::default() });
        let client = VaultClient::builder(Url::parse(VAULT).unwrap(), service.clone())
            .with_transport(Transport::new(service.clone()))
            .with_retry(RetryOptions::none())
            .build()
            .unwrap();
        client.secret(&name("demo-secret")).await.unwrap_err();
        let scopes = service.scopes.lock().unwrap().clone();
        assert!(
            scopes.iter().all(|scope| scope == "https://vault.azure.net/.default"),
            "{header}: {scopes:?}"
        );
    }
}

#[tokio::test]
async fn a_resource_that_is_not_the_vaults_is_refused() {
    let fixture = Fixture::start().await;
    for resource in ["https://storage.azure.com", "https://vault.azure.cn", "", "vault.azure.net"] {
        let builder = fixture.builder(VAULT, fixture.credential("uami-demo"));
        let error = builder.with_resource(resource).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{resource}");
    }
}

/// Says that the next page of every list is at another host, and notes what it is asked.
#[derive(Debug, Default)]
struct Elsewhere(std::sync::Mutex<Vec<String>>);

#[async_trait::async_trait]
impl HttpClient for Elsewhere {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.0.lock().unwrap().push(request.url().to_string());
        let body = r#"{"value":[],"nextLink":"https://kv-demo.evil.example/secrets?page=2"}"#;
        let body = Bytes::from_static(body.as_bytes());
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), body))
    }
}

#[tokio::test]
async fn a_next_page_at_another_host_is_not_asked_for() {
    let fixture = Fixture::start().await;
    let transport = Arc::new(Elsewhere::default());
    let client = fixture
        .builder(VAULT, fixture.credential("uami-demo"))
        .with_transport(Transport::new(transport.clone()))
        .with_resource("https://vault.azure.net")
        .with_retry(RetryOptions::none())
        .build()
        .unwrap();
    let error = client.secrets().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("the next page is at \"kv-demo.evil.example\""), "{cause}");
    let asked = transport.0.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].starts_with(VAULT), "{asked:?}");
}
