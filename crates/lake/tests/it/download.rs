//! Reading: whole or not at all, and of one state of the file.

use std::sync::{Arc, Mutex};

use azconnect_emulators::Service;
use azconnect_lake::{
    DownloadOptions, ErrorKind, ExistingFile, Integrity, LakeClient, ProgressHook, RetryOptions,
    UploadOptions,
};
use futures::TryStreamExt;

use crate::harness::{Lake, names_in, noise, path, report};

const MIB: usize = 1024 * 1024;

async fn put(client: &LakeClient, name: &str, bytes: Vec<u8>) {
    client.upload(&path(name), bytes.into(), UploadOptions::default()).await.unwrap();
}

fn small_parts() -> DownloadOptions {
    DownloadOptions::default().with_part_bytes(256 * 1024)
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_mebibytes_go_up_and_come_back_equal() {
    let lake = Lake::start().await;
    let client = lake.client();
    let directory = tempfile::tempdir().unwrap();
    let (source, copy) = (directory.path().join("source"), directory.path().join("deep/copy"));
    let bytes = noise(40 * MIB + 7);
    std::fs::write(&source, &bytes).unwrap();

    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let hook = ProgressHook::new(move |progress| record.lock().unwrap().push(progress));
    let options = UploadOptions::default().with_progress(hook.clone());
    let published = client.upload_file(&path("raw/big"), &source, options).await.unwrap();
    assert_eq!(published.bytes, bytes.len() as u64);
    let last = seen.lock().unwrap().drain(..).map(|p| p.bytes_done).max();
    assert_eq!(last, Some(bytes.len() as u64));

    let options = DownloadOptions::default().with_progress(hook);
    let downloaded = client.download_opts(&path("raw/big"), &copy, options).await.unwrap();
    assert_eq!((downloaded.bytes, downloaded.etag), (published.bytes, published.etag));
    assert!(std::fs::read(&copy).unwrap() == bytes, "the copy differs");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().map(|p| p.bytes_done).max(), Some(bytes.len() as u64));
    assert!(seen.iter().all(|p| p.bytes_total == Some(bytes.len() as u64)));
    assert!(seen.len() > 5, "progress was told as it was made");
}

#[tokio::test]
async fn every_length_around_a_part_is_read_whole() {
    let lake = Lake::start().await;
    let client = lake.client();
    let directory = tempfile::tempdir().unwrap();
    let part = 64 * 1024;
    let options = DownloadOptions::default().with_part_bytes(part as u64).with_concurrency(2);
    for length in [0, 1, part - 1, part, part + 1, 5 * part, 5 * part + 1] {
        let bytes = noise(length);
        put(&client, "raw/a", bytes.clone()).await;
        let copy = directory.path().join("copy");
        client.download_opts(&path("raw/a"), &copy, options.clone()).await.unwrap();
        assert!(std::fs::read(&copy).unwrap() == bytes, "{length}");
        let reader = client.read_stream(&path("raw/a"), options.clone()).await.unwrap();
        assert_eq!(reader.size(), length as u64);
        let parts: Vec<_> = reader.try_collect().await.unwrap();
        assert!(parts.concat() == bytes, "{length}");
        assert!(client.read(&path("raw/a")).await.unwrap() == bytes, "{length}");
    }
}

#[tokio::test]
async fn ranges_end_with_the_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", b"0123456789".to_vec()).await;
    for (range, expected) in
        [(0..4, "0123"), (4..6, "45"), (8..99, "89"), (3..3, ""), (0..u64::MAX, "0123456789")]
    {
        let bytes = client.read_range(&path("raw/a"), range.clone()).await.unwrap();
        assert_eq!(bytes, expected, "{range:?}");
    }
    let error = client.read_range(&path("raw/a"), 10..12).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidInput, Some(416)));
}

#[tokio::test]
async fn a_broken_part_is_taken_up_where_it_broke() {
    let lake = Lake::start().await;
    let client = lake.client();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let bytes = noise(3 * MIB);
    put(&client, "raw/a", bytes.clone()).await;
    for cut in [0, 1, 100_000, 262_143] {
        for integrity in [Integrity::Checked, Integrity::Unchecked] {
            lake.emulators.faults().cut_lake_body(Some(cut));
            let options = small_parts().with_integrity(integrity);
            client.download_opts(&path("raw/a"), &copy, options).await.unwrap();
            assert!(std::fs::read(&copy).unwrap() == bytes, "cut after {cut}");
        }
    }
    assert_eq!(names_in(directory.path()), ["copy"]);
}

#[tokio::test]
async fn a_cut_connection_leaves_the_old_file_and_no_other() {
    let lake = Lake::start().await;
    put(&lake.client(), "raw/a", noise(3 * MIB)).await;
    let client =
        lake.builder().with_retry(RetryOptions::default().with_max_attempts(1)).build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    std::fs::write(&copy, "old").unwrap();
    lake.emulators.faults().cut_lake_body(Some(100_000));
    let options = small_parts().with_integrity(Integrity::Unchecked);
    let error = client.download_opts(&path("raw/a"), &copy, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{}", report(&error));
    assert!(report(&error).contains("the connection broke"), "{}", report(&error));
    assert_eq!(std::fs::read(&copy).unwrap(), b"old");
    assert_eq!(names_in(directory.path()), ["copy"]);
}

#[tokio::test]
async fn nothing_local_is_made_for_a_file_that_is_not_there() {
    let lake = Lake::start().await;
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("deep/copy");
    let error = lake.client().download(&path("raw/absent"), &copy).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(names_in(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_directory_is_not_read_as_a_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.create_directory(&path("raw/d")).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    for error in [
        client.read(&path("raw/d")).await.map(drop).unwrap_err(),
        client.download(&path("raw/d"), directory.path().join("d")).await.map(drop).unwrap_err(),
    ] {
        assert!(
            matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Conflict),
            "{}",
            report(&error)
        );
    }
    assert_eq!(names_in(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_local_file_is_kept_if_so_told() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", b"new".to_vec()).await;
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    std::fs::write(&copy, "old").unwrap();
    let options = DownloadOptions::default().with_existing_file(ExistingFile::Keep);
    let error = client.download_opts(&path("raw/a"), &copy, options.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&copy).unwrap(), b"old");
    let other = directory.path().join("other");
    client.download_opts(&path("raw/a"), &other, options).await.unwrap();
    assert_eq!(std::fs::read(&other).unwrap(), b"new");
    assert_eq!(names_in(directory.path()), ["copy", "other"]);
}

#[tokio::test]
async fn a_local_directory_is_not_replaced() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", b"x".to_vec()).await;
    let directory = tempfile::tempdir().unwrap();
    let error = client.download(&path("raw/a"), directory.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile);
    assert!(report(&error).contains("a directory of this name"), "{}", report(&error));
}

#[tokio::test]
async fn a_file_replaced_midway_is_not_mixed() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", vec![1; MIB]).await;
    let options = small_parts().with_concurrency(1);
    let mut reader = client.read_stream(&path("raw/a"), options.clone()).await.unwrap();
    let old = reader.etag().clone();
    reader.try_next().await.unwrap();
    put(&client, "raw/a", vec![2; MIB]).await;
    let error = reader.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{}", report(&error));

    let error =
        client.read_stream(&path("raw/a"), options.with_if_match(old)).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
}

#[tokio::test]
async fn a_dropped_download_removes_what_it_wrote() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", noise(3 * MIB)).await;
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let (started, mut wait) = tokio::sync::mpsc::unbounded_channel();
    let hook = ProgressHook::new(move |progress| {
        let _ = started.send(progress.bytes_done);
    });
    let options = small_parts().with_progress(hook);
    let source = path("raw/a");
    tokio::select! {
        done = client.download_opts(&source, &copy, options) => {
            panic!("{done:?} before any progress");
        }
        Some(_) = wait.recv() => {}
    }
    // A write that was under way on another thread may still hold the file, but not its name.
    assert_eq!(names_in(directory.path()), [""; 0]);
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let lake = Lake::start().await;
    let client = lake.client();
    put(&client, "raw/a", b"x".to_vec()).await;
    lake.emulators.faults().throttle(Service::LakeBlob, 4);
    assert_eq!(client.read(&path("raw/a")).await.unwrap(), "x");
    lake.emulators.faults().throttle(Service::LakeBlob, 5);
    let error = client.read(&path("raw/a")).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::Throttled, 5));
    assert!(!error.is_transient(), "its retries are used up");
    assert!(error.to_string().contains("5 attempts"), "{error}");
    assert!(error.hint().unwrap().contains("concurrency"));
}
