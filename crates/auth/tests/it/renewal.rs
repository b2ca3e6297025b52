//! Renewal as a user of a credential sees it; the cache's own tests go into the corners.

use std::time::Duration;

use azconnect_auth::ManagedIdentityCredential;

use crate::{
    responder::{Reply, Responder},
    support::{TestClock, imds_token, token},
};

#[tokio::test]
async fn a_token_is_renewed_behind_its_holders_back_and_survives_a_service_that_is_away() {
    let away = std::iter::repeat_n(Reply::status(500), 8);
    let responder = Responder::start(
        [Reply::json(200, imds_token("first", 3600))]
            .into_iter()
            .chain(away)
            .chain([Reply::json(200, imds_token("second", 7200))]),
    )
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
    // Renewal is due. Eight requests fail, for which a minute and a half pass by the clock of the test.
    clock.advance(Duration::from_secs(3305));
    while responder.received().len() < 9 {
        assert_eq!(token(credential).await.unwrap(), "first");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(clock.pauses().iter().sum::<Duration>() > Duration::from_secs(70));
    // Then the service is left alone for half a minute.
    for _ in 0..20 {
        assert_eq!(token(credential).await.unwrap(), "first");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(responder.received().len(), 9);
    clock.advance(Duration::from_secs(31));
    while token(credential).await.unwrap() == "first" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(token(credential).await.unwrap(), "second");
    assert_eq!(responder.received().len(), 10);
}
