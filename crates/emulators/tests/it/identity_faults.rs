//! What managed identity can be told to do wrong, as a client sees it.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use azconnect_emulators::{
    Config, FaultsConfig, IdentityFault, IdentityFaultConfig, Lasting, ManagedIdentityHost, Service,
};

use crate::fixture::{Fixture, VAULT};

fn request(fixture: &Fixture) -> reqwest::RequestBuilder {
    let url = fixture.emulators.endpoints().imds_url() + "/metadata/identity/oauth2/token";
    let query = [("api-version", "2018-02-01"), ("resource", VAULT)];
    fixture.get(&url, &query).header("Metadata", "true")
}

#[tokio::test]
async fn a_service_that_is_gone_is_back_after_its_time() {
    let fixture = Fixture::start().await;
    let away = Duration::from_millis(50);
    fixture.emulators.faults().break_managed_identity(IdentityFault::Gone, Lasting::For(away));
    let begun = Instant::now();
    let gone = fixture.send(request(&fixture)).await.expect(410);
    assert_eq!(gone.json()["error"], "gone");
    while fixture.send(request(&fixture)).await.status == 410 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(begun.elapsed() >= away);
    fixture.send(request(&fixture)).await.expect(200);
}

#[tokio::test]
async fn a_late_answer_is_the_right_one() {
    let fixture = Fixture::start().await;
    let by = Duration::from_millis(60);
    let faults = fixture.emulators.faults();
    faults.break_managed_identity(IdentityFault::Late { by }, Lasting::Requests(1));
    let begun = Instant::now();
    fixture.send(request(&fixture)).await.expect(200);
    assert!(begun.elapsed() >= by);
}

#[tokio::test]
async fn an_answer_that_is_no_json_says_200() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_managed_identity(IdentityFault::NotJson, Lasting::Requests(1));
    let answer = fixture.send(request(&fixture)).await.expect(200);
    assert!(answer.header("content-type").starts_with("text/html"));
    serde_json::from_str::<serde_json::Value>(&answer.text).unwrap_err();
    fixture.send(request(&fixture)).await.expect(200).json();
}

#[tokio::test]
async fn a_cut_answer_arrives_up_to_the_cut() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    let fault = IdentityFault::Cut { after_bytes: 17 };
    faults.break_managed_identity(fault, Lasting::Requests(1));
    let mut response = request(&fixture).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 17);
    let mut got = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => panic!("the answer arrived whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(got, br#"{"access_token":""#);
    fixture.send(request(&fixture)).await.expect(200).json();
}

#[tokio::test]
async fn a_hung_up_request_gets_no_answer_at_all() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_managed_identity(IdentityFault::HangUp, Lasting::Always);
    for _ in 0..2 {
        let error = request(&fixture).send().await.unwrap_err();
        assert!(error.is_request() && error.status().is_none(), "{error:?}");
    }
    faults.mend_managed_identity();
    fixture.send(request(&fixture)).await.expect(200);
}

#[tokio::test]
async fn faults_of_the_configuration_hold_from_the_start_for_every_host() {
    let fault =
        |fault, requests| IdentityFaultConfig { fault, lasting: Lasting::Requests(requests) };
    let config = Config {
        faults: FaultsConfig {
            managed_identity: vec![
                fault(IdentityFault::TooManyRequests, 1),
                fault(IdentityFault::NotJson, 1),
            ],
            ..FaultsConfig::default()
        },
        ..Config::default()
    };
    let fixture = Fixture::with(config).await;
    assert_eq!(fixture.send(request(&fixture)).await.expect(429).header("retry-after"), "1");
    let host = ManagedIdentityHost::CloudShell;
    let environment = fixture.emulators.managed_identity_environment(host);
    let shell = || {
        let url = &environment["MSI_ENDPOINT"];
        fixture.post(url, &[("resource", VAULT)]).header("Metadata", "true")
    };
    assert!(fixture.send(shell()).await.expect(200).text.starts_with("<!DOCTYPE html>"));
    fixture.send(shell()).await.expect(200).json();
}

#[tokio::test]
async fn a_rate_limit_refuses_what_is_too_much_within_a_second() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().limit_managed_identity(NonZeroU32::new(1));
    let begun = Instant::now();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(fixture.send(request(&fixture)).await.status.as_u16());
    }
    // Whoever is slower than a second is let through.
    assert_eq!(statuses[0], 200);
    assert!(
        begun.elapsed() > Duration::from_secs(1) || statuses == [200, 429, 429],
        "{statuses:?}"
    );
    fixture.emulators.faults().limit_managed_identity(None);
    fixture.send(request(&fixture)).await.expect(200);
}

#[tokio::test]
async fn requests_are_counted_by_service_be_they_answered_or_not() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().throttle(Service::Imds, 1);
    let faults = fixture.emulators.faults();
    fixture.send(request(&fixture)).await.expect(429);
    faults.break_managed_identity(IdentityFault::HangUp, Lasting::Requests(1));
    request(&fixture).send().await.unwrap_err();
    fixture.send(request(&fixture)).await.expect(200);
    let vault = fixture.emulators.endpoints().key_vault_url();
    fixture.send(fixture.get(&vault, &[])).await.expect(401);
    let dfs = fixture.emulators.endpoints().lake_dfs_url();
    fixture.send(fixture.get(&dfs, &[])).await;
    let counts = Service::ALL.map(|service| (service.name(), fixture.emulators.requests(service)));
    assert_eq!(
        counts,
        [("entra", 0), ("imds", 3), ("key_vault", 1), ("lake_blob", 0), ("lake_dfs", 1)]
    );
}
