//! The challenge of a vault, as whatever answers in its place may write it.
#![no_main]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use azconnect_fuzz::{bounded, check_error, runtime};
use azconnect_keyvault::{
    RetryOptions, SecretName, VaultClient,
    azure_core::{
        self,
        credentials::{AccessToken, TokenCredential, TokenRequestOptions},
        http::{
            AsyncRawResponse, HttpClient, Request, StatusCode, Transport, Url,
            headers::{AUTHORIZATION, Headers, WWW_AUTHENTICATE},
        },
        time::OffsetDateTime,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| bounded(|| {
    let service = Arc::new(Service { challenge: input.to_owned(), ..Service::default() });
    let vault = Url::parse("https://kv-demo.vault.azure.net").expect("a URL");
    let client = VaultClient::builder(vault, service.clone())
        .with_transport(Transport::new(service.clone()))
        .with_retry(RetryOptions::none())
        .build()
        .expect("a client");
    let name = SecretName::new("db").expect("a name");
    let error = runtime().block_on(client.secret(&name)).expect_err("it only challenges");
    check_error(&error, &[TOKEN]);
    let _ = (error.hint(), error.vault_tenant());
    // Whatever is asked for: a token of the vault's own domain, or none.
    let scopes = service.scopes.lock().expect("no panic before");
    for scope in scopes.iter() {
        let url = Url::parse(scope).expect("a scope that is a URL");
        assert_eq!(url.host_str(), Some("vault.azure.net"), "{scope:?}");
    }
    assert_eq!(service.had_token.load(Ordering::Relaxed), !scopes.is_empty());
}));

/// Answers every request with the challenge, and gives tokens.
#[derive(Debug, Default)]
struct Service {
    challenge: String,
    scopes: Mutex<Vec<String>>,
    had_token: AtomicBool,
}

#[async_trait]
impl HttpClient for Service {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        assert_eq!(request.url().host_str(), Some("kv-demo.vault.azure.net"));
        if request.headers().get_optional_str(&AUTHORIZATION).is_some() {
            self.had_token.store(true, Ordering::Relaxed);
        }
        let mut headers = Headers::new();
        headers.insert(WWW_AUTHENTICATE, self.challenge.clone());
        Ok(AsyncRawResponse::from_bytes(StatusCode::Unauthorized, headers, ""))
    }
}

#[async_trait]
impl TokenCredential for Service {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let asked = scopes.iter().map(|scope| (*scope).to_owned());
        self.scopes.lock().expect("no panic before").extend(asked);
        let until = OffsetDateTime::from_unix_timestamp(4_000_000_000).expect("a time");
        Ok(AccessToken::new(TOKEN, until))
    }
}

const TOKEN: &str = "Xq7-canary-token-Zw9";
