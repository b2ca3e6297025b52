//! Leases as both endpoints give them, on files, directories, filesystems, and around writes.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};

use super::{Answer, BLOB, DFS, LakeFixture, send};

const A: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";
const B: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// The three addresses of leases: what is leased, and where it is asked about.
const FILE: [&str; 2] = ["raw/file", "raw/file?comp=lease"];
const DIRECTORY: [&str; 2] = ["raw/dir", "raw/dir?comp=lease"];
const FILESYSTEM: [&str; 2] = ["raw", "raw?restype=container&comp=lease"];

#[derive(Debug, Clone, Copy)]
enum By {
    Blob,
    Dfs,
}

impl LakeFixture {
    fn lease(&self, by: By, what: [&str; 2], action: &str) -> RequestBuilder {
        let (method, url) = match by {
            By::Blob => (Method::PUT, format!("{BLOB}/{}", what[1])),
            By::Dfs => (Method::POST, format!("{DFS}/{}", what[0])),
        };
        self.request(method, url).header("content-length", "0").header("x-ms-lease-action", action)
    }

    async fn acquire(&self, by: By, what: [&str; 2], id: &str, duration: i32) -> Answer {
        let acquire = self.lease(by, what, "acquire").header("x-ms-proposed-lease-id", id);
        send(acquire.header("x-ms-lease-duration", duration)).await
    }

    async fn acquired(&self, id: &str, duration: i32) {
        let answer = self.acquire(By::Dfs, FILE, id, duration).await.expect(201);
        assert_eq!(answer.header("x-ms-lease-id"), id);
    }

    async fn state(&self) -> String {
        let head = send(self.head(format!("{DFS}/raw/file"))).await.expect(200);
        head.header("x-ms-lease-state").to_owned()
    }

    /// Asks until the file's lease is in this state.
    async fn becomes(&self, state: &str) {
        let began = std::time::Instant::now();
        while self.state().await != state {
            assert!(began.elapsed() < Duration::from_secs(20), "it never is {state}");
        }
    }

    fn later(&self, seconds: u64) {
        self.emulators.advance_lake_clock(Duration::from_secs(seconds));
    }
}

async fn with_file() -> LakeFixture {
    let lake = LakeFixture::start().await;
    lake.file("file", b"content").await;
    lake
}

#[tokio::test]
async fn a_lease_lives_the_same_life_at_both_endpoints_and_on_everything() {
    let lake = with_file().await;
    lake.directory("dir").await;
    for by in [By::Blob, By::Dfs] {
        for what in [FILE, DIRECTORY, FILESYSTEM] {
            let case = format!("{by:?} {what:?}");
            let with_id =
                |action: &str, id: &str| lake.lease(by, what, action).header("x-ms-lease-id", id);
            let answer = lake.acquire(by, what, A, 15).await.expect(201);
            assert_eq!(answer.header("x-ms-lease-id"), A, "{case}");
            assert!(answer.has("etag") && answer.has("last-modified"), "{case}");
            lake.acquire(by, what, B, 15).await.expect_error(409, "LeaseAlreadyPresent");
            lake.acquire(by, what, A, -1).await.expect(201);
            send(with_id("renew", A)).await.expect(200);
            send(with_id("renew", B)).await.expect_error(409, "LeaseIdMismatchWithLeaseOperation");
            let change = with_id("change", A).header("x-ms-proposed-lease-id", B);
            assert_eq!(send(change).await.expect(200).header("x-ms-lease-id"), B, "{case}");
            let broken = send(lake.lease(by, what, "break").header("x-ms-lease-break-period", "7"));
            assert_eq!(broken.await.expect(202).header("x-ms-lease-time"), "7", "{case}");
            lake.acquire(by, what, B, 15)
                .await
                .expect_error(409, "LeaseIsBreakingAndCannotBeAcquired");
            send(with_id("renew", B)).await.expect_error(409, "LeaseIsBrokenAndCannotBeRenewed");
            lake.later(8);
            let again = send(lake.lease(by, what, "break")).await.expect(202);
            assert_eq!(again.header("x-ms-lease-time"), "0", "{case}");
            send(with_id("release", B)).await.expect(200);
            send(with_id("release", B))
                .await
                .expect_error(409, "LeaseNotPresentWithLeaseOperation");
        }
    }
}

#[tokio::test]
async fn what_says_nothing_about_a_lease_is_refused() {
    let lake = with_file().await;
    let proposed = |request: RequestBuilder| request.header("x-ms-proposed-lease-id", A);
    let lasting = |request: RequestBuilder, time: &str| request.header("x-ms-lease-duration", time);
    let acquire = || lake.lease(By::Dfs, FILE, "acquire");
    for wrong in ["0", "14", "61", "-2", "x", ""] {
        send(lasting(proposed(acquire()), wrong)).await.expect_error(400, "InvalidHeaderValue");
    }
    send(proposed(acquire())).await.expect_error(400, "MissingRequiredHeader");
    send(lasting(acquire(), "15")).await.expect_error(400, "MissingRequiredHeader");
    send(lake.lease(By::Dfs, FILE, "renew")).await.expect_error(400, "MissingRequiredHeader");
    send(lake.lease(By::Dfs, FILE, "melt")).await.expect_error(400, "InvalidHeaderValue");
    send(lake.lease(By::Dfs, FILE, "break").header("x-ms-lease-break-period", "61"))
        .await
        .expect_error(400, "InvalidHeaderValue");
    send(lake.lease(By::Dfs, FILE, "renew").header("x-ms-lease-id", "mine"))
        .await
        .expect_error(400, "InvalidHeaderValue");
    send(lake.lease(By::Dfs, FILE, "break"))
        .await
        .expect_error(409, "LeaseNotPresentWithLeaseOperation");
    send(lake.request(Method::POST, format!("{DFS}/raw/file")).header("content-length", "0"))
        .await
        .expect_error(400, "MissingRequiredHeader");
    lake.acquire(By::Dfs, ["raw/absent", ""], A, 15).await.expect_error(404, "PathNotFound");
    // Without a proposed id the blob endpoint makes one.
    let made = send(lasting(lake.lease(By::Blob, FILE, "acquire"), "15")).await.expect(201);
    assert_eq!(made.header("x-ms-lease-id").len(), 36);
}

/// Each writing operation, on the leased `raw/file`.
fn writes(lake: &LakeFixture) -> Vec<(&'static str, RequestBuilder)> {
    let (dfs, blob) = (format!("{DFS}/raw/file"), format!("{BLOB}/raw/file"));
    let block_list =
        lake.request(Method::PUT, format!("{blob}?comp=blocklist")).body("<BlockList></BlockList>");
    vec![
        ("append", lake.append("file", 7, b"more")),
        ("flush", lake.flush("file", 7)),
        ("create", lake.put(format!("{dfs}?resource=file"))),
        ("properties", lake.patch(format!("{dfs}?action=setProperties"))),
        ("delete", lake.delete(&dfs)),
        ("put blob", lake.put_blob("file", b"new")),
        (
            "put block",
            lake.request(Method::PUT, format!("{blob}?comp=block&blockid=QUFB")).body("x"),
        ),
        ("put block list", block_list),
        ("metadata", lake.put(format!("{blob}?comp=metadata"))),
        ("blob properties", lake.put(format!("{blob}?comp=properties"))),
        ("delete blob", lake.delete(&blob)),
        (
            "expiry",
            lake.put(format!("{blob}?comp=expiry")).header("x-ms-expiry-option", "NeverExpire"),
        ),
        (
            "tags",
            lake.request(Method::PUT, format!("{blob}?comp=tags"))
                .body("<Tags><TagSet></TagSet></Tags>"),
        ),
    ]
}

#[tokio::test]
async fn nobody_writes_to_a_leased_file_without_its_lease() {
    let lake = with_file().await;
    lake.acquired(A, 60).await;
    for (name, request) in writes(&lake) {
        let answer = send(request).await;
        assert_eq!(answer.status.as_u16(), 412, "{name}: {}", answer.text());
        answer.expect_error(412, "LeaseIdMissing");
    }
    for (_, request) in writes(&lake) {
        send(request.header("x-ms-lease-id", B))
            .await
            .expect_error(412, "LeaseIdMismatchWithBlobOperation");
    }
    let rename = |from: &str, to: &str| {
        lake.put(format!("{DFS}/raw/{to}")).header("x-ms-rename-source", format!("/raw/{from}"))
    };
    lake.file("other", b"other").await;
    send(rename("file", "new")).await.expect_error(412, "LeaseIdMissing");
    send(rename("other", "file")).await.expect_error(412, "LeaseIdMissing");
    assert_eq!(lake.content("file").await, b"content");
    assert_eq!(lake.state().await, "leased");

    // With it, everybody does; reads need none, but a wrong one is refused.
    let url = format!("{DFS}/raw/file");
    send(lake.get(&url)).await.expect(200);
    send(lake.get(&url).header("x-ms-lease-id", A)).await.expect(200);
    send(lake.get(&url).header("x-ms-lease-id", B))
        .await
        .expect_error(412, "LeaseIdMismatchWithBlobOperation");
    send(lake.append("file", 7, b" more").header("x-ms-lease-id", A)).await.expect(202);
    send(lake.flush("file", 12).header("x-ms-lease-id", A)).await.expect(200);
    send(lake.put_blob("file", b"newer").header("x-ms-lease-id", A)).await.expect(201);
    assert_eq!(lake.state().await, "leased", "a write ends no lease");
    send(rename("file", "moved").header("x-ms-source-lease-id", A)).await.expect(201);
    let moved = send(lake.head(format!("{DFS}/raw/moved"))).await.expect(200);
    assert_eq!(moved.header("x-ms-lease-state"), "leased", "it goes along");
    send(rename("other", "moved").header("x-ms-lease-id", A)).await.expect(201);
    // An empty id, as SDKs send it, is none.
    send(rename("moved", "last").header("x-ms-source-lease-id", "")).await.expect(201);
}

#[tokio::test]
async fn an_id_without_its_lease_is_refused_by_what_became_of_it() {
    let lake = with_file().await;
    let write = || lake.put_blob("file", b"x").header("x-ms-lease-id", A);
    send(write()).await.expect_error(412, "LeaseNotPresentWithBlobOperation");
    lake.acquired(A, 15).await;
    lake.later(16);
    assert_eq!(lake.state().await, "expired");
    send(write()).await.expect_error(412, "LeaseLost");
    let renew = || lake.lease(By::Dfs, FILE, "renew").header("x-ms-lease-id", A);
    send(renew()).await.expect(200);
    assert_eq!(lake.state().await, "leased");
    lake.later(16);
    // Nobody holds it any more, and whoever writes now makes an end of it.
    send(lake.put_blob("file", b"y")).await.expect(201);
    assert_eq!(lake.state().await, "available");
    send(renew()).await.expect_error(409, "LeaseNotPresentWithLeaseOperation");
    let missing = lake.put_blob("absent", b"x").header("x-ms-lease-id", A);
    send(missing).await.expect_error(412, "LeaseNotPresentWithBlobOperation");
}

#[tokio::test]
async fn a_leased_filesystem_is_deleted_by_its_holder_only() {
    let lake = with_file().await;
    lake.acquire(By::Blob, FILESYSTEM, A, -1).await.expect(201);
    let url = format!("{DFS}/raw?resource=filesystem");
    let head = send(lake.head(&url)).await.expect(200);
    assert_eq!(head.header("x-ms-lease-status"), "locked");
    assert_eq!(head.header("x-ms-lease-duration"), "infinite");
    // It keeps nobody from what is in it, nor from what is said of it.
    send(lake.put_blob("file", b"x")).await.expect(201);
    send(lake.patch(&url).header("x-ms-properties", "a=MQ==")).await.expect(200);
    let metadata = || lake.put(format!("{BLOB}/raw?restype=container&comp=metadata"));
    send(metadata().header("x-ms-lease-id", B))
        .await
        .expect_error(412, "LeaseIdMismatchWithContainerOperation");
    send(metadata().header("x-ms-lease-id", A)).await.expect(200);
    let listed = send(lake.get(format!("{BLOB}/?comp=list"))).await.expect(200).text();
    assert!(listed.contains("<LeaseState>leased</LeaseState>"), "{listed}");

    send(lake.delete(&url)).await.expect_error(412, "LeaseIdMissing");
    let blob_url = format!("{BLOB}/raw?restype=container");
    send(lake.delete(&blob_url).header("x-ms-lease-id", B))
        .await
        .expect_error(412, "LeaseIdMismatchWithContainerOperation");
    send(lake.delete(&blob_url).header("x-ms-lease-id", A)).await.expect(202);
}

#[tokio::test]
async fn a_write_can_acquire_renew_and_release() {
    let lake = with_file().await;
    let acquiring = |request: RequestBuilder, action: &str| {
        let request = request.header("x-ms-lease-action", action);
        request.header("x-ms-proposed-lease-id", A).header("x-ms-lease-duration", "15")
    };
    send(acquiring(lake.append("file", 7, b"1"), "acquire")).await.expect(202);
    assert_eq!(lake.state().await, "leased");
    send(lake.append("file", 8, b"2")).await.expect_error(412, "LeaseIdMissing");
    lake.later(14);
    let renewing = lake.append("file", 8, b"2").header("x-ms-lease-action", "auto-renew");
    send(renewing.header("x-ms-lease-id", A)).await.expect(202);
    lake.later(14);
    assert_eq!(lake.state().await, "leased");
    // What is refused changes no lease.
    let releasing = |position| {
        let flush = lake.flush("file", position).header("x-ms-lease-action", "release");
        flush.header("x-ms-lease-id", A)
    };
    send(releasing(10)).await.expect_error(400, "InvalidFlushPosition");
    assert_eq!(lake.state().await, "leased");
    send(releasing(9)).await.expect(200);
    assert_eq!(lake.state().await, "available");
    assert_eq!(lake.content("file").await, b"content12");

    // All at once, and taken back where the write fails.
    let url = format!("{DFS}/raw/file?action=append&flush=true&position=");
    let at_once = |position: &str| {
        let request = lake.request(Method::PATCH, [&url, position].concat()).body("3");
        acquiring(request, "acquire-release")
    };
    send(at_once("20")).await.expect_error(400, "InvalidFlushPosition");
    assert_eq!(lake.state().await, "available");
    send(at_once("9")).await.expect(202);
    assert_eq!(lake.state().await, "available");
    assert_eq!(lake.content("file").await, b"content123");

    let release = lake.append("file", 10, b"4").header("x-ms-lease-action", "release");
    send(release.header("x-ms-lease-id", A)).await.expect_error(400, "InvalidHeaderValue");
    send(lake.put_blob("file", b"").header("x-ms-lease-action", "acquire"))
        .await
        .expect_error(501, "NotImplemented");
}

#[tokio::test]
async fn a_write_that_fails_or_is_cut_leaves_no_lease_behind() {
    let lake = with_file().await;
    let acquiring = || {
        let request = lake.append("file", 7, b"more").header("x-ms-lease-action", "acquire");
        request.header("x-ms-proposed-lease-id", A).header("x-ms-lease-duration", "-1")
    };
    send(acquiring().header("x-ms-content-crc64", "AAAAAAAAAAA="))
        .await
        .expect_error(400, "Crc64Mismatch");
    assert_eq!(lake.state().await, "available");
    // The connection closes when half of the body is there, and the lease with it.
    let (sender, halves) = futures::channel::mpsc::unbounded();
    sender.unbounded_send(Ok(bytes::Bytes::from_static(b"ha"))).unwrap();
    let body = reqwest::Body::wrap_stream(halves);
    let cut = acquiring().header("content-length", "4").body(body).send();
    let cutter = async {
        lake.becomes("leased").await;
        sender.unbounded_send(Err(std::io::Error::other("the client is gone"))).unwrap();
    };
    let (cut, ()) = futures::join!(cut, cutter);
    assert!(cut.is_err());
    lake.becomes("available").await;
    send(lake.append("file", 7, b"next")).await.expect(202);
    send(lake.flush("file", 11)).await.expect(200);
    assert_eq!(lake.content("file").await, b"contentnext");
    // One that was held before is still held after a failed renewal of the write.
    lake.acquired(A, 60).await;
    send(acquiring().header("x-ms-content-crc64", "AAAAAAAAAAA="))
        .await
        .expect_error(400, "Crc64Mismatch");
    let head = send(lake.head(format!("{DFS}/raw/file"))).await.expect(200);
    assert_eq!(head.header("x-ms-lease-duration"), "fixed", "as it was");
}

#[tokio::test]
async fn a_file_is_made_with_a_lease_on_it() {
    let lake = LakeFixture::start().await;
    let create = || {
        let create = lake.put(format!("{DFS}/raw/file?resource=file"));
        create.header("x-ms-proposed-lease-id", A)
    };
    send(create()).await.expect_error(400, "MissingRequiredHeader");
    send(create().header("x-ms-lease-duration", "30")).await.expect(201);
    assert_eq!(lake.state().await, "leased");
    send(lake.append("file", 0, b"x")).await.expect_error(412, "LeaseIdMissing");
    send(lake.append("file", 0, b"x").header("x-ms-lease-id", A)).await.expect(202);
}
