//! Accounts whose blob endpoint cannot be reached: everything goes by the dfs endpoint.

use azconnect_emulators::Service;
use azconnect_lake::{ErrorKind, LakeClient, Metadata, Namespace, UploadOptions, WriteCondition};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::harness::{Lake, noise, path};

const FORBIDDEN: &str = r#"{"accounts": [
    {"name": "lakedemo", "filesystems": ["raw"], "blob_endpoint": "forbidden"}
]}"#;

#[tokio::test]
async fn bytes_go_there_and_back_without_the_blob_endpoint() {
    let bytes: Bytes = noise(1_000_000).into();
    for forbidden in [false, true] {
        let lake = Lake::start_with(if forbidden { FORBIDDEN } else { "{}" }).await;
        let client =
            if forbidden { lake.client() } else { lake.builder_without_blob().build().unwrap() };
        let file = path("raw/d e/f.bin");
        let blocks = UploadOptions::default()
            .with_block_bytes(64 * 1024)
            .with_concurrency(4)
            .with_content_type("text/csv")
            .with_metadata(Metadata::default().with("team", "red").unwrap());
        let published = client.upload(&file, bytes.clone(), blocks).await.unwrap();
        assert_eq!(published.bytes, bytes.len() as u64);
        assert_eq!(client.read(&file).await.unwrap(), bytes);
        let found = client.properties(&file).await.unwrap();
        assert_eq!(found.etag, published.etag);
        assert_eq!(found.content_type.as_deref(), Some("text/csv"));
        assert_eq!(found.metadata.get("team"), Some("red"));
        // No temporary name is left, and what was learned stays.
        let listed: Vec<_> = client.list(&path("raw/d e")).try_collect().await.unwrap();
        assert_eq!(listed.len(), 1);
        let asked = lake.emulators.requests(Service::LakeBlob);
        client.upload(&file, "small".into(), UploadOptions::default()).await.unwrap();
        client.upload(&path("raw/empty"), Bytes::new(), UploadOptions::default()).await.unwrap();
        assert_eq!(client.read(&file).await.unwrap(), "small");
        assert_eq!(client.read(&path("raw/empty")).await.unwrap(), "");
        assert_eq!(lake.emulators.requests(Service::LakeBlob), asked);
        let error = client.read(&path("raw/d e")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    }
}

#[tokio::test]
async fn conditions_hold_and_what_was_there_stays() {
    let lake = Lake::start_with(FORBIDDEN).await;
    let client = lake.client();
    let file = path("raw/d/a");
    let absent = UploadOptions::default().with_condition(WriteCondition::IfAbsent);
    let first = client.upload(&file, "first".into(), absent.clone()).await.unwrap();
    let error = client.upload(&file, "second".into(), absent.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::AlreadyExists, "upload"));
    let error = client.upload(&file, Bytes::new(), absent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(client.read(&file).await.unwrap(), "first");

    let matching = |etag| UploadOptions::default().with_condition(WriteCondition::IfMatch(etag));
    let second = client.upload(&file, "second".into(), matching(first.etag.clone())).await.unwrap();
    let error = client.upload(&file, "third".into(), matching(first.etag)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert_eq!(client.read(&file).await.unwrap(), "second");
    assert_ne!(second.etag.as_str(), "");

    client.create_directory(&path("raw/dir")).await.unwrap();
    let error =
        client.upload(&path("raw/dir"), "x".into(), UploadOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    until_names_are(&client, "raw/d", &["raw/d/a"]).await;
}

/// Waits until the temporary files of what failed are deleted, which happens behind its back.
async fn until_names_are(client: &LakeClient, directory: &str, expected: &[&str]) {
    for _ in 0..500 {
        let listed: Vec<_> = client.list(&path(directory)).try_collect().await.unwrap();
        let names: Vec<_> = listed.iter().map(|entry| entry.path.to_string()).collect();
        if names == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("a temporary file is left");
}

#[tokio::test]
async fn an_upload_that_is_dropped_or_fails_half_way_leaves_nothing() {
    let lake = Lake::start_with(FORBIDDEN).await;
    let client = lake.client();
    client.upload(&path("raw/d/a"), "old".into(), UploadOptions::default()).await.unwrap();
    let blocks = UploadOptions::default().with_block_bytes(64 * 1024).with_concurrency(2);
    let mut upload = client.block_upload(&path("raw/d/a"), blocks.clone()).unwrap();
    upload.write(noise(200_000).into()).await.unwrap();
    drop(upload);
    let broken = futures::stream::iter([
        Ok(Bytes::from(noise(200_000))),
        Err(std::io::Error::other("the source ended")),
    ]);
    let error = client.upload_stream(&path("raw/d/a"), broken, blocks).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    until_names_are(&client, "raw/d", &["raw/d/a"]).await;
    assert_eq!(client.read(&path("raw/d/a")).await.unwrap(), "old");
}

#[tokio::test]
async fn a_flat_account_without_its_blob_endpoint_takes_no_uploads() {
    let lake = Lake::start_with(
        r#"{"accounts": [{"name": "lakedemo", "filesystems": ["raw"],
            "blob_endpoint": "forbidden", "hierarchical_namespace": false}]}"#,
    )
    .await;
    let error = lake
        .client()
        .upload(&path("raw/a"), "x".into(), UploadOptions::default())
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unsupported, "upload"));
    let listed: Vec<_> = lake.client().list(&path("raw/")).try_collect().await.unwrap();
    assert!(listed.is_empty());
}

#[tokio::test]
async fn an_account_that_nobody_reaches_is_not_taken_for_one_without_blobs() {
    let lake = Lake::start_with(
        r#"{"accounts": [{"name": "lakedemo", "filesystems": ["raw"],
            "blob_endpoint": "forbidden", "dfs_endpoint": "forbidden"}]}"#,
    )
    .await;
    let client = lake.builder().with_namespace(Namespace::Hierarchical).build().unwrap();
    for error in [
        client.read(&path("raw/a")).await.unwrap_err(),
        client.upload(&path("raw/a"), "x".into(), UploadOptions::default()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.hint().unwrap().contains("private endpoint"), "{error:?}");
    }
}
