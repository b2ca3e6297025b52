//! What identity endpoints answer: tokens, refusals, and the header that asks for patience.
//!
//! The parsers are not public: the input is what a transport brings, and the credentials ask for a token.
#![no_main]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use azconnect_auth::{
    ClientSecretCredential, Clock, Error, ManagedIdentityCredential, RetryOptions,
    azure_core::{
        credentials::TokenCredential,
        http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport, headers::Headers},
        time::OffsetDateTime,
    },
};
use azconnect_fuzz::{OTHER_PASSWORD, bounded, check_error, runtime};
use libfuzzer_sys::fuzz_target;

/// 2023-11-14T22:13:20Z, the time of the seeds.
const NOW: i64 = 1_700_000_000;

fuzz_target!(|input: &[u8]| bounded(|| {
    // The first line: an endpoint, a status, a pause. The rest is the body.
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) = input.split_at(line);
    let body = body.get(1..).unwrap_or_default();
    let head = String::from_utf8_lossy(head);
    let mut words = head.splitn(3, ' ');
    let endpoint = words.next().unwrap_or_default();
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
    let pause = words.next().unwrap_or_default().to_owned();
    let transport = Transport::new(Arc::new(Canned { status, pause, body: body.to_vec() }));
    let clock = Arc::new(StandingClock::default());
    let retry = RetryOptions::entra().with_max_attempts(2);
    let credential: Arc<dyn TokenCredential> = if endpoint == "entra" {
        ClientSecretCredential::builder(
            "contoso.onmicrosoft.com".parse().expect("a tenant"),
            "11111111-2222-3333-4444-555555555555".parse().expect("a client id"),
            OTHER_PASSWORD.to_owned().into(),
        )
        .with_transport(transport)
        .with_clock(clock.clone())
        .with_retry(retry)
        .build()
        .expect("a credential")
    } else {
        ManagedIdentityCredential::builder()
            .with_transport(transport)
            .with_clock(clock.clone())
            .with_retry(retry)
            .build()
            .expect("a credential")
    };
    let scope = "https://vault.azure.net/.default";
    match runtime().block_on(credential.get_token(&[scope], None)) {
        Ok(token) => {
            assert_eq!(status, 200);
            assert!(!token.token.secret().is_empty());
            assert!(token.expires_on > clock.now() - Duration::from_secs(120));
        }
        Err(error) => {
            let error = error.downcast_ref::<Error>().expect("an error of the crate").clone();
            let mut secrets = vec![OTHER_PASSWORD];
            let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
            if status == 200 && !answer["token_type"].is_string() {
                secrets.extend(answer["access_token"].as_str().filter(|token| token.len() > 20));
            }
            let _ = format!("{error:?}");
            check_error(&error, &secrets);
        }
    }
    // Whatever pause is asked for, a caller gets an answer within the limits that he set.
    assert!(clock.elapsed() <= Duration::from_secs(61), "{:?}", clock.elapsed());
}));

/// Answers every request in the same way.
#[derive(Debug)]
struct Canned {
    status: u16,
    pause: String,
    body: Vec<u8>,
}

#[async_trait]
impl HttpClient for Canned {
    async fn execute_request(
        &self,
        _request: &Request,
    ) -> azconnect_auth::azure_core::Result<AsyncRawResponse> {
        let mut headers = Headers::new();
        headers.insert("retry-after", self.pause.clone());
        let status = StatusCode::from(self.status);
        Ok(AsyncRawResponse::from_bytes(status, headers, self.body.clone()))
    }
}

/// A clock that moves only when somebody sleeps on it.
#[derive(Debug, Default)]
struct StandingClock(Mutex<Duration>);

#[async_trait]
impl Clock for StandingClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(NOW).expect("a time") + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("no panic before")
    }

    async fn sleep(&self, pause: Duration) {
        *self.0.lock().expect("no panic before") += pause;
    }
}
