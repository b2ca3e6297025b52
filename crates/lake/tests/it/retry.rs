//! Answers that get lost, tokens that get refused, and pauses that are asked for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use azconnect_lake::{ErrorKind, UploadOptions, WriteCondition};

use crate::{
    harness::{Credential, path},
    scripted::{Scripted, answer},
};

const ETAG: (&str, &str) = ("ETag", "\"0x1\"");
const NO_BODY: (&str, &str) = ("Content-Length", "0");

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let server = Scripted::start(|_, seen| match seen.header("authorization") {
        Some("Bearer good") => answer("200 OK", &[ETAG, ("Content-Length", "1")], b"x"),
        _ => answer("401 Unauthorized", &[NO_BODY], b""),
    })
    .await;
    let credential = Credential::of(["bad".to_owned(), "good".to_owned()]);
    let client = server.builder(Arc::clone(&credential) as _).build().unwrap();
    assert_eq!(client.read(&path("raw/a")).await.unwrap(), "x");
    assert_eq!(client.read(&path("raw/a")).await.unwrap(), "x");
    assert_eq!(credential.times_asked(), 2, "the good one is kept");

    let credential = Credential::of(["bad".to_owned()]);
    let client = server.builder(Arc::clone(&credential) as _).build().unwrap();
    let error = client.read(&path("raw/a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(credential.times_asked(), 2);
}

#[tokio::test]
async fn the_pause_that_is_asked_for_is_made() {
    let server = Scripted::start(|number, _| match number {
        0 => answer("503 Busy", &[("x-ms-retry-after-ms", "12345"), NO_BODY], b""),
        1 => answer("429 Slow Down", &[("Retry-After", "7"), NO_BODY], b""),
        _ => answer("200 OK", &[ETAG, ("Content-Length", "1")], b"x"),
    })
    .await;
    let pauses = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&pauses);
    let client = server
        .builder(Credential::of(["token".to_owned()]))
        .with_sleep(move |pause| {
            record.lock().unwrap().push(pause);
            Box::pin(std::future::ready(()))
        })
        .build()
        .unwrap();
    client.read(&path("raw/a")).await.unwrap();
    assert_eq!(*pauses.lock().unwrap(), [Duration::from_millis(12_345), Duration::from_secs(7)]);
    let ids: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.header("x-ms-client-request-id").unwrap().to_owned())
        .collect();
    assert!(!ids[0].is_empty());
}

#[tokio::test]
async fn a_redirect_gets_no_token() {
    let server = Scripted::start(|_, _| {
        answer("307 Elsewhere", &[("Location", "http://127.0.0.1:9/raw/a"), NO_BODY], b"")
    })
    .await;
    let error = server.client().read(&path("raw/a")).await.unwrap_err();
    assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidResponse, Some(307)));
    assert_eq!(server.seen().len(), 1);
}

/// The first commit is done but its answer lost; the second is refused, since the file is there.
#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_recognized() {
    let committed = Arc::new(Mutex::new(String::new()));
    for ours in [true, false] {
        let known = Arc::clone(&committed);
        let server = Scripted::start(move |number, seen| {
            let mut known = known.lock().unwrap();
            match number {
                0 => answer("201 Created", &[NO_BODY], b""),
                1 => {
                    let sent = String::from_utf8(seen.body.clone()).unwrap();
                    let id = sent.split("<Latest>").nth(1).unwrap().split('<').next().unwrap();
                    *known = id.to_owned();
                    // No answer at all: the connection just ends.
                    Vec::new()
                }
                2 => answer(
                    "409 Conflict",
                    &[("x-ms-error-code", "BlobAlreadyExists"), NO_BODY],
                    b"",
                ),
                _ => {
                    let name = if ours { known.as_str() } else { "c29tZWJvZHkgZWxzZQ==" };
                    let xml = [
                        "<BlockList><CommittedBlocks><Block><Name>",
                        name,
                        "</Name><Size>1</Size></Block></CommittedBlocks></BlockList>",
                    ]
                    .concat();
                    let length = xml.len().to_string();
                    answer("200 OK", &[ETAG, ("Content-Length", &length)], xml.as_bytes())
                }
            }
        })
        .await;
        let options = UploadOptions::default().with_condition(WriteCondition::IfAbsent);
        let outcome = server.client().upload(&path("raw/a"), "x".into(), options).await;
        assert!(server.seen()[3].line.contains("blocklisttype=committed"));
        match outcome {
            Ok(published) => {
                assert!(ours);
                assert_eq!(published.etag.as_str(), "\"0x1\"");
            }
            Err(error) => {
                assert!(!ours);
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            }
        }
    }
}

#[tokio::test]
async fn a_rename_whose_answer_was_lost_is_recognized() {
    for ours in [true, false] {
        let transaction = Mutex::new(String::new());
        let server = Scripted::start(move |number, seen| {
            let mut transaction = transaction.lock().unwrap();
            match number {
                0 => {
                    *transaction = seen.header("x-ms-client-transaction-id").unwrap().to_owned();
                    Vec::new()
                }
                1 => answer(
                    "404 Not Found",
                    &[("x-ms-error-code", "SourcePathNotFound"), NO_BODY],
                    b"",
                ),
                _ => {
                    let id = if ours { transaction.as_str() } else { "another" };
                    answer("200 OK", &[("x-ms-client-transaction-id", id), NO_BODY], b"")
                }
            }
        })
        .await;
        let outcome =
            server.client().rename(&path("raw/a b"), &path("raw/c"), &WriteCondition::Always).await;
        let seen = server.seen();
        assert_eq!(seen[0].header("x-ms-rename-source"), Some("/raw/a%20b"));
        assert!(seen[2].line.starts_with("HEAD /raw/c?action=getStatus"), "{}", seen[2].line);
        assert_eq!(outcome.is_ok(), ours, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_delete_whose_answer_was_lost_is_done() {
    let server = Scripted::start(|number, _| match number {
        0 => Vec::new(),
        _ => answer("404 Not Found", &[("x-ms-error-code", "PathNotFound"), NO_BODY], b""),
    })
    .await;
    server.client().delete(&path("raw/a")).await.unwrap();
    // Without a lost answer it is an error.
    assert_eq!(
        server.client().delete(&path("raw/a")).await.unwrap_err().kind(),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn every_request_has_the_headers_that_the_service_wants() {
    let server = Scripted::start(|_, _| answer("201 Created", &[ETAG, NO_BODY], b"")).await;
    server
        .client()
        .upload(&path("raw/a"), "123456789".into(), UploadOptions::default())
        .await
        .unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "PUT /raw/a HTTP/1.1");
    assert_eq!(seen.header("authorization"), Some("Bearer token"));
    assert_eq!(seen.header("x-ms-version"), Some("2023-11-03"));
    assert_eq!(seen.header("x-ms-blob-type"), Some("BlockBlob"));
    assert_eq!(seen.header("content-length"), Some("9"));
    // python3: base64.b64encode((0xae8b14860a799888).to_bytes(8, "little"))
    assert_eq!(seen.header("x-ms-content-crc64"), Some("iJh5CoYUi64="));
    assert!(seen.header("x-ms-date").unwrap().ends_with(" GMT"));
    assert_eq!(seen.body, b"123456789");
}
