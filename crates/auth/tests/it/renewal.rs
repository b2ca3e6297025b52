//! Renewal as a user of a credential sees it; the cache's own tests go into the corners.

use std::time::Duration;

use azconnect_auth::ManagedIdentityCredential;

use crate::{
    responder::{Reply, Responder},
    support::{TestClock, imds_token, token},
};

#[tokio::test]
async fn a_token_is_asked_for_once_and_survives_a_failed_renewal() {
    let responder = Responder::start([
        Reply::json(200, imds_token("first", 3600)),
        Reply::status(500),
        Reply::json(200, imds_token("second", 7200)),
    ])
    .await;
    let clock = TestClock::new();
    let credential = ManagedIdentityCredential::builder()
        .with_imds_endpoint(responder.url())
        .with_clock(clock.clone())
        .build()
        .unwrap();
    let credential = &*credential;
    assert_eq!(token(credential).await.unwrap(), "first");
    assert_eq!(token(credential).await.unwrap(), "first");
    assert_eq!(responder.received().len(), 1);
    // Four minutes are left: renewal is due, fails once, and is not repeated while the token is good.
    clock.advance(Duration::from_secs(3360));
    assert_eq!(token(credential).await.unwrap(), "first");
    assert_eq!(token(credential).await.unwrap(), "first");
    assert_eq!(responder.received().len(), 2);
    assert!(clock.pauses().is_empty());
    clock.advance(Duration::from_secs(31));
    assert_eq!(token(credential).await.unwrap(), "second");
}
