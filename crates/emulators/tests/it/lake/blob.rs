//! Put Blob and its relatives, and the XML listings.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;

use super::{BLOB, DFS, LakeFixture, send};

#[tokio::test]
async fn a_blob_is_put_whole_and_read_by_either_endpoint() {
    let lake = LakeFixture::start().await;
    let put = lake.put_blob("d/x", b"123456789").header("content-type", "text/csv");
    let made = send(put).await.expect(201);
    // The check value of CRC-64/NVME, ae8b14860a799888, little-endian.
    assert_eq!(made.header("x-ms-content-crc64"), "iJh5CoYUi64=");
    for base in [DFS, BLOB] {
        let read = send(lake.get(format!("{base}/raw/d/x"))).await.expect(200);
        assert_eq!(read.body, b"123456789");
        assert_eq!(read.etag(), made.etag());
        assert_eq!(read.header("content-type"), "text/csv");
    }
    assert_eq!(lake.names("recursive=true").await, ["d", "d/x"]);
}

#[tokio::test]
async fn a_put_that_is_wrong_is_refused_and_leaves_no_file() {
    let lake = LakeFixture::start().await;
    let put = || lake.put_blob("x", b"123456789");
    let bare = || lake.request(Method::PUT, format!("{BLOB}/raw/x")).body("x");
    let zeros = STANDARD.encode([0; 16]);
    for (request, status, code) in [
        (bare(), 400, "MissingRequiredHeader"),
        (bare().header("x-ms-blob-type", "Blob"), 400, "InvalidHeaderValue"),
        (put().header("content-md5", &zeros), 400, "Md5Mismatch"),
        (put().header("x-ms-content-crc64", "AAAAAAAAAAA="), 400, "Crc64Mismatch"),
        (put().header("x-ms-meta-a-b", "x"), 400, "InvalidMetadata"),
        (put().header("if-match", "*"), 412, "ConditionNotMet"),
    ] {
        send(request).await.expect_error(status, code);
    }
    let request = lake.request(Method::PUT, format!("{BLOB}/absent/x"));
    send(request.header("x-ms-blob-type", "BlockBlob").body("x"))
        .await
        .expect_error(404, "ContainerNotFound");
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
}

#[tokio::test]
async fn conditions_decide_who_overwrites() {
    let lake = LakeFixture::start().await;
    let put = || lake.put_blob("x", b"new");
    let first = send(put().header("if-none-match", "*")).await.expect(201);
    send(put().header("if-none-match", "*")).await.expect_error(409, "BlobAlreadyExists");
    let second = send(put().header("if-match", first.etag())).await.expect(201);
    assert_ne!(first.etag(), second.etag());
    send(put().header("if-match", first.etag())).await.expect_error(412, "ConditionNotMet");
    send(lake.delete(format!("{BLOB}/raw/x")).header("if-match", first.etag()))
        .await
        .expect_error(412, "ConditionNotMet");
    send(lake.delete(format!("{BLOB}/raw/x")).header("if-match", second.etag())).await.expect(202);
}

#[tokio::test]
async fn one_of_many_that_create_at_once_wins() {
    let lake = std::sync::Arc::new(LakeFixture::start().await);
    let puts = (0..8).map(|number: u8| {
        let lake = std::sync::Arc::clone(&lake);
        tokio::spawn(async move {
            let put = lake.put_blob("d/x", &vec![number; 50_000]).header("if-none-match", "*");
            send(put).await.status.as_u16()
        })
    });
    let mut statuses = Vec::new();
    for put in puts.collect::<Vec<_>>() {
        statuses.push(put.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    let content = lake.content("d/x").await;
    assert!(content.len() == 50_000 && content.iter().all(|byte| *byte == content[0]));
}

#[tokio::test]
async fn the_md5_that_was_sent_stays_with_the_blob() {
    let lake = LakeFixture::start().await;
    // `printf 123456789 | openssl md5 -binary | base64`
    let md5 = "JfnnlDI7RTiF9RgfG2JNCw==";
    send(lake.put_blob("x", b"123456789").header("content-md5", md5)).await.expect(201);
    let whole = send(lake.get(format!("{BLOB}/raw/x"))).await.expect(200);
    assert_eq!(whole.header("content-md5"), md5);
    let part = send(lake.get(format!("{BLOB}/raw/x")).header("range", "bytes=0-1")).await;
    let part = part.expect(206);
    assert_eq!(part.header("x-ms-blob-content-md5"), md5);
    assert!(!part.has("content-md5"));
}

#[tokio::test]
async fn metadata_and_properties_are_replaced_as_a_whole() {
    let lake = LakeFixture::start().await;
    let put = lake.put_blob("x", b"content").header("x-ms-meta-a", "1");
    let made = send(put.header("content-type", "text/csv")).await.expect(201);
    let url = format!("{BLOB}/raw/x");
    send(lake.put(format!("{url}?comp=metadata")).header("x-ms-meta-b", "2")).await.expect(200);
    let changed = lake.put(format!("{url}?comp=properties"));
    send(changed.header("x-ms-blob-cache-control", "no-store")).await.expect(200);
    let head = send(lake.head(&url)).await.expect(200);
    assert!(!head.has("x-ms-meta-a"));
    assert_eq!(head.header("x-ms-meta-b"), "2");
    assert_eq!(head.header("cache-control"), "no-store");
    assert_eq!(head.header("content-type"), "application/octet-stream");
    assert_ne!(head.etag(), made.etag());
}

#[tokio::test]
async fn blobs_are_listed_flat_or_by_directory() {
    let lake = LakeFixture::start().await;
    for path in ["a/1", "a/b/2", "a-b", "%3C%26%3E"] {
        lake.file(path, b"content").await;
    }
    let base = format!("{BLOB}/raw?restype=container&comp=list");
    for (query, blobs, prefixes) in [
        ("", vec!["&lt;&amp;&gt;", "a", "a/1", "a/b", "a/b/2", "a-b"], vec![]),
        ("&delimiter=/", vec!["&lt;&amp;&gt;", "a-b"], vec!["a/"]),
        ("&prefix=a", vec!["a", "a/1", "a/b", "a/b/2", "a-b"], vec![]),
        ("&prefix=a/&delimiter=/", vec!["a/1"], vec!["a/b/"]),
        ("&prefix=a&delimiter=/", vec!["a-b"], vec!["a/"]),
        ("&prefix=x", vec![], vec![]),
    ] {
        let text = send(lake.get(format!("{base}{query}"))).await.expect(200).text();
        assert_eq!(between(&text, "<Blob><Name>", "</Name>"), blobs, "{query}");
        assert_eq!(between(&text, "<BlobPrefix><Name>", "</Name>"), prefixes, "{query}");
        assert!(text.contains("<NextMarker></NextMarker>"), "{text}");
    }
    let text = send(lake.get(format!("{base}&maxresults=2"))).await.expect(200).text();
    let marker = between(&text, "<NextMarker>", "</NextMarker>")[0];
    let mut url = url::Url::parse(&base).unwrap();
    url.query_pairs_mut().append_pair("marker", marker).append_pair("maxresults", "2");
    let text = send(lake.get(url.as_str())).await.expect(200).text();
    assert_eq!(between(&text, "<Blob><Name>", "</Name>"), ["a/1", "a/b"]);
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(it, _)| it).collect()
}
