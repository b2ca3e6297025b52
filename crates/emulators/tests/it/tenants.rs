//! Entra ID with several tenants: who is known where, what the tokens say, domains, discovery.

use azconnect_cert_tools::{
    CertificateBuilder, DistinguishedName, PrivateKey, ThumbprintAlgorithm, Validity,
};
use azconnect_emulators::{Config, ConsentConfig, TenantConfig};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::{Uuid, uuid};

use crate::fixture::{Answer, Fixture};

const APP: &str = "308fc1a1-6e4d-4195-b273-9daebfc03144";
const CONTOSO: Uuid = uuid!("c0000000-0000-4000-8000-00000000c050");
const FABRIKAM: Uuid = uuid!("fa000000-0000-4000-8000-0000000fab00");
const AT_CONTOSO: Uuid = uuid!("0b000000-0000-4000-8000-00000000c050");

/// The demo app is consented to at Contoso, and not at Fabrikam.
async fn start() -> Fixture {
    let mut config = Config::default();
    config.tenants = vec![
        TenantConfig { tenant_id: config.tenant_id, domains: vec!["demo.example".into()] },
        TenantConfig { tenant_id: CONTOSO, domains: vec!["contoso.example".into()] },
        TenantConfig { tenant_id: FABRIKAM, domains: Vec::new() },
    ];
    config.apps[0].tenants = vec![ConsentConfig { tenant_id: CONTOSO, object_id: AT_CONTOSO }];
    Fixture::with(config).await
}

fn below(fixture: &Fixture, tenant: &str, path: &str) -> String {
    [&fixture.emulators.endpoints().authority_host(), "/", tenant, path].concat()
}

async fn ask(fixture: &Fixture, tenant: &str, credential: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("scope", "https://vault.azure.net/.default"),
    ];
    form.extend_from_slice(credential);
    fixture.send(fixture.post(&below(fixture, tenant, "/oauth2/v2.0/token"), &form)).await
}

const SECRET: &[(&str, &str)] = &[("client_secret", "app-demo-client-secret")];

#[tokio::test]
async fn a_token_is_of_the_tenant_that_was_asked_by_id_or_domain() {
    let fixture = start().await;
    let home = fixture.emulators.tenant_id().to_owned();
    let at_home = "4190d2b2-7f5e-42a6-8384-aebfc0d14255";
    let contoso = CONTOSO.to_string();
    let object_id = AT_CONTOSO.to_string();
    for (asked, tenant, object_id) in [
        (home.as_str(), &home, at_home),
        ("demo.example", &home, at_home),
        (&contoso, &contoso, &object_id),
        ("Contoso.example", &contoso, &object_id),
    ] {
        let json = ask(&fixture, asked, SECRET).await.expect(200).json();
        let claims = fixture.claims(json["access_token"].as_str().unwrap());
        assert_eq!(claims["tid"], tenant.as_str());
        assert_eq!(claims["iss"], format!("https://sts.windows.net/{tenant}/"));
        assert_eq!(claims["oid"], object_id);
        assert_eq!(claims["appid"], APP);
    }
}

#[tokio::test]
async fn a_stranger_in_a_tenant_and_an_unknown_tenant_differ() {
    let fixture = start().await;
    let fabrikam = FABRIKAM.to_string();
    for (tenant, code) in [(fabrikam.as_str(), 700_016), ("fabrikam.example", 90_002)] {
        let json = ask(&fixture, tenant, SECRET).await.expect(400).json();
        assert_eq!(json["error_codes"], json!([code]), "{json}");
        assert!(json["error_description"].as_str().unwrap().contains(&format!("'{tenant}'")));
    }
}

#[tokio::test]
async fn the_services_of_the_main_tenant_refuse_tokens_of_another() {
    let fixture = start().await;
    let json = ask(&fixture, "contoso.example", SECRET).await.expect(200).json();
    let secret = fixture
        .get("https://kv-demo.vault.azure.net/secrets/demo-secret", &[("api-version", "7.6")])
        .bearer_auth(json["access_token"].as_str().unwrap());
    let refused = fixture.send(secret).await.expect(401);
    assert!(refused.text.contains("AKV10032"), "{}", refused.text);
}

#[tokio::test]
async fn discovery_leads_to_the_endpoints_of_the_tenant() {
    let fixture = start().await;
    let authorize = below(&fixture, "contoso.example", "/oauth2/v2.0/authorize");
    let query = [("api-version", "1.1"), ("authorization_endpoint", authorize.as_str())];
    let url = below(&fixture, "common", "/discovery/instance");
    let instance = fixture.send(fixture.get(&url, &query)).await.expect(200).json();
    let next = instance["tenant_discovery_endpoint"].as_str().unwrap();
    let openid = fixture.send(fixture.get(next, &[])).await.expect(200).json();
    let contoso = CONTOSO.to_string();
    assert_eq!(openid["issuer"], below(&fixture, &contoso, "/v2.0"));
    assert_eq!(openid["token_endpoint"], below(&fixture, &contoso, "/oauth2/v2.0/token"));
    let keys = openid["jwks_uri"].as_str().unwrap();
    let keys = fixture.send(fixture.get(keys, &[])).await.expect(200).json();
    assert!(!keys["keys"].as_array().unwrap().is_empty());
    for path in ["/v2.0/.well-known/openid-configuration", "/discovery/v2.0/keys"] {
        let url = below(&fixture, "fabrikam.example", path);
        let json = fixture.send(fixture.get(&url, &[])).await.expect(400).json();
        assert_eq!(json["error_codes"], json!([90_002]));
    }
}

#[tokio::test]
async fn an_assertion_is_meant_for_one_tenant() {
    let fixture = start().await;
    let now = OffsetDateTime::now_utc();
    let key = PrivateKey::generate_rsa(2048).unwrap();
    let name = DistinguishedName::common_name("app-demo").unwrap();
    let certificate =
        CertificateBuilder::new(name, Validity::days(now, 1).unwrap()).self_signed(&key).unwrap();
    fixture.emulators.register_certificate("app-demo", &certificate.to_pem().unwrap()).unwrap();
    let mut header = Header::new(Algorithm::PS256);
    let thumbprint = certificate.thumbprint(ThumbprintAlgorithm::Sha256).unwrap();
    header.x5t_s256 = Some(thumbprint.to_base64url());
    let signing = EncodingKey::from_rsa_pem(key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    let assertion = |audience: String| {
        let claims: Value = json!({
            "aud": audience, "iss": APP, "sub": APP, "jti": Uuid::new_v4(),
            "nbf": now.unix_timestamp(), "exp": now.unix_timestamp() + 600,
        });
        encode(&header, &claims, &signing).unwrap()
    };
    let at = |tenant: &str| below(&fixture, tenant, "/oauth2/v2.0/token");
    let contoso = CONTOSO.to_string();
    for (audience, status) in [
        (at(&contoso), 200),
        (at("contoso.example"), 200),
        (format!("https://login.microsoftonline.com/{contoso}/oauth2/v2.0/token"), 200),
        (at(fixture.emulators.tenant_id()), 401),
    ] {
        let assertion = assertion(audience);
        let credential = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion.as_str()),
        ];
        ask(&fixture, "contoso.example", &credential).await.expect(status);
    }
}
