//! Service Fabric: a certificate known by its thumbprint, a secret, and the service's own errors.

use azconnect_emulators::{Config, ManagedIdentityHost};
use openssl::hash::{MessageDigest, hash};
use reqwest::{Client, tls::TlsInfo};

use crate::fixture::{Answer, Fixture, VAULT, identity};

const QUERY: [(&str, &str); 2] = [("api-version", "2019-07-01-preview"), ("resource", VAULT)];

/// A fixture whose client trusts any certificate, as the SDKs do here before they compare it.
async fn start(config: Config) -> Fixture {
    let mut fixture = Fixture::with(config).await;
    let http = Client::builder()
        .tls_backend_rustls()
        .no_proxy()
        .tls_danger_accept_invalid_certs(true)
        .tls_info(true);
    fixture.http = http.build().unwrap();
    fixture
}

async fn get(fixture: &Fixture, secret: Option<&str>, query: &[(&str, &str)]) -> Answer {
    let host = ManagedIdentityHost::ServiceFabric;
    let environment = fixture.emulators.managed_identity_environment(host);
    let mut request = fixture.get(&environment["IDENTITY_ENDPOINT"], query);
    let secret = secret.unwrap_or(&environment["IDENTITY_HEADER"]);
    if !secret.is_empty() {
        request = request.header("Secret", secret);
    }
    fixture.send(request).await
}

#[tokio::test]
async fn the_thumbprint_is_that_of_a_certificate_that_no_ca_vouches_for() {
    let fixture = start(Config::default()).await;
    let endpoint = fixture.emulators.endpoints().service_fabric_endpoint();
    let response = fixture.http.get(&endpoint).send().await.unwrap();
    let info = response.extensions().get::<TlsInfo>().unwrap();
    let sha1 = hash(MessageDigest::sha1(), info.peer_certificate().unwrap()).unwrap();
    let hex: String = sha1.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(fixture.emulators.service_fabric_thumbprint(), hex);

    let trusting_the_ca = Fixture::start().await;
    let endpoint = trusting_the_ca.emulators.endpoints().service_fabric_endpoint();
    let error = trusting_the_ca.http.get(&endpoint).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn the_application_gets_a_token_of_its_identity_whatever_it_names() {
    let mut config = Config::default();
    config.managed_identities.push(identity("fabric"));
    let fabric = config.managed_identities[1].clone();
    let host = ManagedIdentityHost::ServiceFabric;
    config.host_identities.insert(host, vec!["fabric".into()]);
    let demo = config.managed_identities[0].client_id.to_string();
    let fixture = start(config).await;
    let query = [QUERY[0], QUERY[1], ("client_id", &demo)];
    let json = get(&fixture, None, &query).await.expect(200).json();
    assert_eq!(json["resource"], VAULT);
    let claims = fixture.claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["oid"], fabric.object_id.to_string());
    assert!(claims.get("xms_cc").is_none(), "{claims}");
}

#[tokio::test]
async fn capabilities_come_back_in_the_token() {
    let fixture = start(Config::default()).await;
    let query = [QUERY[0], QUERY[1], ("xms_cc", "cp1,cp2")];
    let json = get(&fixture, None, &query).await.expect(200).json();
    let claims = fixture.claims(json["access_token"].as_str().unwrap());
    assert_eq!(claims["xms_cc"], serde_json::json!(["cp1", "cp2"]));
}

#[tokio::test]
async fn each_mistake_has_its_status_and_code() {
    let mut config = Config::default();
    config.managed_identities.push(identity("second"));
    let one = ManagedIdentityHost::ServiceFabric;
    let without_choice = start(config.clone()).await;
    config.host_identities.insert(one, vec!["second".into()]);
    let fixture = start(config).await;
    #[track_caller]
    fn check(answer: Answer, status: u16, code: &str) {
        let json = answer.expect(status).json();
        assert_eq!(json["error"]["code"], code, "{json}");
        assert!(json["error"]["correlationId"].is_string(), "{json}");
    }
    check(get(&fixture, Some(""), &QUERY).await, 400, "SecretHeaderNotFound");
    check(get(&fixture, Some("guess"), &QUERY).await, 404, "ManagedIdentityNotFound");
    check(get(&fixture, None, &[QUERY[1]]).await, 400, "InvalidApiVersion");
    check(get(&fixture, None, &[QUERY[0]]).await, 400, "ArgumentNullOrEmpty");
    let unknown = [QUERY[0], ("resource", "https://vault.example.org")];
    check(get(&fixture, None, &unknown).await, 500, "InternalServerError");
    check(get(&without_choice, None, &QUERY).await, 404, "ManagedIdentityNotFound");
}
