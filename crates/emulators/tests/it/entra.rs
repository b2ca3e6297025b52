//! Entra ID: client secret, client assertion with every way to get it wrong, discovery.

use azconnect_cert_tools::{
    Certificate, CertificateBuilder, DistinguishedName, PrivateKey, ThumbprintAlgorithm, Validity,
};
use azconnect_emulators::{Config, FederatedIdentityCredentialConfig};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::fixture::{Answer, Fixture, VAULT};

const APP: &str = "308fc1a1-6e4d-4195-b273-9daebfc03144";
const SECRET: &str = "app-demo-client-secret";
const SCOPE: &str = "https://vault.azure.net/.default";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn token_url(fixture: &Fixture) -> String {
    let host = fixture.emulators.endpoints().authority_host();
    format!("{host}/{}/oauth2/v2.0/token", fixture.emulators.tenant_id())
}

/// A form that gets a token, with one parameter changed (or taken away, if empty).
async fn with_secret(fixture: &Fixture, changed: (&str, &str)) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_secret", SECRET),
        ("scope", SCOPE),
    ];
    for (name, value) in &mut form {
        if *name == changed.0 {
            *value = changed.1;
        }
    }
    fixture.send(fixture.post(&token_url(fixture), &form)).await
}

#[track_caller]
fn refused(answer: Answer, status: u16, error: &str, code: u32) -> Value {
    let json = answer.expect(status).json();
    assert_eq!(json["error"], error, "{json}");
    assert_eq!(json["error_codes"], json!([code]), "{json}");
    let description = json["error_description"].as_str().unwrap();
    assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    for part in ["Trace ID: ", "Correlation ID: ", "Timestamp: "] {
        assert!(description.contains(part), "{description}");
    }
    for key in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
        assert!(json[key].is_string(), "{key} of {json}");
    }
    json
}

#[tokio::test]
async fn a_secret_gets_a_token_that_the_published_key_verifies() {
    let fixture = Fixture::start().await;
    let answer = with_secret(&fixture, ("", "")).await.expect(200);
    let json = answer.json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 3599);
    let token = json["access_token"].as_str().unwrap();

    let host = fixture.emulators.endpoints().authority_host();
    let tenant = fixture.emulators.tenant_id();
    let keys = format!("{host}/{tenant}/discovery/v2.0/keys");
    let keys = fixture.send(fixture.get(&keys, &[])).await.expect(200).json();
    let key = &keys["keys"][0];
    assert_eq!(decode_header(token).unwrap().kid.as_deref(), key["kid"].as_str());
    let key =
        DecodingKey::from_rsa_components(key["n"].as_str().unwrap(), key["e"].as_str().unwrap())
            .unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[VAULT]);
    rules.set_issuer(&[format!("https://sts.windows.net/{tenant}/")]);
    let claims = decode::<Value>(token, &key, &rules).unwrap().claims;
    assert_eq!(claims["appid"], APP);
    assert_eq!(claims["oid"], "4190d2b2-7f5e-42a6-8384-aebfc0d14255");
    assert_eq!(claims["sub"], claims["oid"]);
    assert_eq!(claims["tid"], tenant);
    assert_eq!(claims["ver"], "1.0");
    assert!(claims["nbf"].as_i64() <= claims["iat"].as_i64(), "{claims}");
}

#[tokio::test]
async fn the_audience_is_the_resource_as_it_was_asked_for() {
    let fixture = Fixture::start().await;
    // Two slashes: the resource of SQL ends with one of its own.
    let scope = ("scope", "https://database.windows.net//.default");
    let json = with_secret(&fixture, scope).await.expect(200).json();
    let payload = json["access_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    assert_eq!(claims["aud"], "https://database.windows.net/");
}

#[tokio::test]
async fn each_mistake_has_its_number() {
    let fixture = Fixture::start().await;
    let nil = "00000000-0000-0000-0000-000000000001";
    for (changed, status, error, code) in [
        (("client_secret", "wrong"), 401, "invalid_client", 7_000_215),
        (("client_secret", ""), 401, "invalid_client", 7_000_218),
        (("client_id", nil), 400, "unauthorized_client", 700_016),
        (("client_id", ""), 400, "invalid_request", 900_144),
        (("scope", ""), 400, "invalid_request", 900_144),
        (("scope", VAULT), 400, "invalid_scope", 1_002_012),
        (("scope", "https://vault.example.org/.default"), 400, "invalid_resource", 500_011),
        (("grant_type", ""), 400, "invalid_request", 900_144),
        (("grant_type", "password"), 400, "unsupported_grant_type", 70_003),
    ] {
        refused(with_secret(&fixture, changed).await, status, error, code);
    }
}

#[tokio::test]
async fn another_tenant_is_not_found() {
    let fixture = Fixture::start().await;
    let url = token_url(&fixture).replace(fixture.emulators.tenant_id(), "contoso.example");
    let form = [("grant_type", "client_credentials")];
    let json =
        refused(fixture.send(fixture.post(&url, &form)).await, 400, "invalid_request", 90_002);
    assert!(json["error_description"].as_str().unwrap().contains("'contoso.example'"), "{json}");
}

#[tokio::test]
async fn the_correlation_id_is_the_one_the_client_sent() {
    let fixture = Fixture::start().await;
    let id = "6a7b8c9d-0000-4000-8000-0123456789ab";
    let request = fixture.post(&token_url(&fixture), &[]).header("client-request-id", id);
    let answer = fixture.send(request).await.expect(400);
    assert_eq!(answer.json()["correlation_id"], id);
    assert_eq!(answer.header("client-request-id"), id);
}

#[tokio::test]
async fn discovery_leads_to_the_token_endpoint() {
    let fixture = Fixture::start().await;
    let host = fixture.emulators.endpoints().authority_host();
    let tenant = fixture.emulators.tenant_id();
    let url = format!("{host}/common/discovery/instance");
    let authorize = format!("{host}/{tenant}/oauth2/v2.0/authorize");
    let query = [("api-version", "1.1"), ("authorization_endpoint", authorize.as_str())];
    let instance = fixture.send(fixture.get(&url, &query)).await.expect(200).json();
    let next = instance["tenant_discovery_endpoint"].as_str().unwrap();
    let openid = fixture.send(fixture.get(next, &[])).await.expect(200).json();
    assert_eq!(openid["token_endpoint"], token_url(&fixture));
    let keys = openid["jwks_uri"].as_str().unwrap();
    fixture.send(fixture.get(keys, &[])).await.expect(200);
}

/// A key with its certificate, and an assertion that is right until it is changed.
struct Signer {
    key: PrivateKey,
    certificate: Certificate,
    header: Header,
    claims: Value,
}

impl Signer {
    fn new(fixture: &Fixture) -> Self {
        let now = OffsetDateTime::now_utc();
        let key = PrivateKey::generate_rsa(2048).unwrap();
        let name = DistinguishedName::common_name("app-demo").unwrap();
        let certificate = CertificateBuilder::new(name, Validity::days(now, 1).unwrap())
            .self_signed(&key)
            .unwrap();
        let mut header = Header::new(Algorithm::PS256);
        let sha256 = certificate.thumbprint(ThumbprintAlgorithm::Sha256).unwrap();
        header.x5t_s256 = Some(sha256.to_base64url());
        let now = now.unix_timestamp();
        let claims = json!({
            "aud": token_url(fixture),
            "iss": APP,
            "sub": APP,
            "jti": uuid::Uuid::new_v4(),
            "nbf": now,
            "exp": now + 600,
        });
        Self { key, certificate, header, claims }
    }

    fn register(&self, fixture: &Fixture) {
        let pem = self.certificate.to_pem().unwrap();
        fixture.emulators.register_certificate("app-demo", &pem).unwrap();
    }

    fn registered(fixture: &Fixture) -> Self {
        let signer = Self::new(fixture);
        signer.register(fixture);
        signer
    }

    fn set(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims[claim] = value.into();
        self
    }

    fn sign(&self) -> String {
        let pem = self.key.to_pkcs8_pem().unwrap();
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        encode(&self.header, &self.claims, &key).unwrap()
    }
}

async fn show(fixture: &Fixture, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion),
        ("scope", SCOPE),
    ];
    fixture.send(fixture.post(&token_url(fixture), &form)).await
}

#[tokio::test]
async fn an_assertion_of_a_registered_certificate_gets_a_token() {
    let fixture = Fixture::start().await;
    show(&fixture, &Signer::registered(&fixture).sign()).await.expect(200);
}

#[tokio::test]
async fn the_older_rs256_with_x5t_works_as_well() {
    let fixture = Fixture::start().await;
    let mut signer = Signer::registered(&fixture);
    signer.header = Header::new(Algorithm::RS256);
    let sha1 = signer.certificate.thumbprint(ThumbprintAlgorithm::Sha1).unwrap();
    signer.header.x5t = Some(sha1.to_base64url());
    show(&fixture, &signer.sign()).await.expect(200);
}

#[tokio::test]
async fn times_may_have_fractions_as_msal_for_python_sends_them() {
    let fixture = Fixture::start().await;
    let signer = Signer::registered(&fixture);
    let expires = signer.claims["exp"].as_f64().unwrap() + 0.25;
    show(&fixture, &signer.set("exp", expires).sign()).await.expect(200);
}

#[tokio::test]
async fn an_unregistered_certificate_is_named_by_its_thumbprint() {
    let fixture = Fixture::start().await;
    let signer = Signer::new(&fixture);
    let answer = show(&fixture, &signer.sign()).await;
    let json = refused(answer, 401, "invalid_client", 700_027);
    let thumbprint = signer.header.x5t_s256.as_deref().unwrap();
    assert!(json["error_description"].as_str().unwrap().contains(thumbprint), "{json}");
}

#[tokio::test]
async fn a_signature_of_another_key_is_refused() {
    let fixture = Fixture::start().await;
    let mut signer = Signer::registered(&fixture);
    signer.key = PrivateKey::generate_rsa(2048).unwrap();
    let answer = show(&fixture, &signer.sign()).await;
    let json = refused(answer, 401, "invalid_client", 700_027);
    assert!(json["error_description"].as_str().unwrap().contains("signature"), "{json}");
}

#[tokio::test]
async fn claims_changed_after_signing_are_refused() {
    let fixture = Fixture::start().await;
    let signer = Signer::registered(&fixture);
    let assertion = signer.sign();
    let mut parts: Vec<_> = assertion.split('.').map(str::to_owned).collect();
    let later = signer.set("exp", 4_000_000_000_i64).claims;
    parts[1] = URL_SAFE_NO_PAD.encode(later.to_string());
    refused(show(&fixture, &parts.join(".")).await, 401, "invalid_client", 700_027);
}

#[tokio::test]
async fn an_assertion_for_another_audience_is_refused_with_what_it_said() {
    let fixture = Fixture::start().await;
    let signer = Signer::registered(&fixture).set("aud", "https://example.org/token");
    let answer = show(&fixture, &signer.sign()).await;
    let json = refused(answer, 401, "invalid_client", 700_023);
    assert!(json["error_description"].as_str().unwrap().contains("example.org"), "{json}");
}

#[tokio::test]
async fn an_assertion_out_of_its_time_is_refused() {
    let fixture = Fixture::start().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let expired = Signer::registered(&fixture).set("nbf", now - 700).set("exp", now - 100);
    refused(show(&fixture, &expired.sign()).await, 401, "invalid_client", 700_024);
    let early = Signer::registered(&fixture).set("nbf", now + 300);
    refused(show(&fixture, &early.sign()).await, 401, "invalid_client", 700_024);
}

#[tokio::test]
async fn an_assertion_works_once() {
    let fixture = Fixture::start().await;
    let assertion = Signer::registered(&fixture).sign();
    show(&fixture, &assertion).await.expect(200);
    refused(show(&fixture, &assertion).await, 401, "invalid_client", 50_013);
}

#[tokio::test]
async fn an_app_may_be_allowed_to_show_an_assertion_again_but_not_its_jti_in_another() {
    let mut config = Config::default();
    config.apps[0].allow_assertion_reuse = true;
    let fixture = Fixture::with(config).await;
    let signer = Signer::registered(&fixture);
    let assertion = signer.sign();
    show(&fixture, &assertion).await.expect(200);
    show(&fixture, &assertion).await.expect(200);
    let expires = signer.claims["exp"].as_i64().unwrap() + 1;
    let other = signer.set("exp", expires).sign();
    refused(show(&fixture, &other).await, 401, "invalid_client", 50_013);
}

#[tokio::test]
async fn an_assertion_in_the_name_of_another_app_is_refused() {
    let fixture = Fixture::start().await;
    for claim in ["iss", "sub"] {
        let signer = Signer::registered(&fixture).set(claim, "someone else");
        refused(show(&fixture, &signer.sign()).await, 401, "invalid_client", 700_021);
    }
}

#[tokio::test]
async fn what_is_no_proper_assertion_is_malformed() {
    let fixture = Fixture::start().await;
    let mut nameless = Signer::registered(&fixture);
    nameless.header.x5t_s256 = None;
    let without = |claim: &str| Signer::registered(&fixture).set(claim, Value::Null).sign();
    for assertion in [
        "no-jwt".to_owned(),
        nameless.sign(),
        without("aud"),
        without("exp"),
        without("jti"),
        // {"alg":"none","x5t":"AAAA"} and no signature.
        "eyJhbGciOiJub25lIiwieDV0IjoiQUFBQSJ9.e30.".to_owned(),
    ] {
        refused(show(&fixture, &assertion).await, 400, "invalid_request", 50_027);
    }
}

/// The configuration in which the demo app trusts the demo identity, and a cluster that signs with `cluster`.
fn federated(cluster: &PrivateKey) -> Config {
    let mut config = Config::default();
    let tenant = config.tenant_id;
    config.apps[0].federated_identity_credentials = vec![
        FederatedIdentityCredentialConfig {
            issuer: format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            subject: config.managed_identities[0].object_id.to_string(),
            audiences: vec![EXCHANGE.into()],
            public_key: None,
        },
        FederatedIdentityCredentialConfig {
            issuer: CLUSTER.into(),
            subject: "system:serviceaccount:jobs:etl".into(),
            audiences: vec![EXCHANGE.into()],
            public_key: Some(cluster.public_key().unwrap().to_pem().unwrap()),
        },
    ];
    config
}

const CLUSTER: &str = "https://oidc.cluster.example/";
const EXCHANGE: &str = "api://AzureADTokenExchange";

#[tokio::test]
async fn an_app_that_trusts_a_managed_identity_gets_a_token_for_its_token() {
    let cluster = PrivateKey::generate_rsa(2048).unwrap();
    let fixture = Fixture::with(federated(&cluster)).await;
    let issue = |audience: &str, seconds| {
        let lifetime = time::Duration::seconds(seconds);
        fixture.emulators.issue_token("uami-demo", audience, lifetime).unwrap()
    };
    let good = issue(EXCHANGE, 60);
    show(&fixture, good.expose_secret()).await.expect(200);
    // Unlike an assertion of its own, another's token may be shown again.
    show(&fixture, good.expose_secret()).await.expect(200);
    let expired = show(&fixture, issue(EXCHANGE, -1).expose_secret()).await;
    refused(expired, 401, "invalid_client", 700_024);
    // A token for the vault is of another issuer, and of no use here.
    let other = show(&fixture, issue(VAULT, 60).expose_secret()).await;
    refused(other, 401, "invalid_client", 700_211);
    let stranger = fixture.emulators.issue_token("app-demo", EXCHANGE, time::Duration::MINUTE);
    let stranger = show(&fixture, stranger.unwrap().expose_secret()).await;
    refused(stranger, 401, "invalid_client", 700_213);
}

#[tokio::test]
async fn a_cluster_vouches_for_its_service_account_only() {
    let cluster = PrivateKey::generate_rsa(2048).unwrap();
    let fixture = Fixture::with(federated(&cluster)).await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let sign = |key: &PrivateKey, changed: Value| {
        let mut claims = json!({
            "iss": CLUSTER, "sub": "system:serviceaccount:jobs:etl", "aud": [EXCHANGE],
            "iat": now, "nbf": now, "exp": now + 600,
        });
        claims.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
        let key = EncodingKey::from_rsa_pem(key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
        encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()
    };
    show(&fixture, &sign(&cluster, json!({}))).await.expect(200);
    let other = PrivateKey::generate_rsa(2048).unwrap();
    for (assertion, code) in [
        (sign(&other, json!({})), 50_013),
        (sign(&cluster, json!({"iss": "https://oidc.other.example/"})), 700_211),
        (sign(&cluster, json!({"aud": "https://vault.azure.net"})), 700_212),
        (sign(&cluster, json!({"sub": "system:serviceaccount:jobs:other"})), 700_213),
        (sign(&cluster, json!({"exp": now - 1})), 700_024),
    ] {
        refused(show(&fixture, &assertion).await, 401, "invalid_client", code);
    }
}
