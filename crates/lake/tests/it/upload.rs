//! Writing: what appears is whole, and under the condition that was set.

use azconnect_emulators::Service;
use azconnect_lake::{ErrorKind, UploadOptions, WriteCondition};
use bytes::Bytes;
use futures::stream;

use crate::harness::{Lake, noise, path, report};

fn small_blocks() -> UploadOptions {
    UploadOptions::default().with_block_bytes(64 * 1024).with_concurrency(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_any_size_become_one_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    let whole = noise(1_000_000);
    for piece in [1_000, 65_535, 65_536, 65_537, 400_000, 1_000_000] {
        let mut upload = client.block_upload(&path("raw/a"), small_blocks()).unwrap();
        for bytes in whole.chunks(piece) {
            upload.write(Bytes::copy_from_slice(bytes)).await.unwrap();
        }
        assert_eq!(upload.bytes_written(), 1_000_000);
        let published = upload.finish().await.unwrap();
        assert_eq!(published.bytes, 1_000_000);
        assert!(client.read(&path("raw/a")).await.unwrap() == whole, "pieces of {piece}");
        assert_eq!(client.properties(&path("raw/a")).await.unwrap().etag, published.etag);
    }
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    for condition in [WriteCondition::IfAbsent, WriteCondition::Always] {
        let options = UploadOptions::default().with_condition(condition);
        let published = client.upload(&path("raw/empty"), Bytes::new(), options).await.unwrap();
        assert_eq!(published.bytes, 0);
        assert_eq!(client.read(&path("raw/empty")).await.unwrap(), "");
    }
}

#[tokio::test]
async fn nothing_appears_before_it_is_finished_or_after_it_is_aborted() {
    let lake = Lake::start().await;
    let client = lake.client();
    let target = path("raw/new/dir/a");
    let begin = async || {
        let mut upload = client.block_upload(&target, small_blocks()).unwrap();
        upload.write(noise(500_000).into()).await.unwrap();
        upload
    };
    let upload = begin().await;
    assert!(!client.exists(&target).await.unwrap());
    upload.abort();
    drop(begin().await);
    assert!(!client.exists(&target).await.unwrap());
    begin().await.finish().await.unwrap();
    assert_eq!(client.properties(&target).await.unwrap().size, 500_000);
}

#[tokio::test]
async fn a_failed_upload_leaves_the_old_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.upload(&path("raw/a"), "old".into(), UploadOptions::default()).await.unwrap();

    let broken = stream::iter([Ok(noise(300_000).into()), Err("the source dried up")]);
    let error = client.upload_stream(&path("raw/a"), broken, small_blocks()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert!(report(&error).contains("the source dried up"), "{}", report(&error));

    lake.emulators.faults().throttle(Service::LakeBlob, 1_000);
    let error =
        client.upload(&path("raw/a"), noise(300_000).into(), small_blocks()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    lake.emulators.faults().throttle(Service::LakeBlob, 0);
    assert_eq!(client.read(&path("raw/a")).await.unwrap(), "old");
}

#[tokio::test]
async fn an_upload_that_failed_takes_no_more() {
    let lake = Lake::start().await;
    let client = lake.client();
    let mut upload = client.block_upload(&path("raw/a"), small_blocks()).unwrap();
    lake.emulators.faults().throttle(Service::LakeBlob, 1_000);
    let mut failed = false;
    for _ in 0..100 {
        failed |= upload.write(noise(64 * 1024).into()).await.is_err();
    }
    assert!(failed, "the producer was told");
    lake.emulators.faults().throttle(Service::LakeBlob, 0);
    let error = upload.finish().await.unwrap_err();
    assert!(error.to_string().contains("nothing was published"), "{error}");
    assert!(!client.exists(&path("raw/a")).await.unwrap());
}

#[tokio::test]
async fn a_busy_service_costs_no_block() {
    let lake = Lake::start().await;
    let client = lake.client();
    let bytes = noise(300_000);
    lake.emulators.faults().throttle(Service::LakeBlob, 4);
    client.upload(&path("raw/a"), bytes.clone().into(), small_blocks()).await.unwrap();
    assert!(client.read(&path("raw/a")).await.unwrap() == bytes);
}

#[tokio::test]
async fn conditions_are_kept_for_small_and_large_files() {
    let lake = Lake::start().await;
    let client = lake.client();
    for size in [10, 300_000] {
        let target = path("raw").join(&format!("file{size}")).unwrap();
        let upload = async |condition, byte| {
            let options = small_blocks().with_condition(condition);
            client.upload(&target, vec![byte; size].into(), options).await
        };
        let first = upload(WriteCondition::IfAbsent, 1).await.unwrap();
        let error = upload(WriteCondition::IfAbsent, 2).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", report(&error));
        let second = upload(WriteCondition::IfMatch(first.etag.clone()), 3).await.unwrap();
        assert_ne!(second.etag, first.etag);
        let error = upload(WriteCondition::IfMatch(first.etag), 4).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
        assert!(client.read(&target).await.unwrap() == vec![3; size]);
    }
}

#[tokio::test]
async fn the_content_type_is_kept() {
    let lake = Lake::start().await;
    let client = lake.client();
    for size in [10, 300_000] {
        let options = small_blocks().with_content_type("text/csv; charset=utf-8");
        client.upload(&path("raw/a.csv"), vec![b'x'; size].into(), options).await.unwrap();
        let found = client.properties(&path("raw/a.csv")).await.unwrap().content_type;
        assert_eq!(found.as_deref(), Some("text/csv; charset=utf-8"));
    }
    let options = UploadOptions::default().with_content_type("text/csv\r\nx-injected: 1");
    let error = client.upload(&path("raw/b"), "x".into(), options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_directory_or_a_root_is_no_target() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.create_directory(&path("raw/d")).await.unwrap();
    for size in [1, 300_000] {
        let error =
            client.upload(&path("raw/d"), vec![0; size].into(), small_blocks()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{}", report(&error));
    }
    let error = client.block_upload(&path("raw/"), small_blocks()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_local_file_that_cannot_be_read_says_so() {
    let lake = Lake::start().await;
    let client = lake.client();
    let directory = tempfile::tempdir().unwrap();
    for local in [directory.path().to_owned(), directory.path().join("absent")] {
        let error = client.upload_file(&path("raw/a"), &local, small_blocks()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LocalFile);
        assert_eq!(error.resource(), local.display().to_string());
    }
    assert!(!client.exists(&path("raw/a")).await.unwrap());
}
