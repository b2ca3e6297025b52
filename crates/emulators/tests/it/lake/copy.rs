//! Copies that the service makes.

use azconnect_emulators::{AccountConfig, Config, Role, RoleAssignmentConfig};
use reqwest::{Method, RequestBuilder};

use super::{BLOB, LakeFixture, send, token};

/// A PUT without a body that names its source.
fn from_url(lake: &LakeFixture, url: &str, source: &str) -> RequestBuilder {
    lake.put(url)
        .header("x-ms-copy-source", source)
        .header("x-ms-copy-source-authorization", format!("Bearer {}", lake.token))
}

fn put_blob_from(lake: &LakeFixture, to: &str, source: &str) -> RequestBuilder {
    from_url(lake, &format!("{BLOB}/raw/{to}"), source).header("x-ms-blob-type", "BlockBlob")
}

#[tokio::test]
async fn a_blob_is_copied_with_what_is_said_about_it() {
    let lake = LakeFixture::start().await;
    let put = lake.put_blob("a%20b", b"123456789").header("x-ms-meta-team", "red");
    send(put.header("content-type", "text/csv")).await.expect(201);
    let source = format!("{BLOB}/raw/a%20b");

    let copied = send(lake.put(format!("{BLOB}/raw/d/async")).header("x-ms-copy-source", &source));
    let copied = copied.await.expect(202);
    assert_eq!(copied.header("x-ms-copy-status"), "success");
    let url = format!("{BLOB}/raw/d/sync");
    let sync = from_url(&lake, &url, &source).header("x-ms-requires-sync", "true");
    send(sync).await.expect(202);
    let put = send(put_blob_from(&lake, "d/put", &source)).await.expect(201);
    // The check value of CRC-64/NVME, ae8b14860a799888, little-endian.
    assert_eq!(put.header("x-ms-content-crc64"), "iJh5CoYUi64=");

    for name in ["async", "sync", "put"] {
        let read = send(lake.get(format!("{BLOB}/raw/d/{name}"))).await.expect(200);
        assert_eq!(read.body, b"123456789", "{name}");
        assert_eq!(read.header("content-type"), "text/csv", "{name}");
        assert_eq!(read.header("x-ms-meta-team"), "red", "{name}");
        assert_eq!(read.has("x-ms-copy-id"), name != "put", "{name}");
    }
    let head = send(lake.head(format!("{BLOB}/raw/d/async"))).await.expect(200);
    assert_eq!(head.header("x-ms-copy-id"), copied.header("x-ms-copy-id"));
    assert_eq!(head.header("x-ms-copy-progress"), "9/9");
    assert_eq!(head.header("x-ms-copy-source"), source);
    let abort = lake.put(format!("{BLOB}/raw/d/async?comp=copy&copyid=x"));
    send(abort.header("x-ms-copy-action", "abort"))
        .await
        .expect_error(409, "NoPendingCopyOperation");
    // Written anew it is no copy any more.
    lake.file("d/async", b"new").await;
    assert!(!send(lake.head(format!("{BLOB}/raw/d/async"))).await.has("x-ms-copy-id"));
}

#[tokio::test]
async fn blocks_are_copied_from_ranges() {
    let lake = LakeFixture::start().await;
    lake.file("source", b"0123456789").await;
    let source = format!("{BLOB}/raw/source");
    let block = |id: &str, range: &str| {
        let url = format!("{BLOB}/raw/target?comp=block&blockid={id}");
        from_url(&lake, &url, &source).header("x-ms-source-range", range)
    };
    send(block("MQ%3D%3D", "bytes=5-9")).await.expect(201);
    send(block("MA%3D%3D", "bytes=0-4")).await.expect(201);
    let list = "<BlockList><Latest>MA==</Latest><Latest>MQ==</Latest></BlockList>";
    let commit = lake.request(Method::PUT, format!("{BLOB}/raw/target?comp=blocklist"));
    send(commit.body(list)).await.expect(201);
    assert_eq!(lake.content("target").await, b"0123456789");

    let whole = format!("{BLOB}/raw/target?comp=block&blockid=MA%3D%3D");
    for (request, status, code) in [
        (block("MA%3D%3D", "bytes=10-11"), 416, "InvalidRange"),
        (block("MA%3D%3D", "bytes=x"), 400, "InvalidHeaderValue"),
        (block("!", "bytes=0-1"), 400, "InvalidBlockId"),
        (
            block("MA%3D%3D", "bytes=0-4").header("x-ms-source-content-crc64", "AAAAAAAAAAA="),
            400,
            "Crc64Mismatch",
        ),
        (
            from_url(&lake, &whole, &source).header("x-ms-source-if-match", "\"0x1\""),
            412,
            "SourceConditionNotMet",
        ),
    ] {
        send(request).await.expect_error(status, code);
    }
}

#[tokio::test]
async fn a_copy_that_may_not_be_leaves_what_was_there() {
    let lake = LakeFixture::start().await;
    lake.file("source", b"new").await;
    lake.file("target", b"old").await;
    lake.directory("dir").await;
    let source = format!("{BLOB}/raw/source");
    let unsigned = || {
        let put = lake.put(format!("{BLOB}/raw/target")).header("x-ms-copy-source", &source);
        put.header("x-ms-blob-type", "BlockBlob")
    };
    let absent = format!("{BLOB}/raw/absent");
    let elsewhere = "https://unknownaccount.blob.core.windows.net/raw/source";
    for (request, status, code) in [
        (put_blob_from(&lake, "target", &absent), 404, "CannotVerifyCopySource"),
        (put_blob_from(&lake, "target", elsewhere), 404, "CannotVerifyCopySource"),
        (put_blob_from(&lake, "target", "no url"), 400, "InvalidHeaderValue"),
        (put_blob_from(&lake, "target", &format!("{BLOB}/raw")), 400, "InvalidHeaderValue"),
        (put_blob_from(&lake, "target", &format!("{BLOB}/raw/dir")), 409, "ResourceTypeMismatch"),
        (unsigned(), 401, "CannotVerifyCopySource"),
        (
            put_blob_from(&lake, "target", &source).header("if-none-match", "*"),
            409,
            "BlobAlreadyExists",
        ),
        (
            put_blob_from(&lake, "target", &source).header("x-ms-source-if-match", "\"0x1\""),
            412,
            "SourceConditionNotMet",
        ),
        (
            put_blob_from(&lake, "target", &source)
                .header("x-ms-source-content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            400,
            "Md5Mismatch",
        ),
    ] {
        send(request).await.expect_error(status, code);
    }
    assert_eq!(lake.content("target").await, b"old");
}

#[tokio::test]
async fn another_account_is_read_by_whoever_may_read_there() {
    let mut config = Config::default();
    config.accounts.push(AccountConfig {
        name: "otheraccount".into(),
        filesystems: vec!["raw".into()],
        hierarchical_namespace: false,
        ..AccountConfig::default()
    });
    config.role_assignments.push(RoleAssignmentConfig {
        principal: "app-demo".into(),
        role: Role::StorageBlobDataReader,
        resource: "otheraccount".into(),
    });
    let lake = LakeFixture::with(config).await;
    let source = "https://otheraccount.blob.core.windows.net/raw/absent";
    let put = |bearer: &str| {
        lake.put(format!("{BLOB}/raw/target"))
            .header("x-ms-blob-type", "BlockBlob")
            .header("x-ms-copy-source", source)
            .header("x-ms-copy-source-authorization", format!("Bearer {bearer}"))
    };
    // Who may not read there is not told what is there.
    send(put(&lake.token)).await.expect_error(403, "CannotVerifyCopySource");
    let reader = token(&lake.emulators, "app-demo");
    send(put(&reader)).await.expect_error(404, "CannotVerifyCopySource");
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
}
