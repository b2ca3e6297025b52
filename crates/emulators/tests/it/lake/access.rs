//! Tokens, roles, versions, hosts, throttling: what every request must pass.

use azconnect_emulators::{Config, ManagedIdentityConfig, Role, RoleAssignmentConfig, Service};
use reqwest::Method;
use time::Duration;

use super::{BLOB, DFS, LakeFixture, VERSION, send, token, token_for};

const LIST: &str = "/raw?resource=filesystem&recursive=false";

#[tokio::test]
async fn a_request_without_a_token_gets_a_bearer_challenge() {
    let lake = LakeFixture::start().await;
    let request = lake.http.get(format!("{DFS}{LIST}")).header("x-ms-version", VERSION);
    let answer = send(request).await.expect_error(401, "NoAuthenticationInformation");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer authorization_uri=https://"), "{challenge}");
    assert!(challenge.contains(lake.emulators.tenant_id()), "{challenge}");
    assert!(challenge.ends_with(" resource_id=https://storage.azure.com"), "{challenge}");
}

#[tokio::test]
async fn a_token_that_is_not_valid_is_refused_with_the_reason() {
    let lake = LakeFixture::start().await;
    let storage = "https://storage.azure.com";
    let good = token(&lake.emulators, "uami-demo");
    let cases = [
        (token_for(&lake.emulators, "uami-demo", storage, -Duration::MINUTE), "Lifetime"),
        (
            token_for(&lake.emulators, "uami-demo", "https://vault.azure.net", Duration::HOUR),
            "Audience",
        ),
        ([&good[..good.len() - 8], "AAAAAAAA"].concat(), "Signature"),
        ("no.token".to_owned(), "malformed"),
    ];
    for (token, reason) in cases {
        for url in [format!("{DFS}{LIST}"), format!("{BLOB}/raw/x")] {
            let request = lake.http.get(&url).bearer_auth(&token).header("x-ms-version", VERSION);
            let answer = send(request).await.expect_error(401, "InvalidAuthenticationInfo");
            assert!(answer.text().contains(reason), "{reason}: {}", answer.text());
            answer.header("www-authenticate");
        }
    }
}

#[tokio::test]
async fn the_audience_may_end_with_a_slash() {
    let lake = LakeFixture::start().await;
    let audience = "https://storage.azure.com/";
    let token = token_for(&lake.emulators, "uami-demo", audience, Duration::HOUR);
    let request = lake.http.get(format!("{DFS}{LIST}")).bearer_auth(token);
    send(request.header("x-ms-version", VERSION)).await.expect(200);
}

#[tokio::test]
async fn keys_and_signatures_are_refused_as_if_switched_off() {
    let lake = LakeFixture::start().await;
    let code = "KeyBasedAuthenticationNotPermitted";
    let request = lake.http.get(format!("{BLOB}/raw/x")).header("x-ms-version", VERSION);
    send(request.header("authorization", "SharedKey lakedemo:AAAA")).await.expect_error(403, code);
    let request = lake.http.get(format!("{BLOB}/raw/x?sv=2023-11-03&sig=AAAA"));
    send(request.header("x-ms-version", VERSION)).await.expect_error(403, code);
}

#[tokio::test]
async fn a_version_is_required_and_must_know_bearer_tokens() {
    let lake = LakeFixture::start().await;
    let url = format!("{BLOB}/raw/x");
    let without = lake.http.get(&url).bearer_auth(&lake.token);
    let answer = send(without).await.expect_error(403, "AuthenticationFailed");
    assert!(answer.text().contains("Bearer is not supported in this version"));
    for (version, status, code) in [
        ("2015-04-05", 403, "AuthenticationFailed"),
        ("today", 400, "InvalidHeaderValue"),
        ("2017-11-09", 404, "BlobNotFound"),
        (VERSION, 404, "BlobNotFound"),
    ] {
        let request = lake.http.get(&url).bearer_auth(&lake.token);
        send(request.header("x-ms-version", version)).await.expect_error(status, code);
    }
}

#[tokio::test]
async fn a_reader_reads_and_nobody_else_does_anything() {
    let mut config = Config::default();
    for name in ["reader", "stranger"] {
        config.managed_identities.push(ManagedIdentityConfig {
            name: name.into(),
            client_id: uuid::Uuid::new_v4(),
            object_id: uuid::Uuid::new_v4(),
            resource_id: Some(format!("/subscriptions/s/identities/{name}")),
        });
    }
    config.role_assignments.push(RoleAssignmentConfig {
        principal: "reader".into(),
        role: Role::StorageBlobDataReader,
        resource: "lakedemo".into(),
    });
    let lake = LakeFixture::with(config).await;
    lake.file("x", b"content").await;
    let reader = token(&lake.emulators, "reader");
    let stranger = token(&lake.emulators, "stranger");
    let cases = [
        (Method::GET, format!("{DFS}{LIST}"), 200),
        (Method::GET, format!("{DFS}/raw/x"), 200),
        (Method::HEAD, format!("{BLOB}/raw/x"), 200),
        (Method::GET, format!("{BLOB}/raw/x?comp=blocklist"), 200),
        (Method::DELETE, format!("{DFS}/raw/x"), 403),
        (Method::PUT, format!("{DFS}/raw/y?resource=file"), 403),
        (Method::PUT, format!("{DFS}/other?resource=filesystem"), 403),
        (Method::PUT, format!("{BLOB}/raw/y?comp=block&blockid=QUFB"), 403),
    ];
    for (method, url, status) in cases {
        for (token, status) in [(&reader, status), (&stranger, 403)] {
            let request = lake.http.request(method.clone(), &url).bearer_auth(token);
            let answer = send(request.header("x-ms-version", VERSION)).await;
            let answer = answer.expect(status);
            if status == 403 {
                let code = "AuthorizationPermissionMismatch";
                let answer = answer.expect_error(403, code);
                let message = "This request is not authorized to perform this operation using \
                               this permission.";
                assert!(method == Method::HEAD || answer.text().contains(message));
            }
        }
    }
}

#[tokio::test]
async fn every_answer_carries_the_common_headers() {
    let lake = LakeFixture::start().await;
    for url in [format!("{DFS}{LIST}"), format!("{DFS}/raw/absent"), format!("{BLOB}/raw/absent")] {
        let answer = send(lake.get(url).header("x-ms-client-request-id", "my id")).await;
        answer.header("x-ms-request-id").parse::<uuid::Uuid>().unwrap();
        assert_eq!(answer.header("x-ms-client-request-id"), "my id");
        assert_eq!(answer.header("x-ms-version"), VERSION);
        assert!(answer.header("date").ends_with(" GMT"));
    }
    let long = "x".repeat(1025);
    let answer =
        send(lake.get(format!("{DFS}{LIST}")).header("x-ms-client-request-id", long)).await;
    assert!(!answer.has("x-ms-client-request-id"));
}

#[tokio::test]
async fn an_unknown_account_does_not_exist() {
    let lake = LakeFixture::start().await;
    let request = lake.get(format!("{DFS}{LIST}")).header("host", "other.dfs.core.windows.net");
    send(request).await.expect_error(404, "ResourceNotFound");
    let request = lake.get(format!("{DFS}{LIST}")).header("host", "example.org");
    send(request).await.expect_error(400, "InvalidUri");
}

#[tokio::test]
async fn an_address_serves_both_endpoints_with_the_account_in_the_path() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"content").await;
    let ports = [lake.emulators.endpoints().lake_dfs, lake.emulators.endpoints().lake_blob];
    for base in ports.map(|address| format!("https://127.0.0.1:{}/lakedemo", address.port())) {
        let answer = send(lake.get(format!("{base}{LIST}"))).await.expect(200);
        assert_eq!(answer.json()["paths"][0]["name"], "x");
        let url = format!("{base}/raw?restype=container&comp=list");
        let answer = send(lake.get(url)).await.expect(200);
        assert!(answer.text().contains("<Name>x</Name>"));
        assert_eq!(send(lake.get(format!("{base}/raw/x"))).await.expect(200).body, b"content");
    }
}

#[tokio::test]
async fn throttling_hits_the_endpoint_and_the_count_asked_for() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"content").await;
    lake.emulators.faults().throttle(Service::LakeDfs, 2);
    for _ in 0..2 {
        let answer = send(lake.get(format!("{DFS}/raw/x"))).await.expect_error(503, "ServerBusy");
        assert_eq!(answer.header("retry-after"), "1");
        send(lake.get(format!("{BLOB}/raw/x"))).await.expect(200);
    }
    send(lake.get(format!("{DFS}/raw/x"))).await.expect(200);
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"content").await;
    let base = format!("{DFS}/raw/x");
    let requests = [
        lake.put_blob("x", b"").header("x-ms-permissions", "0777"),
        lake.put(format!("{BLOB}/raw/y"))
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-copy-source", "https://example.org/x"),
        lake.put(format!("{BLOB}/raw/y")).header("x-ms-blob-type", "PageBlob"),
        lake.get(format!("{BLOB}/raw/x?snapshot=2024-01-01T00:00:00.0000000Z")),
    ];
    for request in requests {
        send(request).await.expect_error(501, "NotImplemented");
    }
    send(lake.request(Method::from_bytes(b"PURGE").unwrap(), &base))
        .await
        .expect_error(405, "UnsupportedHttpVerb");
    send(lake.put(format!("{DFS}/raw/x?resource=link")))
        .await
        .expect_error(400, "InvalidQueryParameterValue");
    send(lake.put(&base)).await.expect_error(400, "MissingRequiredQueryParameter");
    send(lake.patch(format!("{base}?action=melt")))
        .await
        .expect_error(400, "InvalidQueryParameterValue");
}
