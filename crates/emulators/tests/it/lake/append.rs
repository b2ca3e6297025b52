//! Append and flush: what readers see when, and what is refused.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{DFS, LakeFixture, send};

async fn empty_file(path: &str) -> LakeFixture {
    let lake = LakeFixture::start().await;
    send(lake.put(format!("{DFS}/raw/{path}?resource=file"))).await.expect(201);
    lake
}

#[tokio::test]
async fn appended_data_is_seen_after_the_flush_and_not_before() {
    let lake = empty_file("x").await;
    let before = send(lake.head(format!("{DFS}/raw/x"))).await.expect(200);
    let appended = send(lake.append("x", 0, b"hello ")).await.expect(202);
    assert!(!appended.has("etag"));
    send(lake.append("x", 6, b"world")).await.expect(202);
    assert_eq!(lake.content("x").await, b"");
    assert_eq!(send(lake.head(format!("{DFS}/raw/x"))).await.etag(), before.etag());

    let flushed = send(lake.flush("x", 11).header("x-ms-content-type", "text/plain")).await;
    let flushed = flushed.expect(200);
    assert_eq!(flushed.header("content-length"), "0");
    let read = send(lake.get(format!("{DFS}/raw/x"))).await.expect(200);
    assert_eq!(read.body, b"hello world");
    assert_eq!(read.etag(), flushed.etag());
    assert_eq!(read.header("content-type"), "text/plain");
}

#[tokio::test]
async fn parts_may_come_in_any_order_and_at_once() {
    let lake = Arc::new(empty_file("x").await);
    let parts: Vec<Vec<u8>> = (0..16_u8).map(|part| vec![part; 100_003]).collect();
    let appends = parts.iter().enumerate().rev().map(|(at, part)| {
        let (lake, part) = (Arc::clone(&lake), part.clone());
        tokio::spawn(async move {
            send(lake.append("x", at as u64 * 100_003, &part)).await.expect(202);
        })
    });
    for append in appends.collect::<Vec<_>>() {
        append.await.unwrap();
    }
    let expected = parts.concat();
    send(lake.flush("x", expected.len() as u64)).await.expect(200);
    assert!(lake.content("x").await == expected);
}

#[tokio::test]
async fn a_flush_must_end_where_the_data_ends() {
    let lake = empty_file("x").await;
    send(lake.append("x", 0, b"01234")).await.expect(202);
    send(lake.append("x", 7, b"789")).await.expect(202);
    for position in [6, 7, 10, 11] {
        send(lake.flush("x", position)).await.expect_error(400, "InvalidFlushPosition");
    }
    assert_eq!(lake.content("x").await, b"");
    send(lake.append("x", 5, b"56")).await.expect(202);
    send(lake.flush("x", 10)).await.expect(200);
    assert_eq!(lake.content("x").await, b"0123456789");
    send(lake.flush("x", 9)).await.expect_error(400, "InvalidFlushPosition");
    // Repeated after a lost answer, a flush does no harm.
    send(lake.flush("x", 10)).await.expect(200);
}

#[tokio::test]
async fn data_beyond_the_position_is_dropped_unless_it_is_to_be_retained() {
    let lake = empty_file("x").await;
    send(lake.append("x", 0, b"0123456789")).await.expect(202);
    let url = format!("{DFS}/raw/x?action=flush&position=4&retainUncommittedData=true");
    send(lake.patch(url)).await.expect(200);
    assert_eq!(lake.content("x").await, b"0123");
    send(lake.flush("x", 8)).await.expect(200);
    assert_eq!(lake.content("x").await, b"01234567");
    send(lake.flush("x", 10)).await.expect_error(400, "InvalidFlushPosition");
}

#[tokio::test]
async fn a_file_grows_by_flush_after_flush() {
    let lake = empty_file("x").await;
    let mut expected = Vec::new();
    for round in 0..5_u8 {
        let part = [round; 1000];
        send(lake.append("x", expected.len() as u64, &part)).await.expect(202);
        expected.extend(part);
        send(lake.flush("x", expected.len() as u64)).await.expect(200);
        assert_eq!(lake.content("x").await, expected);
    }
    // Below the end nothing can be changed.
    send(lake.append("x", 0, b"changed")).await.expect(202);
    send(lake.flush("x", 7)).await.expect_error(400, "InvalidFlushPosition");
    assert_eq!(lake.content("x").await, expected);
}

#[tokio::test]
async fn a_repeated_append_replaces_the_first_only_if_it_is_good() {
    let lake = empty_file("x").await;
    send(lake.append("x", 0, b"first")).await.expect(202);
    let zeros = STANDARD.encode([0; 16]);
    send(lake.append("x", 0, b"wrong").header("content-md5", &zeros))
        .await
        .expect_error(400, "Md5Mismatch");
    send(lake.append("x", 5, b" part")).await.expect(202);
    send(lake.append("x", 3, b"ST PA")).await.expect(202);
    send(lake.flush("x", 10)).await.expect(200);
    assert_eq!(lake.content("x").await, b"firST PArt");
}

#[tokio::test]
async fn one_request_may_append_and_flush() {
    let lake = empty_file("x").await;
    let url = format!("{DFS}/raw/x?action=append&position=0&flush=true");
    let answer = send(lake.request(reqwest::Method::PATCH, url).body("content")).await.expect(202);
    let read = send(lake.get(format!("{DFS}/raw/x"))).await.expect(200);
    assert_eq!((read.body.as_slice(), read.etag()), (b"content".as_slice(), answer.etag()));
}

#[tokio::test]
async fn checksums_are_verified_and_given_back() {
    let lake = empty_file("x").await;
    // `printf 123456789 | openssl md5 -binary | base64`
    let md5 = "JfnnlDI7RTiF9RgfG2JNCw==";
    // The check value of CRC-64/NVME, ae8b14860a799888, little-endian.
    let crc64 = "iJh5CoYUi64=";
    let append = || lake.append("x", 0, b"123456789");
    let answer = send(append().header("content-md5", md5)).await.expect(202);
    assert_eq!(answer.header("content-md5"), md5);
    let answer = send(append().header("x-ms-content-crc64", crc64)).await.expect(202);
    assert_eq!(answer.header("x-ms-content-crc64"), crc64);
    assert_eq!(send(append()).await.expect(202).header("x-ms-content-crc64"), crc64);
    send(append().header("content-md5", "AAAA")).await.expect_error(400, "InvalidMd5");
    send(append().header("x-ms-content-crc64", "AAAAAAAAAAA="))
        .await
        .expect_error(400, "Crc64Mismatch");
    send(append().header("x-ms-content-crc64", crc64).header("content-md5", md5))
        .await
        .expect_error(400, "InvalidHeaderValue");
}

#[tokio::test]
async fn an_overwritten_or_deleted_file_forgets_what_was_appended() {
    let lake = empty_file("x").await;
    send(lake.append("x", 0, b"lost")).await.expect(202);
    send(lake.put(format!("{DFS}/raw/x?resource=file"))).await.expect(201);
    send(lake.flush("x", 4)).await.expect_error(400, "InvalidFlushPosition");
    send(lake.append("x", 0, b"lost")).await.expect(202);
    send(lake.delete(format!("{DFS}/raw/x"))).await.expect(200);
    send(lake.flush("x", 4)).await.expect_error(404, "PathNotFound");
    send(lake.append("x", 0, b"lost")).await.expect_error(404, "PathNotFound");
}

#[tokio::test]
async fn appended_data_moves_with_its_file() {
    let lake = empty_file("d/x").await;
    send(lake.append("d/x", 0, b"content")).await.expect(202);
    send(lake.put(format!("{DFS}/raw/e")).header("x-ms-rename-source", "/raw/d")).await.expect(201);
    send(lake.flush("e/x", 7)).await.expect(200);
    assert_eq!(lake.content("e/x").await, b"content");
}

#[tokio::test]
async fn a_flush_obeys_its_conditions_and_a_refused_one_changes_nothing() {
    let lake = empty_file("x").await;
    let before = send(lake.head(format!("{DFS}/raw/x"))).await.expect(200);
    send(lake.append("x", 0, b"content")).await.expect(202);
    send(lake.flush("x", 7).header("if-match", "\"0x1\""))
        .await
        .expect_error(412, "ConditionNotMet");
    assert_eq!(lake.content("x").await, b"");
    send(lake.flush("x", 7).header("if-match", before.etag())).await.expect(200);
    assert_eq!(lake.content("x").await, b"content");
}

#[tokio::test]
async fn appends_say_where_and_how_long() {
    let lake = empty_file("x").await;
    lake.directory("d").await;
    let url = |query: &str| format!("{DFS}/raw/x?action={query}");
    for (request, status, code) in [
        (lake.patch(url("append")), 400, "MissingRequiredQueryParameter"),
        (lake.patch(url("append&position=-1")), 400, "InvalidQueryParameterValue"),
        (lake.patch(url("flush")), 400, "MissingRequiredQueryParameter"),
        (
            lake.request(reqwest::Method::PATCH, url("flush&position=0")).body("x"),
            400,
            "ContentLengthMustBeZero",
        ),
        (
            lake.request(reqwest::Method::PATCH, url("append&position=0")).body(
                reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>("x")])),
            ),
            411,
            "MissingContentLengthHeader",
        ),
        (lake.append("d", 0, b"x"), 409, "ResourceTypeMismatch"),
    ] {
        send(request).await.expect_error(status, code);
    }
}
