//! Leases from acquiring to releasing, and writes, deletes and renames under them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use azconnect_lake::{
    DeleteOptions, ErrorKind, LakeClient, LeaseDuration, LeaseId, LeaseOptions, LeaseRenewal,
    LeaseState, RenameOptions, UploadOptions,
};

use crate::{
    harness::{Lake, path},
    scripted::{Scripted, answer},
};

fn by_hand() -> LeaseOptions {
    LeaseOptions::default().with_renewal(LeaseRenewal::ByHand)
}

async fn state(client: &LakeClient, name: &str) -> Option<LeaseState> {
    client.properties(&path(name)).await.unwrap().lease
}

#[tokio::test]
async fn a_lease_is_acquired_changed_renewed_and_released() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.create_directory(&path("raw/dir")).await.unwrap();
    client.upload(&path("raw/file"), "x".into(), UploadOptions::default()).await.unwrap();
    for name in ["raw/file", "raw/dir", "raw/"] {
        assert_eq!(state(&client, name).await, Some(LeaseState::Available), "{name}");
        let mut lease = client.acquire_lease(&path(name), by_hand()).await.unwrap();
        assert_eq!(state(&client, name).await, Some(LeaseState::Leased), "{name}");
        let error = client.acquire_lease(&path(name), by_hand()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{name}");
        assert_eq!(error.service_code(), Some("LeaseAlreadyPresent"), "{name}");
        assert!(error.hint().unwrap().contains("somebody holds a lease"), "{error:?}");
        lease.renew().await.unwrap();
        let other = LeaseId::random();
        lease.change(other).await.unwrap();
        assert_eq!(lease.id(), other);
        lease.renew().await.unwrap();
        lease.release().await.unwrap();
        assert_eq!(state(&client, name).await, Some(LeaseState::Available), "{name}");
    }
    let error = client.acquire_lease(&path("raw/absent"), by_hand()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn only_the_holder_writes_deletes_and_renames() {
    let lake = Lake::start().await;
    let client = lake.client();
    let (file, other) = (path("raw/file"), path("raw/other"));
    for name in [&file, &other] {
        client.upload(name, "x".into(), UploadOptions::default()).await.unwrap();
    }
    let lease = client.acquire_lease(&file, by_hand()).await.unwrap();
    let plain = UploadOptions::default;
    // Small, and in blocks.
    for bytes in [10, 300_000] {
        let options = || plain().with_block_bytes(64 * 1024);
        let error = client.upload(&file, vec![1; bytes].into(), options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PreconditionFailed, "{bytes}");
        assert_eq!(error.service_code(), Some("LeaseIdMissing"), "{bytes}");
        let wrong = options().with_lease(LeaseId::random());
        let error = client.upload(&file, vec![1; bytes].into(), wrong).await.unwrap_err();
        assert_eq!(error.service_code(), Some("LeaseIdMismatchWithBlobOperation"), "{bytes}");
        assert!(error.hint().unwrap().contains("another id"), "{error:?}");
        let right = options().with_lease(lease.id());
        client.upload(&file, vec![1; bytes].into(), right).await.unwrap();
    }
    assert_eq!(client.delete(&file).await.unwrap_err().service_code(), Some("LeaseIdMissing"));
    let renamed = client.rename_opts(&file, &path("raw/new"), &RenameOptions::default()).await;
    assert_eq!(renamed.unwrap_err().service_code(), Some("LeaseIdMissing"));
    let replaced = client.rename_opts(&other, &file, &RenameOptions::default()).await;
    assert_eq!(replaced.unwrap_err().service_code(), Some("LeaseIdMissing"));
    assert_eq!(client.read(&file).await.unwrap().len(), 300_000);

    let options = RenameOptions::default().with_lease(lease.id());
    client.rename_opts(&other, &file, &options).await.unwrap();
    assert_eq!(client.read(&file).await.unwrap(), "x");
    // The lease is that of what came from `other`, which has none.
    lease.release().await.unwrap();

    let lease = client.acquire_lease(&file, by_hand()).await.unwrap();
    let options = RenameOptions::default().with_source_lease(lease.id());
    client.rename_opts(&file, &path("raw/moved"), &options).await.unwrap();
    let options = DeleteOptions::default().with_lease(lease.id());
    client.delete_opts(&path("raw/moved"), &options).await.unwrap();
    assert!(!client.exists(&path("raw/moved")).await.unwrap());
}

#[tokio::test]
async fn anybody_can_break_a_lease_and_its_holder_learns_of_it() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/file");
    client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
    let error = client.break_lease(&file, None).await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseNotPresentWithLeaseOperation"));
    assert!(error.hint().unwrap().contains("nobody holds a lease"), "{error:?}");
    let forever = by_hand().with_duration(LeaseDuration::Infinite);
    let lease = client.acquire_lease(&file, forever).await.unwrap();
    let rest = client.break_lease(&file, Some(Duration::from_secs(20))).await.unwrap();
    assert_eq!(rest, Duration::from_secs(20));
    assert_eq!(state(&client, "raw/file").await, Some(LeaseState::Breaking));
    lake.emulators.advance_lake_clock(rest);
    assert_eq!(state(&client, "raw/file").await, Some(LeaseState::Broken));
    let error = lease.renew().await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseIsBrokenAndCannotBeRenewed"));
    let options = UploadOptions::default().with_lease(lease.id());
    let error = client.upload(&file, "y".into(), options).await.unwrap_err();
    assert_eq!(error.service_code(), Some("LeaseLost"));
    client.upload(&file, "y".into(), UploadOptions::default()).await.unwrap();
    lease.release().await.unwrap();
    let of_filesystem = client.acquire_lease(&path("raw/"), by_hand()).await.unwrap();
    let rest = client.break_lease(&path("raw/"), Some(Duration::ZERO)).await.unwrap();
    assert_eq!(rest, Duration::ZERO);
    of_filesystem.release().await.unwrap();
}

#[tokio::test]
async fn a_lease_renews_itself_at_half_of_its_time_until_it_is_lost() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/file");
    client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
    // Each time the background waits, the test says when it goes on.
    let (turn, turns) = tokio::sync::mpsc::channel::<()>(1);
    let turns = Arc::new(tokio::sync::Mutex::new(turns));
    let waits = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (seen, gate) = (Arc::clone(&waits), Arc::clone(&turns));
    let renewing = lake
        .builder()
        .with_sleep(move |span| {
            seen.lock().unwrap().push(span);
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                gate.lock().await.recv().await;
            })
        })
        .build()
        .unwrap();
    let options = LeaseOptions::default().with_duration(LeaseDuration::Seconds(30));
    let lease = renewing.acquire_lease(&file, options).await.unwrap();
    for round in 1..=4 {
        while waits.lock().unwrap().len() < round {
            tokio::task::yield_now().await;
        }
        assert_eq!(state(&client, "raw/file").await, Some(LeaseState::Leased), "{round}");
        lake.emulators.advance_lake_clock(Duration::from_secs(20));
        turn.send(()).await.unwrap();
    }
    while waits.lock().unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    assert_eq!(*waits.lock().unwrap(), [Duration::from_secs(15); 5]);
    assert_eq!(state(&client, "raw/file").await, Some(LeaseState::Leased));
    assert!(!lease.is_lost());
    client.break_lease(&file, Some(Duration::ZERO)).await.unwrap();
    turn.send(()).await.unwrap();
    while !lease.is_lost() {
        tokio::task::yield_now().await;
    }
    lease.release().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_acquires_and_releases_once() {
    let lost = AtomicUsize::new(0);
    let server = Scripted::start(move |_, seen| {
        let action = seen.header("x-ms-lease-action").unwrap();
        match (action, lost.fetch_add(1, Ordering::SeqCst) % 2) {
            // The connection closes without an answer.
            (_, 0) => Vec::new(),
            ("acquire", _) => answer("201 Created", &[("Content-Length", "0")], b""),
            _ => answer(
                "409 Conflict",
                &[
                    ("Content-Length", "0"),
                    ("x-ms-error-code", "LeaseNotPresentWithLeaseOperation"),
                ],
                b"",
            ),
        }
    })
    .await;
    let lease = server.client().acquire_lease(&path("raw/file"), by_hand()).await.unwrap();
    lease.release().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 4);
    let proposed = |at: usize| seen[at].header("x-ms-proposed-lease-id").unwrap().to_owned();
    assert_eq!(proposed(0), proposed(1), "the second attempt asks for the same lease");
    assert!(seen[0].line.starts_with("POST /raw/file HTTP"), "{}", seen[0].line);
}
