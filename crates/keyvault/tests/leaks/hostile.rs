//! A vault that answers what it likes, with the secret where it does not belong.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use azconnect_keyvault::{
    RetryOptions, VaultClient,
    azure_core::{
        self, Bytes,
        http::{
            AsyncRawResponse, HttpClient, Request, StatusCode, Transport, Url, headers::Headers,
        },
    },
};
use serde_json::json;

use super::vault::Fixed;

/// An answer to everything.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
}

/// What a vault would answer.
pub(crate) fn proper(secret: &str) -> Answer {
    let id = "https://kv.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef";
    of(StatusCode::Ok, json!({"id": id, "value": secret}).to_string())
}

/// What none would.
pub(crate) fn answers(secret: &str) -> Vec<Answer> {
    let id = "https://kv.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef";
    let text = proper(secret).body;
    let mut answers: Vec<_> = [
        json!({"id": id, "value": secret, "attributes": secret}),
        json!({"id": id, "value": [secret]}),
        json!({"id": id, "value": {secret: secret}}),
        json!({"id": secret, "value": secret}),
        json!({"id": format!("https://kv.vault.azure.net/keys/{secret}"), "value": secret}),
        json!({"id": format!("https://kv.vault.azure.net/secrets/{secret}"), "value": secret}),
        json!({"id": id, "value": secret, "attributes": {"exp": secret}}),
        json!({"id": id, "value": secret, "tags": secret}),
        json!({"id": id, "value": secret, "managed": secret}),
        json!({"value": secret}),
        json!({"value": [{"id": secret}]}),
        json!({"value": [{"id": id, "attributes": secret}]}),
        json!(secret),
        json!([[secret]]),
    ]
    .map(|body| of(StatusCode::Ok, body.to_string()))
    .into();
    answers.push(of(StatusCode::Ok, &text[..text.len() - 2]));
    answers.push(of(StatusCode::Ok, [&text[..], b"x"].concat()));
    answers.push(of(StatusCode::Ok, [b"\xff\xfe", &text[..]].concat()));
    answers.push(of(StatusCode::Ok, secret));
    answers.push(of(StatusCode::Ok, ""));
    for status in [
        StatusCode::BadRequest,
        StatusCode::Forbidden,
        StatusCode::NotFound,
        StatusCode::Conflict,
        StatusCode::InternalServerError,
    ] {
        answers.push(of(status, &text[..]));
        answers.push(of(status, secret));
        answers.push(of(status, json!({"error": {"code": 1, "message": [secret]}}).to_string()));
    }
    answers
}

fn of(status: StatusCode, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, body: body.into() }
}

/// A client of such a vault.
pub(crate) fn client(answer: Answer) -> VaultClient {
    let url = Url::parse("https://kv.vault.azure.net").unwrap();
    let token = Fixed("a token that is for the vault".into());
    let transport = Transport::new(Arc::new(Liar { answer, left: AtomicU32::new(12) }));
    VaultClient::builder(url, Arc::new(token))
        .with_resource("https://vault.azure.net")
        .with_transport(transport)
        .with_retry(RetryOptions::none())
        .build()
        .unwrap()
}

/// Answers the same to everything, but not for ever: a page may lead to itself.
#[derive(Debug)]
struct Liar {
    answer: Answer,
    left: AtomicU32,
}

#[async_trait::async_trait]
impl HttpClient for Liar {
    async fn execute_request(&self, _: &Request) -> azure_core::Result<AsyncRawResponse> {
        let one_less = |left: u32| left.checked_sub(1);
        let more = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        let body = if more { self.answer.body.clone() } else { b"{}".to_vec() };
        Ok(AsyncRawResponse::from_bytes(self.answer.status, Headers::new(), Bytes::from(body)))
    }
}
