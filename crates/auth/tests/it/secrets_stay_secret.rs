//! Canaries: known secrets go through every journey and must not come out in any log, `Debug` or error.

use std::{
    error::Error as _,
    io,
    sync::{Arc, Mutex},
};

use azconnect_auth::{
    ClientCertificateCredential, ClientSecretCredential, Env, ManagedIdentityCredential,
    azure_core::credentials::TokenCredential, env, url::form_urlencoded,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, KEY, LEAF, SCOPE, TENANT_ID, TestClock, entra_token},
};

const SECRET: &str = "canary+client/secret=1";
const HEADER: &str = "canary+identity/header=2";
const TOKEN: &str = "canary+access/token=3";

/// Collects everything that is logged, at the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn journey(credential: Arc<dyn TokenCredential>, text: &mut String) {
    for _ in 0..2 {
        match credential.get_token(&[SCOPE], None).await {
            Ok(token) => text.push_str(&format!("{token:?}\n")),
            Err(error) => {
                text.push_str(&format!("{error:?}\n"));
                let mut next = error.source();
                while let Some(error) = next {
                    text.push_str(&format!("{error}\n{error:?}\n"));
                    next = error.source();
                }
            }
        }
    }
    text.push_str(&format!("{credential:?}\n"));
}

#[tokio::test]
async fn no_secret_appears_in_logs_debug_or_errors() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut text = String::new();

    let refusal = json!({"error": "invalid_client", "error_codes": [7_000_215]});
    let broken = format!("{{\"access_token\": \"{TOKEN}\", \"expires_in\": }}");
    for reply in [
        Reply::json(200, entra_token(TOKEN, 3600)),
        Reply::json(401, refusal),
        Reply::json(200, broken),
        Reply::json(200, json!([TOKEN])),
    ] {
        let responder = Responder::start(vec![reply; 8]).await;
        let secret = ClientSecretCredential::builder(
            TENANT_ID.parse().unwrap(),
            CLIENT_ID.parse().unwrap(),
            SECRET.into(),
        )
        .with_authority_host(responder.url())
        .with_danger_allow_loopback_http()
        .with_clock(TestClock::new());
        text.push_str(&format!("{secret:?}\n"));
        journey(secret.build().unwrap(), &mut text).await;

        let certificate = ClientCertificateCredential::builder(
            TENANT_ID.parse().unwrap(),
            CLIENT_ID.parse().unwrap(),
            [KEY, LEAF].concat(),
        )
        .with_authority_host(responder.url())
        .with_danger_allow_loopback_http()
        .with_clock(TestClock::new());
        text.push_str(&format!("{certificate:?}\n"));
        journey(certificate.build().unwrap(), &mut text).await;

        let environment = Env::from_iter([
            (env::IDENTITY_ENDPOINT, responder.url().as_str()),
            (env::IDENTITY_HEADER, HEADER),
        ]);
        let identity = ManagedIdentityCredential::builder()
            .with_env(&environment)
            .with_clock(TestClock::new());
        text.push_str(&format!("{environment:?} {identity:?}\n"));
        journey(identity.build().unwrap(), &mut text).await;
        assert_eq!(responder.received().len(), responder.received().len().clamp(3, 6));
    }

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("got a token"), "the log was not captured");
    text.push_str(&logged);
    let key_line = KEY.lines().nth(3).unwrap();
    for canary in [SECRET, HEADER, TOKEN, key_line] {
        for form in [
            canary.to_owned(),
            STANDARD.encode(canary),
            form_urlencoded::byte_serialize(canary.as_bytes()).collect(),
        ] {
            if let Some(position) = text.find(&form) {
                let from = text[..position].rfind('\n').unwrap_or_default();
                panic!("found `{form}` in: {}", text[from..].lines().nth(1).unwrap_or_default());
            }
        }
    }
}
