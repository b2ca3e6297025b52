//! Answers that no honest service gives: each must end in an error, soon and in little memory.

use azconnect_lake::{DownloadOptions, ErrorKind, RetryOptions};
use futures::TryStreamExt;

use crate::{
    harness::{Credential, names_in, path, report},
    scripted::{Scripted, answer},
};

const ETAG: (&str, &str) = ("ETag", "\"0x1\"");

/// Downloads from a server that gives this one answer, and returns the error.
async fn download(
    status: &'static str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> azconnect_lake::Error {
    let bytes = answer(status, headers, body);
    let server = Scripted::start(move |_, _| bytes.clone()).await;
    let client = server
        .builder(Credential::of(["token".to_owned()]))
        .with_retry(RetryOptions::default().with_max_attempts(3))
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    std::fs::write(&copy, "old").unwrap();
    let options = DownloadOptions::default().with_part_bytes(64 * 1024);
    let error = client.download_opts(&path("raw/a"), &copy, options).await.unwrap_err();
    assert_eq!(std::fs::read(&copy).unwrap(), b"old");
    assert_eq!(names_in(directory.path()), ["copy"]);
    error
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_refused() {
    for (content_range, body) in [
        ("bytes 1-2/3", &b"xx"[..]),
        ("bytes 0-1/3", b"xx"),
        ("bytes 0-9/3", b"xxxxxxxxxx"),
        ("bytes 0-2/*", b"xxx"),
        ("bytes 0-65536/70000", &[0; 65_537]),
        ("bytes 2-0/3", b""),
        ("bytes 0-18446744073709551615/18446744073709551615", b"x"),
        ("bytes 0-65535/18446744073709551615", &[0; 65_536]),
        ("bytes -1-2/3", b"xxx"),
        ("nonsense", b"xxx"),
    ] {
        let length = body.len().to_string();
        let headers = [ETAG, ("Content-Range", content_range), ("Content-Length", &length)];
        let error = download("206 Partial Content", &headers, body).await;
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{content_range}: {}", report(&error));
    }
}

#[tokio::test]
async fn a_whole_file_in_place_of_a_range_is_refused_before_it_is_read() {
    // The body would be 4 EiB.
    let headers = [ETAG, ("Content-Length", "4611686018427387904")];
    let error = download("200 OK", &headers, &[0; 100_000]).await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{}", report(&error));
}

#[tokio::test]
async fn a_body_shorter_than_it_says_is_a_broken_connection() {
    let headers = [ETAG, ("Content-Range", "bytes 0-9/10"), ("Content-Length", "10")];
    let error = download("206 Partial Content", &headers, b"xxx").await;
    assert_eq!(
        error.kind(),
        ErrorKind::InvalidResponse,
        "the part is not taken up: {}",
        report(&error)
    );
}

#[tokio::test]
async fn a_chunked_body_longer_than_its_range_is_refused() {
    let headers = [ETAG, ("Content-Range", "bytes 0-2/3"), ("Transfer-Encoding", "chunked")];
    let error = download("206 Partial Content", &headers, b"4\r\nxxxx\r\n0\r\n\r\n").await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{}", report(&error));
    assert!(report(&error).contains("more than the 3 bytes"), "{}", report(&error));
}

/// The server ignores `If-Match` and sends parts of another state.
#[tokio::test]
async fn a_state_that_changes_midway_is_refused() {
    let server = Scripted::start(|number, seen| {
        let range = seen.header("range").unwrap().strip_prefix("bytes=").unwrap();
        let content_range = ["bytes ", range, "/131072"].concat();
        let headers = [
            ("ETag", if number == 0 { "\"0x1\"" } else { "\"0x2\"" }),
            ("Content-Range", content_range.as_str()),
            ("Content-Length", "65536"),
        ];
        answer("206 Partial Content", &headers, &[0; 65_536])
    })
    .await;
    let options = DownloadOptions::default().with_part_bytes(64 * 1024);
    let reader = server.client().read_stream(&path("raw/a"), options).await.unwrap();
    let error = reader.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{}", report(&error));
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].header("if-match"), None);
    assert_eq!(seen[1].header("if-match"), Some("\"0x1\""), "later parts are pinned");
}

#[tokio::test]
async fn an_answer_without_its_headers_is_refused() {
    let error = download(
        "206 Partial Content",
        &[("Content-Range", "bytes 0-0/1"), ("Content-Length", "1")],
        b"x",
    )
    .await;
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(error.to_string().contains("no ETag"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_any_length_is_read_to_a_limit() {
    let body = vec![b'x'; 10 * 1024 * 1024];
    let length = body.len().to_string();
    let error = download("403 Forbidden", &[("Content-Length", &length)], &body).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(report(&error).len() < 1000, "{}", report(&error));
}

#[tokio::test]
async fn a_listing_that_leads_outside_is_refused() {
    for name in ["d/../../etc/passwd", "other/a", "/d", "d/./x"] {
        let body = serde_json::json!({ "paths": [{ "name": name }] }).to_string();
        let length = body.len().to_string();
        let bytes = answer("200 OK", &[("Content-Length", &length)], body.as_bytes());
        let server = Scripted::start(move |_, _| bytes.clone()).await;
        let error = server.client().list(&path("raw/d")).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{name}");
    }
}
