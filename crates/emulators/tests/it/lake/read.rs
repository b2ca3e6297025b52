//! Reading: ranges, conditions, headers, and a body that is cut on request.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{BLOB, DFS, LakeFixture, send};

#[tokio::test]
async fn ranges_are_answered_on_both_endpoints() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"0123456789").await;
    for base in [DFS, BLOB] {
        for (range, body, content_range) in [
            ("bytes=0-0", "0", "bytes 0-0/10"),
            ("bytes=3-5", "345", "bytes 3-5/10"),
            ("bytes=7-", "789", "bytes 7-9/10"),
            ("bytes=8-100", "89", "bytes 8-9/10"),
        ] {
            for header in ["range", "x-ms-range"] {
                let answer = send(lake.get(format!("{base}/raw/x")).header(header, range)).await;
                let answer = answer.expect(206);
                assert_eq!(answer.text(), body);
                assert_eq!(answer.header("content-range"), content_range);
                assert_eq!(answer.header("content-length"), body.len().to_string());
            }
        }
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_refused_with_the_length() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"0123456789").await;
    lake.file("empty", b"").await;
    for (path, range, content_range) in
        [("x", "bytes=10-11", "bytes */10"), ("empty", "bytes=0-", "bytes */0")]
    {
        for base in [DFS, BLOB] {
            let answer = send(lake.get(format!("{base}/raw/{path}")).header("range", range)).await;
            let answer = answer.expect_error(416, "InvalidRange");
            assert_eq!(answer.header("content-range"), content_range);
        }
    }
}

#[tokio::test]
async fn there_are_no_suffix_ranges() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"0123456789").await;
    let whole = send(lake.get(format!("{BLOB}/raw/x")).header("range", "bytes=-3")).await;
    assert_eq!(whole.expect(200).text(), "0123456789");
    send(lake.get(format!("{BLOB}/raw/x")).header("x-ms-range", "bytes=-3"))
        .await
        .expect_error(400, "InvalidHeaderValue");
}

#[tokio::test]
async fn a_small_range_may_come_with_its_md5() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"0123456789").await;
    let request = lake.get(format!("{BLOB}/raw/x")).header("x-ms-range", "bytes=1-9");
    let answer = send(request.header("x-ms-range-get-content-md5", "true")).await.expect(206);
    // `printf 123456789 | openssl md5 -binary | base64`
    assert_eq!(answer.header("content-md5"), "JfnnlDI7RTiF9RgfG2JNCw==");
    lake.file("big", &vec![0; 4 * 1024 * 1024 + 1]).await;
    let request = lake.get(format!("{BLOB}/raw/big")).header("x-ms-range", "bytes=0-");
    send(request.header("x-ms-range-get-content-md5", "true"))
        .await
        .expect_error(400, "OutOfRangeInput");
}

#[tokio::test]
async fn reads_obey_their_conditions() {
    let lake = LakeFixture::start().await;
    let made = lake.file("x", b"content").await;
    let (etag, date) = (made.etag(), made.header("last-modified"));
    let (past, future) = ("Thu, 01 Jan 2015 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT");
    for (header, value, status) in [
        ("if-match", etag, 200),
        ("if-match", "*", 200),
        ("if-match", "\"0x1\"", 412),
        ("if-none-match", "\"0x1\"", 200),
        ("if-none-match", etag, 304),
        ("if-none-match", "*", 304),
        ("if-modified-since", past, 200),
        ("if-modified-since", date, 304),
        ("if-unmodified-since", date, 200),
        ("if-unmodified-since", future, 200),
        ("if-unmodified-since", past, 412),
    ] {
        for base in [DFS, BLOB] {
            for request in [lake.get(format!("{base}/raw/x")), lake.head(format!("{base}/raw/x"))] {
                let answer = send(request.header(header, value)).await.expect(status);
                if status != 200 {
                    assert_eq!(answer.header("x-ms-error-code"), "ConditionNotMet");
                }
                assert!(status != 304 || answer.body.is_empty());
            }
        }
    }
    send(lake.get(format!("{DFS}/raw/x")).header("if-modified-since", "yesterday"))
        .await
        .expect_error(400, "InvalidHeaderValue");
}

#[tokio::test]
async fn a_missing_path_is_told_in_the_header_where_there_is_no_body() {
    let lake = LakeFixture::start().await;
    for (base, code) in [(DFS, "PathNotFound"), (BLOB, "BlobNotFound")] {
        let answer = send(lake.head(format!("{base}/raw/absent"))).await.expect_error(404, code);
        assert!(answer.body.is_empty());
        send(lake.get(format!("{base}/raw/absent"))).await.expect_error(404, code);
    }
    for (base, code) in [(DFS, "FilesystemNotFound"), (BLOB, "ContainerNotFound")] {
        send(lake.head(format!("{base}/absent/x"))).await.expect_error(404, code);
        send(lake.get(format!("{base}/absent/x"))).await.expect_error(404, code);
    }
}

#[tokio::test]
async fn each_endpoint_describes_a_path_in_its_own_words() {
    let lake = LakeFixture::start().await;
    let put = lake.put_blob("d/x", b"content").header("x-ms-meta-team", "red");
    send(put.header("x-ms-blob-content-encoding", "gzip")).await.expect(201);
    let dfs = send(lake.head(format!("{DFS}/raw/d/x"))).await.expect(200);
    assert_eq!(dfs.header("x-ms-properties"), format!("team={}", STANDARD.encode("red")));
    assert_eq!(dfs.header("x-ms-resource-type"), "file");
    assert_eq!(dfs.header("content-encoding"), "gzip");
    assert_eq!(dfs.header("content-length"), "7");
    assert!(!dfs.has("x-ms-meta-team"));
    let blob = send(lake.head(format!("{BLOB}/raw/d/x"))).await.expect(200);
    assert_eq!(blob.header("x-ms-meta-team"), "red");
    assert_eq!(blob.header("x-ms-blob-type"), "BlockBlob");
    assert!(!blob.has("x-ms-properties"));

    let directory = send(lake.head(format!("{BLOB}/raw/d"))).await.expect(200);
    assert_eq!(directory.header("x-ms-meta-hdi_isfolder"), "true");
    assert_eq!(directory.header("content-length"), "0");
    let directory = send(lake.head(format!("{DFS}/raw/d"))).await.expect(200);
    assert_eq!(directory.header("x-ms-resource-type"), "directory");
    send(lake.get(format!("{DFS}/raw/d"))).await.expect_error(409, "ResourceTypeMismatch");
    let root = send(lake.head(format!("{DFS}/raw//?action=getAccessControl"))).await.expect(200);
    assert_eq!(root.header("x-ms-acl"), "user::rwx,group::r-x,other::---");
}

#[tokio::test]
async fn a_reader_keeps_the_file_it_began_with() {
    let lake = LakeFixture::start().await;
    let old = vec![1; 20_000_000];
    lake.file("x", &old).await;
    let mut response = lake.get(format!("{BLOB}/raw/x")).send().await.unwrap();
    let mut body = response.chunk().await.unwrap().unwrap().to_vec();
    lake.file("x", &vec![2; 20_000_000]).await;
    while let Some(chunk) = response.chunk().await.unwrap() {
        body.extend(chunk);
    }
    assert!(body == old);
}

#[tokio::test]
async fn a_body_is_cut_where_it_was_asked_for_and_only_once() {
    let lake = LakeFixture::start().await;
    lake.file("x", &vec![7; 1_000_000]).await;
    lake.emulators.faults().cut_lake_body(Some(300_001));
    let mut response = lake.get(format!("{BLOB}/raw/x")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut received = 0;
    let error = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received += chunk.len(),
            Ok(None) => panic!("the body ended as if it were whole"),
            Err(error) => break error,
        }
    };
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert!(received <= 300_001, "{received}");
    assert_eq!(lake.content("x").await.len(), 1_000_000);
}
