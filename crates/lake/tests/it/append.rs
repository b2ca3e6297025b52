//! Files that grow, alone, under a lease, and with somebody else in between.

use std::time::Duration;

use azconnect_lake::{
    AppendLease, AppendOptions, ErrorKind, LeaseOptions, LeaseRenewal, LeaseState, MissingFile,
    UploadOptions,
};

use crate::{
    harness::{Lake, noise, path},
    scripted::{Scripted, answer},
};

fn leased() -> AppendOptions {
    let lease = LeaseOptions::default().with_renewal(LeaseRenewal::ByHand);
    AppendOptions::default().with_lease(AppendLease::Acquire(lease))
}

#[tokio::test]
async fn what_was_appended_shows_after_a_flush_and_goes_on_where_it_ended() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/new/log");
    let bytes = noise(1_000_000);
    let options = AppendOptions::default().with_block_bytes(64 * 1024);
    let mut writer = client.append_writer(&file, options.clone()).await.unwrap();
    for piece in bytes[..700_000].chunks(33_333) {
        writer.write(piece.to_vec().into()).await.unwrap();
    }
    assert_eq!((writer.position(), writer.flushed()), (700_000, 0));
    assert_eq!(client.read(&file).await.unwrap().len(), 0);
    writer.flush().await.unwrap();
    assert_eq!(client.read(&file).await.unwrap(), bytes[..700_000]);
    writer.write(bytes[700_000..800_000].to_vec().into()).await.unwrap();
    let published = writer.finish().await.unwrap();
    assert_eq!(published.bytes, 800_000);
    assert_eq!(client.properties(&file).await.unwrap().etag, published.etag);

    let mut writer = client.append_writer(&file, options).await.unwrap();
    assert_eq!(writer.position(), 800_000);
    writer.write(bytes[800_000..].to_vec().into()).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().bytes, 1_000_000);
    assert_eq!(client.read(&file).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_dropped_writer_shows_nothing_and_the_next_one_is_not_disturbed() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    client.upload(&file, "begin ".into(), UploadOptions::default()).await.unwrap();
    let options = AppendOptions::default().with_block_bytes(64 * 1024);
    let mut writer = client.append_writer(&file, options).await.unwrap();
    writer.write(vec![b'x'; 200_000].into()).await.unwrap();
    drop(writer);
    assert_eq!(client.read(&file).await.unwrap(), "begin ");
    let mut writer = client.append_writer(&file, AppendOptions::default()).await.unwrap();
    writer.write("and end".into()).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(client.read(&file).await.unwrap(), "begin and end");
}

#[tokio::test]
async fn blocks_are_flushed_before_they_become_too_many() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    let options = AppendOptions::default().with_block_bytes(64 * 1024).with_blocks_a_flush(3);
    let mut writer = client.append_writer(&file, options).await.unwrap();
    let bytes = noise(7 * 64 * 1024);
    writer.write(bytes.clone().into()).await.unwrap();
    assert_eq!(writer.flushed(), 6 * 64 * 1024);
    assert_eq!(client.properties(&file).await.unwrap().size, 6 * 64 * 1024);
    writer.finish().await.unwrap();
    assert_eq!(client.read(&file).await.unwrap(), bytes);
}

#[tokio::test]
async fn a_lease_keeps_others_out_until_the_end() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    let mut writer = client.append_writer(&file, leased()).await.unwrap();
    let error = client.append_writer(&file, leased()).await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseAlreadyPresent"));
    let mut other = client.append_writer(&file, AppendOptions::default()).await.unwrap();
    other.write("mine".into()).await.unwrap();
    let error = other.flush().await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseIdMissing"));
    writer.write("one line\n".into()).await.unwrap();
    writer.flush().await.unwrap();
    writer.write("another\n".into()).await.unwrap();
    let published = writer.finish().await.unwrap();
    assert_eq!(client.read(&file).await.unwrap(), "one line\nanother\n");
    let found = client.properties(&file).await.unwrap();
    assert_eq!((found.lease, found.etag), (Some(LeaseState::Available), published.etag));

    let lease = client.acquire_lease(&file, LeaseOptions::default()).await.unwrap();
    let options = AppendOptions::default().with_lease(AppendLease::Held(lease.id()));
    let mut writer = client.append_writer(&file, options).await.unwrap();
    writer.write("third\n".into()).await.unwrap();
    writer.finish().await.unwrap();
    let state = client.properties(&file).await.unwrap().lease;
    assert_eq!(state, Some(LeaseState::Leased), "it is the caller's");
    lease.release().await.unwrap();
}

#[tokio::test]
async fn a_writer_in_between_is_told_and_nothing_of_its_is_lost() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    let mut one = client.append_writer(&file, AppendOptions::default()).await.unwrap();
    let mut other = client.append_writer(&file, AppendOptions::default()).await.unwrap();
    other.write("other".into()).await.unwrap();
    other.flush().await.unwrap();
    // Of the same length, so that only the entity tag tells them apart.
    one.write("mine!".into()).await.unwrap();
    let error = one.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    assert!(error.hint().unwrap().contains("another program writes to this file"), "{error:?}");
    let error = one.write("more".into()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert_eq!(client.read(&file).await.unwrap(), "other");

    // A shorter file than the writer left: its place is not there any more.
    other.write("more".into()).await.unwrap();
    client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
    let error = other.flush().await.unwrap_err();
    assert!(error.hint().unwrap().contains("another program"), "{error:?}");
    assert_eq!(client.read(&file).await.unwrap(), "x");
}

#[tokio::test]
async fn what_cannot_be_appended_to_is_refused() {
    let lake = Lake::start().await;
    let client = lake.client();
    let strict = AppendOptions::default().with_missing_file(MissingFile::Refuse);
    let error = client.append_writer(&path("raw/absent"), strict).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!client.exists(&path("raw/absent")).await.unwrap());
    client.create_directory(&path("raw/dir")).await.unwrap();
    for (name, kind) in [("raw/dir", ErrorKind::Conflict), ("raw/", ErrorKind::InvalidInput)] {
        let error = client.append_writer(&path(name), AppendOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
    }
    let unchanged = client.append_writer(&path("raw/empty"), leased()).await.unwrap();
    assert_eq!(unchanged.finish().await.unwrap().bytes, 0);
    assert_eq!(client.read(&path("raw/empty")).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_write_that_was_dropped_midway_ends_the_writer() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    let options = AppendOptions::default().with_block_bytes(64 * 1024).with_concurrency(1);
    let mut writer = client.append_writer(&file, options).await.unwrap();
    writer.write("seen".into()).await.unwrap();
    writer.flush().await.unwrap();
    let dropped = futures::poll!(std::pin::pin!(writer.write(noise(1_000_000).into())));
    assert!(dropped.is_pending());
    for error in [writer.write("x".into()).await.unwrap_err(), writer.flush().await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("begin anew"), "{error}");
    }
    assert_eq!(client.read(&file).await.unwrap(), "seen");
}

#[tokio::test]
async fn a_lease_that_ends_in_the_middle_shows_nothing_more() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/log");
    let mut writer = client.append_writer(&file, leased()).await.unwrap();
    writer.write("seen".into()).await.unwrap();
    writer.flush().await.unwrap();
    lake.emulators.advance_lake_clock(Duration::from_secs(61));
    client.upload(&file, "theirs".into(), UploadOptions::default()).await.unwrap();
    writer.write("lost".into()).await.unwrap();
    let error = writer.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{error:?}");
    assert_eq!(client.read(&file).await.unwrap(), "theirs");
}

#[tokio::test]
async fn a_small_append_under_a_lease_is_one_request_and_lost_answers_are_found_out() {
    let server = Scripted::start(|number, seen| {
        let length = [("Content-Length", "5"), ("ETag", "\"1\"")];
        let changed = [("Content-Length", "9"), ("ETag", "\"2\"")];
        let done = [("Content-Length", "0"), ("ETag", "\"2\"")];
        match (number, seen.line.split(' ').next().unwrap_or_default()) {
            (0, "HEAD") => answer("200 OK", &length, b""),
            // The answer to the first flush is lost, and the second one finds it done.
            (2, _) => Vec::new(),
            (3, _) => answer(
                "412 Precondition Failed",
                &[("Content-Length", "0"), ("x-ms-error-code", "ConditionNotMet")],
                b"",
            ),
            (4, "HEAD") => answer("200 OK", &changed, b""),
            _ => answer("202 Accepted", &done, b""),
        }
    })
    .await;
    let client = server.client();
    let mut writer =
        client.append_writer(&path("raw/log"), AppendOptions::default()).await.unwrap();
    writer.write("more".into()).await.unwrap();
    writer.flush().await.unwrap();
    assert_eq!(writer.flushed(), 9);
    let seen = server.seen();
    assert_eq!(seen[2].header("if-match"), Some("\"1\""));

    let options = AppendOptions::default()
        .with_lease(AppendLease::Held("0f8fad5b-d9cb-469f-a165-70867728950e".parse().unwrap()));
    let server = Scripted::start(|number, _| match number {
        0 => answer("200 OK", &[("Content-Length", "5"), ("ETag", "\"1\"")], b""),
        _ => answer("202 Accepted", &[("Content-Length", "0"), ("ETag", "\"2\"")], b""),
    })
    .await;
    let mut writer = server.client().append_writer(&path("raw/log"), options).await.unwrap();
    writer.write("more".into()).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().bytes, 9);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(
        seen[1].line,
        "PATCH /raw/log?action=append&position=5&flush=true&close=true HTTP/1.1"
    );
    assert_eq!(seen[1].body, b"more");
    assert!(
        seen[1].header("x-ms-lease-id").is_some() && seen[1].header("x-ms-content-crc64").is_some()
    );
}
