//! What a newcomer gets wrong, and what the error tells them.

use azconnect_lake::{ErrorKind, LakeClient, UploadOptions};
use time::Duration;

use crate::harness::{AUDIENCE, Lake, path, report};

const NO_ROLES: &str = r#"{"role_assignments": [
    {"principal": "app-demo", "role": "Storage Blob Data Reader", "resource": "lakedemo"}
]}"#;

#[tokio::test]
async fn a_missing_role_is_named_with_the_account() {
    let lake = Lake::start_with(NO_ROLES).await;
    let client = lake.client();
    let file = path("raw/a");
    for error in [
        client.read(&file).await.map(drop).unwrap_err(),
        client.properties(&file).await.map(drop).unwrap_err(),
        client.exists(&file).await.map(drop).unwrap_err(),
        client.upload(&file, "x".into(), UploadOptions::default()).await.map(drop).unwrap_err(),
        client.delete(&file).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.service_code(), Some("AuthorizationPermissionMismatch"));
        assert!(error.request_id().is_some());
        let hint = error.hint().unwrap();
        for part in ["Storage Blob Data Reader", "Storage Blob Data Contributor", "`lakedemo`"] {
            assert!(hint.contains(part), "{hint}");
        }
    }
}

#[tokio::test]
async fn a_reader_may_read_and_not_write() {
    let lake = Lake::start_with(NO_ROLES).await;
    let client = lake.builder_of("app-demo", AUDIENCE, Duration::hours(1)).build().unwrap();
    assert!(!client.exists(&path("raw/a")).await.unwrap());
    let error =
        client.upload(&path("raw/a"), "x".into(), UploadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(!client.exists(&path("raw/a")).await.unwrap());
}

#[tokio::test]
async fn a_token_for_somebody_else_or_of_yesterday_is_explained() {
    let lake = Lake::start().await;
    let client = |audience, lifetime| -> LakeClient {
        lake.builder_of("uami-demo", audience, lifetime).build().unwrap()
    };
    for client in [
        client("https://vault.azure.net", Duration::hours(1)),
        client(AUDIENCE, Duration::hours(-1)),
    ] {
        let error = client.read(&path("raw/a")).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::Unauthenticated, Some(401)));
        let hint = error.hint().unwrap();
        for part in ["https://storage.azure.com/.default", "expired", "clock"] {
            assert!(hint.contains(part), "{hint}");
        }
        assert!(error.attempts() <= 1, "a refused token is not tried again and again");
    }
}

#[tokio::test]
async fn a_token_is_in_no_error() {
    let lake = Lake::start().await;
    let token = lake.emulators.issue_token("uami-demo", "https://vault.azure.net", Duration::HOUR);
    let token = secrecy::ExposeSecret::expose_secret(&token.unwrap()).to_owned();
    let signature = token.rsplit('.').next().unwrap();
    let client =
        lake.builder_of("uami-demo", "https://vault.azure.net", Duration::HOUR).build().unwrap();
    let error = client.read(&path("raw/a")).await.unwrap_err();
    let all = format!("{error} {error:?} {} {client:?}", report(&error));
    assert!(!all.contains("Bearer ey") && !all.contains(signature), "{all}");
}

#[tokio::test]
async fn a_file_and_a_filesystem_that_are_not_there_are_told_apart() {
    let lake = Lake::start().await;
    let client = lake.client();
    let error = client.read(&path("raw/absent")).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::NotFound, Some(404)));
    assert!(error.to_string().starts_with("cannot read `raw/absent`: 404 "), "{error}");
    assert!(error.hint().unwrap().contains("case-sensitive"));
    let error = client.read(&path("absent/a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("no filesystem `absent`"), "{error:?}");
}

#[tokio::test]
async fn a_service_that_is_not_there_names_the_host() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut url = url::Url::parse("http://127.0.0.1").unwrap();
    url.set_port(Some(free.local_addr().unwrap().port())).unwrap();
    drop(free);
    let client = crate::harness::builder(crate::harness::Credential::of(["token".to_owned()]))
        .with_blob_endpoint(url)
        .build()
        .unwrap();
    let error = client.read(&path("raw/a")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Connect, 5));
    assert!(error.to_string().contains("`127.0.0.1` was not reached"), "{error}");
    assert!(error.hint().unwrap().contains("`lakedemo`"));
}
