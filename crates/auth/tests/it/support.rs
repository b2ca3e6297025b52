//! What the tests share: a clock that obeys, names, and the way from azure_core's error to ours.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use azconnect_auth::{
    Clock, Error,
    azure_core::{credentials::TokenCredential, time::OffsetDateTime},
};
use serde_json::{Value, json};

pub(crate) const SCOPE: &str = "https://vault.azure.net/.default";
pub(crate) const TENANT_ID: &str = "contoso.onmicrosoft.com";
pub(crate) const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const KEY: &str = include_str!("../fixtures/key.pem");
pub(crate) const LEAF: &str = include_str!("../fixtures/leaf.pem");

/// 2023-11-14T22:13:20Z
pub(crate) const NOW: i64 = 1_700_000_000;

/// A clock that stands at [`NOW`] and moves only when somebody sleeps on it or pushes it.
#[derive(Debug, Default)]
pub(crate) struct TestClock {
    state: Mutex<(Duration, Vec<Duration>)>,
}

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.state.lock().unwrap().0 += time;
    }

    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.state.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(NOW).unwrap() + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.state.lock().unwrap().0
    }

    async fn sleep(&self, pause: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 += pause;
        state.1.push(pause);
    }
}

/// The answer of IMDS, in its own types: numbers as text.
pub(crate) fn imds_token(token: &str, lifetime_seconds: i64) -> Value {
    json!({
        "access_token": token,
        "client_id": CLIENT_ID,
        "expires_in": lifetime_seconds.to_string(),
        "expires_on": (NOW + lifetime_seconds).to_string(),
        "resource": "https://vault.azure.net",
        "token_type": "Bearer",
    })
}

/// The answer of Entra ID.
pub(crate) fn entra_token(token: &str, lifetime_seconds: i64) -> Value {
    json!({
        "access_token": token,
        "expires_in": lifetime_seconds,
        "ext_expires_in": lifetime_seconds,
        "token_type": "Bearer",
    })
}

pub(crate) async fn token(credential: &dyn TokenCredential) -> Result<String, Error> {
    match credential.get_token(&[SCOPE], None).await {
        Ok(token) => Ok(token.token.secret().to_owned()),
        Err(error) => Err(error.downcast_ref::<Error>().expect("an error of this crate").clone()),
    }
}
