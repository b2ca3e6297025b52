//! Bodies and paths that no client of good will sends.

use std::sync::Arc;

use reqwest::Method;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::{BASE, VERSION, codes, put, send};
use crate::fixture::{Fixture, VAULT};

#[tokio::test]
async fn a_body_that_is_broken_or_beyond_a_limit_is_refused_without_quoting_it() {
    let fixture = Fixture::start().await;
    let long = |count: usize| "hunter2".repeat(count);
    for (body, status) in [
        (r#"{"value":"hunter2"#.to_owned(), 400),
        (r#"{"value":hunter2}"#.to_owned(), 400),
        (r#"{"value":["hunter2"]}"#.to_owned(), 400),
        (r#"{"value":"hunter2","attributes":{"exp":"hunter2"}}"#.to_owned(), 400),
        (r#"{"value":"hunter2\ud800"}"#.to_owned(), 400),
        (String::new(), 400),
        (json!({"value": long(3658)}).to_string(), 400),
        (json!({"value": "hunter2", "contentType": long(37)}).to_string(), 400),
        (json!({"value": long(40_000)}).to_string(), 413),
    ] {
        let request = fixture
            .request(Method::PUT, &format!("{BASE}/secrets/name"), &[VERSION])
            .bearer_auth(fixture.token("uami-demo", VAULT))
            .body(body);
        let answer = fixture.send(request).await.expect(status);
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        let code = if status == 413 { "RequestEntityTooLarge" } else { "BadParameter" };
        assert_eq!(codes(&answer).0, code);
    }
    send(&fixture, Method::GET, "/secrets/name", None).await.expect(404);
    put(&fixture, "name", json!({"value": "v".repeat(25600)})).await.expect(200);
}

#[tokio::test]
async fn a_name_that_no_secret_can_have_is_refused_by_every_operation() {
    let fixture = Fixture::start().await;
    let too_long = "a".repeat(128);
    for name in ["a_b", "a%2Fb", "a%20b", "%E2%98%83", "a.b", "%00", too_long.as_str()] {
        for (method, path) in [
            (Method::GET, format!("/secrets/{name}")),
            (Method::PUT, format!("/secrets/{name}")),
            (Method::PATCH, format!("/secrets/{name}/")),
            (Method::DELETE, format!("/secrets/{name}")),
            (Method::GET, format!("/secrets/{name}/versions")),
            (Method::POST, format!("/secrets/{name}/backup")),
            (Method::GET, format!("/deletedsecrets/{name}")),
            (Method::DELETE, format!("/deletedsecrets/{name}")),
            (Method::POST, format!("/deletedsecrets/{name}/recover")),
        ] {
            let body = Some(json!({"value": "hunter2"}));
            let answer = send(&fixture, method.clone(), &path, body).await;
            assert_eq!(answer.status, 400, "{method} {path}: {}", answer.text);
            assert_eq!(codes(&answer), ("BadParameter".to_owned(), None));
            assert!(answer.text.contains("an invalid name: "), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_path_that_only_a_raw_request_can_have_reaches_no_other_secret() {
    let fixture = Fixture::start().await;
    for (path, status) in [
        ("/secrets/..", 400),
        ("/secrets/%2e%2e", 400),
        ("/secrets/../secrets/demo-secret", 404),
        ("/secrets/x/../demo-secret", 404),
        ("/secrets//versions", 400),
        ("/secrets/demo-secret", 200),
    ] {
        let answer = raw(&fixture, path).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

/// The whole answer to a GET whose path no HTTP client has cleaned up.
async fn raw(fixture: &Fixture, path: &str) -> String {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(fixture.emulators.ca_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(fixture.emulators.endpoints().key_vault).await.unwrap();
    let host = "kv-demo.vault.azure.net";
    let name = ServerName::try_from(host).unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    let token = fixture.token("uami-demo", VAULT);
    let (key, version) = VERSION;
    let request = format!(
        "GET {path}?{key}={version} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
