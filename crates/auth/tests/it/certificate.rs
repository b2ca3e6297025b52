//! The certificate credential: what is posted, and what refusals mean.

use azconnect_auth::{
    AssertionAlgorithm, ClientCertificateCredential, ClientCertificateCredentialBuilder, ErrorKind,
    url::Url, uuid,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    responder::{Reply, Responder},
    support::{CLIENT_ID, KEY, LEAF, NOW, SCOPE, TENANT_ID, TestClock, entra_token, token},
};

/// `openssl x509 -in leaf.pem -outform der | openssl dgst -sha256 -binary | basenc --base64url | tr -d =`
const LEAF_X5T_S256: &str = "45avz81WR8wt8dqmWmC0wVd5D3NT7lVg2c6b_CKtH1Q";

fn builder(certificate: &str) -> ClientCertificateCredentialBuilder {
    ClientCertificateCredential::builder(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        [KEY, certificate].concat(),
    )
    .with_clock(TestClock::new())
}

fn at(responder: &Responder) -> ClientCertificateCredentialBuilder {
    builder(LEAF).with_authority_host(responder.url()).with_danger_allow_loopback_http()
}

/// Header and claims of a JWT; the signature is verified beside the code that makes it.
fn parts(assertion: &str) -> (Value, Value) {
    let mut parts = assertion.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

#[tokio::test]
async fn the_assertion_is_posted_as_documented() {
    let responder = Responder::start([Reply::json(200, entra_token("one", 3600))]).await;
    assert_eq!(token(&*at(&responder).build().unwrap()).await.unwrap(), "one");
    let [request] = &responder.received()[..] else { panic!("one request") };
    let path = format!("/{TENANT_ID}/oauth2/v2.0/token");
    assert_eq!((request.method.as_str(), &request.path), ("POST", &path));
    assert_eq!(
        request.headers.get("content-type").map(String::as_str),
        Some("application/x-www-form-urlencoded")
    );
    let mut form = request.form.clone();
    let (header, claims) = parts(&form.remove("client_assertion").unwrap());
    let form = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
    assert_eq!(
        form,
        [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_id", CLIENT_ID),
            ("grant_type", "client_credentials"),
            ("scope", SCOPE),
        ]
    );
    assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "x5t#S256": LEAF_X5T_S256}));
    assert_eq!(claims["aud"], responder.url().join(&path).unwrap().as_str());
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT_ID), &json!(CLIENT_ID)));
    assert_eq!(claims["exp"], NOW + 600);
}

#[tokio::test]
async fn every_attempt_has_an_assertion_of_its_own() {
    let responder = Responder::start([
        Reply::status(503),
        Reply::status(429).with_header("retry-after", "1"),
        Reply::json(200, entra_token("one", 3600)),
    ])
    .await;
    let credential =
        at(&responder).with_assertion_algorithm(AssertionAlgorithm::Rs256).build().unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    let ids = responder
        .received()
        .iter()
        .map(|request| parts(&request.form["client_assertion"]).1["jti"].to_string())
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn refusals_carry_kind_code_ids_and_hint() {
    // The form of the example in the documentation of the client credentials flow.
    let body = json!({
        "error": "invalid_client",
        "error_description": "AADSTS700027: The certificate with identifier used to sign the client assertion is \
            not registered on application. Trace ID: 255d1aef-8c98-452f-ac51-23d051240864 Correlation ID: \
            fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7 Timestamp: 2016-01-09 02:02:12Z",
        "error_codes": [700_027],
        "timestamp": "2016-01-09 02:02:12Z",
        "trace_id": "255d1aef-8c98-452f-ac51-23d051240864",
        "correlation_id": "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7",
    });
    let responder = Responder::start([Reply::json(401, body)]).await;
    let error = token(&*at(&responder).build().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AssertionRejected);
    assert_eq!((error.http_status(), error.service_code()), (Some(401), Some("AADSTS700027")));
    assert_eq!(error.trace_id(), Some("255d1aef-8c98-452f-ac51-23d051240864"));
    assert_eq!(error.correlation_id(), Some("fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7"));
    assert_eq!(error.request_id(), error.trace_id());
    // `openssl x509 -in leaf.pem -noout -fingerprint -sha1`, without colons.
    assert!(error.hint().unwrap().ends_with("F4F17D2639B18FAF61628A2EFB00C0C3D3CD63BF"));
    let text = error.to_string();
    assert_eq!(text.matches("255d1aef").count(), 1, "{text}");
    assert_eq!(responder.received().len(), 1);
}

#[tokio::test]
async fn an_html_page_of_a_gateway_is_reported_by_its_status() {
    let responder =
        Responder::start([Reply::Http(407, vec![], "<html>log in</html>".to_owned())]).await;
    let error = token(&*at(&responder).build().unwrap()).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidResponse, Some(407)));
}

#[tokio::test]
async fn expired_certificate_is_refused_before_any_request() {
    let responder = Responder::start([]).await;
    let credential = builder(include_str!("../fixtures/expired.pem"))
        .with_authority_host(responder.url())
        .with_danger_allow_loopback_http()
        .build()
        .unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::CertificateExpired, 0));
    assert!(error.to_string().contains("2021-01-01T00:00:00Z"), "{error}");
    assert!(responder.received().is_empty());
}

#[test]
fn mistakes_are_found_when_the_credential_is_built() {
    let http = Url::parse("http://127.0.0.1:1").unwrap();
    let error = builder(LEAF).with_authority_host(http).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = builder("").build().unwrap_err();
    assert!(error.to_string().contains("no certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_in_its_file_is_used_for_the_next_exchange() {
    let path = std::env::temp_dir().join(format!("certificate-{}.pem", uuid::Uuid::new_v4()));
    std::fs::write(&path, [KEY, include_str!("../fixtures/expired.pem")].concat()).unwrap();
    let responder = Responder::start([Reply::json(200, entra_token("one", 3600))]).await;
    let credential = ClientCertificateCredential::builder_from_file(
        TENANT_ID.parse().unwrap(),
        CLIENT_ID.parse().unwrap(),
        &path,
    )
    .with_authority_host(responder.url())
    .with_danger_allow_loopback_http()
    .with_clock(TestClock::new())
    .build()
    .unwrap();
    let error = token(&*credential).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CertificateExpired);
    std::fs::write(&path, [KEY, LEAF].concat()).unwrap();
    assert_eq!(token(&*credential).await.unwrap(), "one");
    let (header, _) = parts(&responder.received()[0].form["client_assertion"]);
    assert_eq!(header["x5t#S256"], LEAF_X5T_S256);
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_file_that_cannot_be_used_is_named_when_the_credential_is_built() {
    for path in ["/no/such/certificate.pem", "Cargo.toml"] {
        let builder = ClientCertificateCredential::builder_from_file(
            TENANT_ID.parse().unwrap(),
            CLIENT_ID.parse().unwrap(),
            path,
        );
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(path), "{error}");
    }
}
