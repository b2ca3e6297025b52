//! Key Vault made to fail: what each fault looks like, whom it hits, and what was done all the same.

use std::time::{Duration, Instant};

use azconnect_emulators::{
    Config, FaultsConfig, KeyVaultFault, KeyVaultFaultConfig, Lasting, Service, TenantConfig,
};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{BASE, VERSION, get, get_as, put};
use crate::fixture::{Fixture, NOBODY, VAULT};

const SECRET: &str = "/secrets/demo-secret";

fn anonymous(fixture: &Fixture) -> reqwest::RequestBuilder {
    fixture.get(&format!("{BASE}{SECRET}"), &[VERSION])
}

fn break_once(fixture: &Fixture, fault: KeyVaultFault) {
    fixture.emulators.faults().break_key_vault(fault, Lasting::Requests(1));
}

#[tokio::test]
async fn a_flapping_role_is_refused_as_a_missing_one_and_challenges_do_not_count() {
    let fixture = Fixture::with_nobody().await;
    let faults = fixture.emulators.faults();
    let missing = get_as(&fixture, NOBODY, SECRET).await.expect(403).json();
    for (fault, requests) in [
        (KeyVaultFault::ForbiddenByRbac, 2),
        (KeyVaultFault::Answers, 1),
        (KeyVaultFault::ForbiddenByRbac, 1),
    ] {
        faults.break_key_vault(fault, Lasting::Requests(requests));
    }
    for status in [403, 403, 200, 403, 200] {
        fixture.send(anonymous(&fixture)).await.expect(401);
        let answer = get(&fixture, SECRET).await.expect(status);
        if status == 403 {
            let json = answer.json();
            assert_eq!(json["error"]["innererror"], missing["error"]["innererror"]);
            // The same sentence, but for who is refused.
            let lines = |json: &serde_json::Value| {
                let message = json["error"]["message"].as_str().unwrap().to_owned();
                message.lines().filter(|line| !line.starts_with("Caller: ")).collect::<String>()
            };
            assert_eq!(lines(&json), lines(&missing));
        }
    }
}

#[tokio::test]
async fn of_many_at_once_each_fault_hits_as_many_as_it_was_told_to() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::ForbiddenByRbac, Lasting::Requests(7));
    faults.break_key_vault(KeyVaultFault::Unavailable, Lasting::Requests(5));
    let answers = join_all((0..30).map(|_| get(&fixture, SECRET))).await;
    let with = |status| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!((with(403), with(503), with(200)), (7, 5, 18));
}

#[tokio::test]
async fn a_foreign_challenge_names_another_resource_whatever_token_came() {
    let fixture = Fixture::start().await;
    break_once(&fixture, KeyVaultFault::ForeignChallenge);
    let challenge = |answer: crate::fixture::Answer| answer.header("www-authenticate").to_owned();
    let foreign = challenge(fixture.send(anonymous(&fixture)).await.expect(401));
    let usual = challenge(fixture.send(anonymous(&fixture)).await.expect(401));
    let expected = usual.replace(VAULT, "https://vault.evil.example");
    assert_ne!(foreign, usual);
    assert_eq!(foreign, expected);
    break_once(&fixture, KeyVaultFault::ForeignChallenge);
    assert_eq!(challenge(get(&fixture, SECRET).await.expect(401)), expected);
    get(&fixture, SECRET).await.expect(200);
}

#[tokio::test]
async fn a_challenge_of_another_tenant_names_one_that_is_configured_or_one_that_is_not_known() {
    let other = uuid::Uuid::new_v4();
    for (tenants, expected) in [
        (vec![TenantConfig { tenant_id: other, domains: Vec::new() }], Some(other)),
        (Vec::new(), None),
    ] {
        let fixture = Fixture::with(Config { tenants, ..Config::default() }).await;
        break_once(&fixture, KeyVaultFault::OtherTenantChallenge);
        let answer = get(&fixture, SECRET).await.expect(401);
        let challenge = answer.header("www-authenticate");
        let authority = fixture.emulators.endpoints().authority_host();
        let tenant = challenge
            .strip_prefix(&format!("Bearer authorization=\"{authority}/"))
            .and_then(|rest| rest.strip_suffix(&format!("\", resource=\"{VAULT}\"")))
            .unwrap();
        match expected {
            Some(expected) => assert_eq!(tenant, expected.to_string()),
            None => assert_ne!(tenant, fixture.emulators.tenant_id()),
        }
    }
}

#[tokio::test]
async fn whoever_asks_is_throttled_or_finds_the_service_unavailable_or_a_page_of_somebody_else() {
    let fixture = Fixture::start().await;
    break_once(&fixture, KeyVaultFault::Throttled { retry_after_seconds: 7 });
    let throttled = fixture.send(anonymous(&fixture)).await.expect(429);
    assert_eq!(throttled.header("retry-after"), "7");
    assert_eq!(throttled.json()["error"]["code"], "Throttled");
    break_once(&fixture, KeyVaultFault::Unavailable);
    let unavailable = get(&fixture, SECRET).await.expect(503);
    assert!(unavailable.headers.get("retry-after").is_none());
    assert_eq!(unavailable.json()["error"]["code"], "ServiceUnavailable");
    break_once(&fixture, KeyVaultFault::Garbage);
    let garbage = fixture.send(anonymous(&fixture)).await.expect(200);
    serde_json::from_str::<serde_json::Value>(&garbage.text).unwrap_err();
    get(&fixture, SECRET).await.expect(200);
}

#[tokio::test]
async fn a_reset_hits_before_a_change_and_a_lost_answer_after_it() {
    let fixture = Fixture::start().await;
    let set = async |name: &str| {
        let request = fixture
            .request(Method::PUT, &format!("{BASE}/secrets/{name}"), &[VERSION])
            .bearer_auth(fixture.token("uami-demo", VAULT))
            .body(r#"{"value":"1"}"#);
        request.send().await
    };
    break_once(&fixture, KeyVaultFault::Reset);
    let error = set("reset").await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    get(&fixture, "/secrets/reset").await.expect(404);

    break_once(&fixture, KeyVaultFault::LostAnswer);
    fixture.send(anonymous(&fixture)).await.expect(401);
    let error = set("lost").await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(get(&fixture, "/secrets/lost").await.expect(200).json()["value"], "1");
}

#[tokio::test]
async fn other_faults_do_not_change_anything() {
    let fixture = Fixture::start().await;
    for (fault, status) in [
        (KeyVaultFault::ForbiddenByRbac, 403),
        (KeyVaultFault::ForeignChallenge, 401),
        (KeyVaultFault::Garbage, 200),
        (KeyVaultFault::OtherTenantChallenge, 401),
        (KeyVaultFault::Throttled { retry_after_seconds: 1 }, 429),
        (KeyVaultFault::Unavailable, 503),
    ] {
        break_once(&fixture, fault);
        put(&fixture, "new", json!({"value": "1"})).await.expect(status);
        get(&fixture, "/secrets/new").await.expect(404);
    }
    break_once(&fixture, KeyVaultFault::Answers);
    put(&fixture, "new", json!({"value": "1"})).await.expect(200);
    get(&fixture, "/secrets/new").await.expect(200);
}

#[tokio::test]
async fn a_cut_body_breaks_off_halfway_and_the_next_is_whole() {
    let fixture = Fixture::start().await;
    let whole = get(&fixture, SECRET).await.expect(200).text.into_bytes();
    break_once(&fixture, KeyVaultFault::BodyCut);
    let request = anonymous(&fixture).bearer_auth(fixture.token("uami-demo", VAULT));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut got = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => got.extend_from_slice(&chunk),
            Ok(None) => panic!("the answer arrived whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(got, whole[..whole.len() / 2]);
    get(&fixture, SECRET).await.expect(200);
}

#[tokio::test]
async fn faults_last_until_they_are_mended() {
    let fixture = Fixture::start().await;
    let faults = fixture.emulators.faults();
    faults.break_key_vault(KeyVaultFault::Unavailable, Lasting::Always);
    for _ in 0..3 {
        get(&fixture, SECRET).await.expect(503);
    }
    faults.mend_key_vault();
    get(&fixture, SECRET).await.expect(200);
}

#[tokio::test]
async fn faults_and_the_delay_of_the_configuration_hold_from_the_start() {
    let delay = Duration::from_millis(30);
    let config = Config {
        faults: FaultsConfig {
            key_vault: vec![KeyVaultFaultConfig {
                fault: KeyVaultFault::Throttled { retry_after_seconds: 3 },
                lasting: Lasting::Requests(1),
            }],
            key_vault_delay_ms: 30,
            ..FaultsConfig::default()
        },
        ..Config::default()
    };
    let fixture = Fixture::with(config).await;
    for status in [429, 200] {
        let begun = Instant::now();
        get(&fixture, SECRET).await.expect(status);
        assert!(begun.elapsed() >= delay, "{status}: {:?}", begun.elapsed());
    }
    fixture.emulators.faults().delay_key_vault(Duration::ZERO);
    get(&fixture, SECRET).await.expect(200);
}

#[tokio::test]
async fn requests_are_counted_by_method_and_path_whatever_became_of_them() {
    let fixture = Fixture::start().await;
    fixture.emulators.faults().throttle(Service::KeyVault, 1);
    assert_eq!(get(&fixture, SECRET).await.expect(429).header("retry-after"), "1");
    fixture.send(anonymous(&fixture)).await.expect(401);
    get(&fixture, "/secrets/demo-secret/").await.expect(200);
    put(&fixture, "demo-secret", json!({"value": "1"})).await.expect(200);
    get(&fixture, "/secrets").await.expect(200);
    let counts = fixture.emulators.key_vault_requests();
    let counts: Vec<_> = counts.iter().map(|(path, count)| (path.as_str(), *count)).collect();
    assert_eq!(
        counts,
        [("GET /secrets", 1), ("GET /secrets/demo-secret", 3), ("PUT /secrets/demo-secret", 1)]
    );
    assert_eq!(fixture.emulators.requests(Service::KeyVault), 5);
}
