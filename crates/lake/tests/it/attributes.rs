//! What is said of files and filesystems beside their bytes: headers, metadata, ends, tags.

use std::time::Duration;

use azconnect_lake::{
    ContentHeaders, ErrorKind, Expiry, LeaseState, Metadata, Tags, UploadOptions, WriteCondition,
};
use futures::TryStreamExt;
use time::OffsetDateTime;

use crate::{
    harness::{Lake, path},
    scripted::{Scripted, answer},
};

const ALWAYS: WriteCondition = WriteCondition::Always;

fn team(value: &str) -> Metadata {
    Metadata::default().with("team", value).unwrap()
}

#[tokio::test]
async fn headers_and_metadata_are_written_with_a_file_and_changed_later() {
    let lake = Lake::start().await;
    let client = lake.client();
    let headers = ContentHeaders::default()
        .with_content_type("text/csv")
        .with_encoding("gzip")
        .with_language("de")
        .with_disposition("attachment; filename=\"a.csv\"")
        .with_cache_control("no-store");
    // In one request, and in blocks.
    for bytes in [10, 200_000] {
        let file = path("raw/file");
        let options = UploadOptions::default()
            .with_block_bytes(64 * 1024)
            .with_headers(headers.clone())
            .with_metadata(team("red"));
        client.upload(&file, vec![1; bytes].into(), options).await.unwrap();
        let found = client.properties(&file).await.unwrap();
        assert_eq!((&found.headers, &found.metadata), (&headers, &team("red")), "{bytes}");
        assert_eq!(found.content_type.as_deref(), Some("text/csv"));
        assert!(found.created_on.is_some() && found.expires_on.is_none());

        let changed = ContentHeaders::default().with_content_type("text/plain");
        let stale = WriteCondition::IfMatch(found.etag.clone());
        let etag = client.set_headers(&file, &changed, &stale, None).await.unwrap();
        let error = client.set_headers(&file, &changed, &stale, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        client.set_metadata(&file, &team("blue"), &ALWAYS, None).await.unwrap();
        let found = client.properties(&file).await.unwrap();
        assert_ne!(found.etag, etag);
        assert_eq!(found.headers, headers.clone().with_content_type("text/plain"));
        assert_eq!(found.metadata, team("blue"));
        client.set_metadata(&file, &Metadata::default(), &ALWAYS, None).await.unwrap();
        assert!(client.properties(&file).await.unwrap().metadata.is_empty());
        assert_eq!(client.read(&file).await.unwrap().len(), bytes);
    }
    let file = path("raw/split");
    let split = ContentHeaders::default().with_content_type("a\r\nx-ms-lease-id: b");
    let options = UploadOptions::default().with_headers(split);
    let error = client.upload(&file, "x".into(), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(!client.exists(&file).await.unwrap());
    let error = client.set_metadata(&file, &team("x"), &ALWAYS, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    client.create_directory(&path("raw/dir")).await.unwrap();
    client.set_metadata(&path("raw/dir"), &team("red"), &ALWAYS, None).await.unwrap();
    assert_eq!(client.properties(&path("raw/dir")).await.unwrap().metadata, team("red"));
}

#[tokio::test]
async fn a_file_vanishes_when_it_is_told_to() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/file");
    client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
    let moment = OffsetDateTime::from_unix_timestamp(4_102_444_800).unwrap();
    client.set_expiry(&file, Expiry::At(moment), None).await.unwrap();
    assert_eq!(client.properties(&file).await.unwrap().expires_on, Some(moment));
    client.set_expiry(&file, Expiry::Never, None).await.unwrap();
    assert_eq!(client.properties(&file).await.unwrap().expires_on, None);
    let hour = Duration::from_secs(3600);
    let etag = client.set_expiry(&file, Expiry::AfterCreation(hour), None).await.unwrap();
    assert_eq!(client.properties(&file).await.unwrap().etag, etag);
    client.set_expiry(&file, Expiry::In(hour), None).await.unwrap();
    let error = client.set_expiry(&file, Expiry::In(Duration::ZERO), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    client.create_directory(&path("raw/dir")).await.unwrap();
    let error = client.set_expiry(&path("raw/dir"), Expiry::In(hour), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(client.read(&file).await.unwrap(), "x");
    lake.emulators.advance_lake_clock(hour + Duration::from_secs(1));
    assert!(!client.exists(&file).await.unwrap());
}

#[tokio::test]
async fn tags_are_replaced_as_a_whole() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/file");
    let published = client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
    assert!(client.tags(&file).await.unwrap().is_empty());
    let tags = Tags::default().with("team", "red one").unwrap().with("a/b:c=d", "").unwrap();
    client.set_tags(&file, &tags, None).await.unwrap();
    assert_eq!(client.tags(&file).await.unwrap(), tags);
    client.set_tags(&file, &Tags::default(), None).await.unwrap();
    assert!(client.tags(&file).await.unwrap().is_empty());
    assert_eq!(client.properties(&file).await.unwrap().etag, published.etag);
    assert_eq!(client.tags(&path("raw/absent")).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn filesystems_are_listed_described_and_deleted() {
    let config = r#"{"accounts": [{"name": "lakedemo", "filesystems": ["raw", "raw-2", "other"],
        "filesystem_deletion_limbo_ms": 30000}]}"#;
    let lake = Lake::start_with(config).await;
    let client = lake.client();
    let names = async |prefix| {
        let entries: Vec<_> = client.list_filesystems(prefix).try_collect().await.unwrap();
        entries.iter().map(|entry| entry.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["other", "raw", "raw-2"]);
    assert_eq!(names("raw").await, ["raw", "raw-2"]);
    assert_eq!(names("x").await, [""; 0]);
    let name = "raw".parse().unwrap();
    let before = client.filesystem_properties(&name).await.unwrap();
    assert_eq!(before.is_hierarchical, Some(true));
    assert_eq!(before.lease, Some(LeaseState::Available));
    let etag = client.set_metadata(&path("raw/"), &team("red"), &ALWAYS, None).await.unwrap();
    let after = client.filesystem_properties(&name).await.unwrap();
    assert_eq!((after.metadata, after.etag), (team("red"), etag));

    let lease = client.acquire_lease(&path("raw/"), Default::default()).await.unwrap();
    let error = client.delete_filesystem(&name, None).await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseIdMissing"));
    client.delete_filesystem(&name, Some(&lease.id())).await.unwrap();
    lease.release().await.unwrap();
    assert_eq!(names("raw").await, ["raw-2"]);
    let gone = client.filesystem_properties(&name).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let gone = client.delete_filesystem(&name, None).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let error = client.create_filesystem(&name).await.unwrap_err();
    assert_eq!(error.service_code(), Some("FilesystemBeingDeleted"));
    assert!(error.attempts() > 1, "it may be free soon");
    lake.emulators.advance_lake_clock(Duration::from_secs(31));
    client.create_filesystem(&name).await.unwrap();
}

#[tokio::test]
async fn deleted_paths_are_listed_and_restored() {
    let config = r#"{"accounts": [{"name": "lakedemo", "filesystems": ["raw"],
        "soft_delete_retention_days": 7}]}"#;
    let lake = Lake::start_with(config).await;
    let client = lake.client();
    for name in ["raw/d/a b", "raw/d/e/file", "raw/other"] {
        client.upload(&path(name), name.into(), UploadOptions::default()).await.unwrap();
    }
    client.delete(&path("raw/d/a b")).await.unwrap();
    client.delete_recursive(&path("raw/d/e")).await.unwrap();
    client.delete(&path("raw/other")).await.unwrap();
    let all: Vec<_> = client.list_deleted(&path("raw/")).try_collect().await.unwrap();
    let names: Vec<_> = all.iter().map(|deleted| deleted.path.to_string()).collect();
    assert_eq!(names, ["raw/d/a b", "raw/d/e", "raw/other"]);
    let below: Vec<_> = client.list_deleted(&path("raw/d")).try_collect().await.unwrap();
    assert_eq!(below[..], all[..2]);
    assert_eq!((below[0].size, below[0].remaining_retention_days), (9, Some(6)));
    assert!(below[0].deleted_on.is_some());
    for deleted in &below {
        client.undelete(deleted).await.unwrap();
    }
    for name in ["raw/d/a b", "raw/d/e/file"] {
        assert_eq!(client.read(&path(name)).await.unwrap(), name);
    }
    let error = client.undelete(&below[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    client.upload(&path("raw/other"), "new".into(), UploadOptions::default()).await.unwrap();
    let error = client.undelete(&all[2]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(client.read(&path("raw/other")).await.unwrap(), "new");
    let absent = client.list_deleted(&path("absent/")).try_next().await.unwrap_err();
    assert_eq!(absent.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn answers_that_break_their_format_are_refused() {
    let server = Scripted::start(|_, seen| {
        let path = seen.line.split(' ').nth(1).unwrap_or_default().to_owned();
        let body = if path.contains("showonly") {
            "<EnumerationResults><Blobs/><NextMarker>same</NextMarker></EnumerationResults>"
        } else if path.contains("comp=tags") {
            "<Tags><TagSet><Tag>"
        } else {
            r#"{"filesystems":[{"name":"../../etc"}]}"#
        };
        let properties = ("x-ms-properties", "a=!");
        let length = ("Content-Length", &*body.len().to_string());
        answer("200 OK", &[length, ("ETag", "\"1\""), properties], body.as_bytes())
    })
    .await;
    let client = server.client();
    let file = path("raw/file");
    let invalid = ErrorKind::InvalidResponse;
    assert_eq!(client.tags(&file).await.unwrap_err().kind(), invalid);
    assert_eq!(client.properties(&file).await.unwrap_err().kind(), invalid);
    let circle = client.list_deleted(&file).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(circle.kind(), invalid, "{circle:?}");
    let elsewhere = client.list_filesystems("").try_next().await.unwrap_err();
    assert_eq!(elsewhere.kind(), invalid);
    let properties = client.filesystem_properties(&"raw".parse().unwrap()).await.unwrap_err();
    assert_eq!(properties.kind(), invalid);
}
