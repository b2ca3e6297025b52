//! Bytes that change on their way are noticed, repeated, and never handed on.

use std::sync::Arc;

use azconnect_lake::{DownloadOptions, ErrorKind, Integrity, RetryOptions, UploadOptions};
use base64::{Engine, engine::general_purpose::STANDARD};
use crc64fast_nvme::Digest;
use futures::TryStreamExt;

use crate::{
    harness::{Credential, Lake, names_in, noise, path, report},
    scripted::{Scripted, Seen, answer},
};

const PART: usize = 256 * 1024;

fn crc(bytes: &[u8]) -> u64 {
    let mut digest = Digest::new();
    digest.write(bytes);
    digest.sum64()
}

fn small_parts() -> DownloadOptions {
    DownloadOptions::default().with_part_bytes(PART as u64).with_concurrency(3)
}

/// A structured body in segments of 100,000 bytes, written out after the specification.
fn structured(content: &[u8]) -> Vec<u8> {
    let segments: Vec<_> = content.chunks(100_000).collect();
    let total = 13 + segments.len() * 18 + content.len() + 8;
    let mut bytes = vec![1];
    bytes.extend_from_slice(&(total as u64).to_le_bytes());
    bytes.extend_from_slice(&[1, 0]);
    bytes.extend_from_slice(&(segments.len() as u16).to_le_bytes());
    for (index, segment) in segments.iter().enumerate() {
        bytes.extend_from_slice(&(index as u16 + 1).to_le_bytes());
        bytes.extend_from_slice(&(segment.len() as u64).to_le_bytes());
        bytes.extend_from_slice(segment);
        bytes.extend_from_slice(&crc(segment).to_le_bytes());
    }
    bytes.extend_from_slice(&crc(content).to_le_bytes());
    bytes
}

fn range_of(seen: &Seen) -> (usize, usize) {
    let range = seen.header("range").unwrap().strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

/// The range of `content` that was asked for, as a structured body or plain; `harm` may change
/// the body.
fn serve(
    content: &[u8],
    seen: &Seen,
    is_structured: bool,
    extra: &[(&str, &str)],
    harm: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let (first, last) = range_of(seen);
    let last = last.min(content.len() - 1);
    let part = &content[first..=last];
    let mut body = if is_structured { structured(part) } else { part.to_vec() };
    let length = body.len().to_string();
    harm(&mut body);
    let content_range = format!("bytes {first}-{last}/{}", content.len());
    let content_length = part.len().to_string();
    let mut headers = vec![
        ("ETag", "\"0x1\""),
        ("Content-Range", content_range.as_str()),
        ("Content-Length", length.as_str()),
    ];
    if is_structured {
        headers.push(("x-ms-structured-body", "XSM/1.0; properties=crc64"));
        headers.push(("x-ms-structured-content-length", content_length.as_str()));
    }
    headers.extend_from_slice(extra);
    answer("206 Partial Content", &headers, &body)
}

#[tokio::test]
async fn segments_that_came_damaged_or_cut_are_asked_for_again() {
    let content = Arc::new(noise(3 * PART + 5));
    for harmful in 0..6 {
        let served = Arc::clone(&content);
        let server = Scripted::start(move |number, seen| {
            assert_eq!(seen.header("x-ms-structured-body"), Some("XSM/1.0; properties=crc64"));
            assert_eq!(seen.header("x-ms-version"), Some("2025-01-05"));
            serve(&served, seen, true, &[], |body| match (number, harmful) {
                // In the second segment of the first answers.
                (0..=3, 0) => body[150_000] ^= 1,
                (0..=3, 1) => body.truncate(150_000),
                (0, 2) => body[0] = 2,
                (0, 3) => body.truncate(5),
                (0, 4) => *body.last_mut().unwrap() ^= 0x80,
                _ => {}
            })
        })
        .await;
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        let done =
            server.client().download_opts(&path("raw/a"), &copy, small_parts()).await.unwrap();
        assert!(std::fs::read(&copy).unwrap() == *content, "harm {harmful}");
        assert_eq!(done.bytes_checked, content.len() as u64);
        assert!(!done.file_checked, "nothing is stored with this file");
        if harmful == 0 {
            let again = server.seen().iter().any(|seen| range_of(seen).0 % PART == 100_000);
            assert!(again, "the first segment was good and is kept");
        }
        let reader = server.client().read_stream(&path("raw/a"), small_parts()).await.unwrap();
        assert!(reader.try_collect::<Vec<_>>().await.unwrap().concat() == *content);
    }
}

#[tokio::test]
async fn what_stays_damaged_is_an_error_that_names_the_place() {
    let content = noise(3 * PART);
    let server = Scripted::start(move |_, seen| {
        let second = range_of(seen).0 >= PART && range_of(seen).0 < 2 * PART;
        serve(&content, seen, true, &[], |body| {
            if second {
                body[50_000] ^= 4;
            }
        })
    })
    .await;
    let client = server
        .builder(Credential::of(["token".to_owned()]))
        .with_retry(RetryOptions::default().with_max_attempts(3))
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    std::fs::write(&copy, "old").unwrap();
    let error = client.download_opts(&path("raw/a"), &copy, small_parts()).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidResponse, 3));
    assert!(error.to_string().contains("262144..524288"), "{}", report(&error));
    assert!(error.hint().is_some());
    assert_eq!(std::fs::read(&copy).unwrap(), b"old");
    assert_eq!(names_in(directory.path()), ["copy"]);
}

#[tokio::test]
async fn a_service_without_structured_bodies_is_asked_for_checked_ranges() {
    let content = Arc::new(noise(3 * PART));
    for refuses in [false, true] {
        let served = Arc::clone(&content);
        let server = Scripted::start(move |number, seen| {
            if seen.header("x-ms-structured-body").is_some() {
                return match refuses {
                    true => answer("501 Not Implemented", &[("Content-Length", "0")], b""),
                    false => serve(&served, seen, false, &[], |_| {}),
                };
            }
            assert_eq!(seen.header("x-ms-range-get-content-crc64"), Some("true"));
            assert_eq!(seen.header("x-ms-version"), Some("2023-11-03"));
            let (first, last) = range_of(seen);
            let last = last.min(served.len() - 1);
            let sum = STANDARD.encode(crc(&served[first..=last]).to_le_bytes());
            serve(&served, seen, false, &[("x-ms-content-crc64", &sum)], |body| {
                if number == 2 {
                    body[70_000] ^= 1;
                }
            })
        })
        .await;
        let client = server.client();
        let options = small_parts().with_concurrency(1);
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        let done = client.download_opts(&path("raw/a"), &copy, options.clone()).await.unwrap();
        assert!(std::fs::read(&copy).unwrap() == *content);
        // An answer that was plain where it was not to be is taken, and told of.
        let checked = if refuses { content.len() } else { content.len() - PART };
        assert_eq!(done.bytes_checked, checked as u64);
        let before = server.seen().len();
        let again = client.download_opts(&path("raw/a"), &copy, options).await.unwrap();
        assert_eq!(again.bytes_checked, content.len() as u64);
        let structured = server.seen()[before..]
            .iter()
            .any(|seen| seen.header("x-ms-structured-body").is_some());
        assert!(!structured, "it is remembered");
    }
}

#[tokio::test]
async fn a_service_without_checksums_is_read_all_the_same() {
    let content = Arc::new(noise(2 * PART));
    let served = Arc::clone(&content);
    let server = Scripted::start(move |_, seen| serve(&served, seen, false, &[], |_| {})).await;
    let client = server.client();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let done = client.download_opts(&path("raw/a"), &copy, small_parts()).await.unwrap();
    assert_eq!((done.bytes_checked, done.file_checked), (0, false));
    assert!(std::fs::read(&copy).unwrap() == *content);
    let unchecked = small_parts().with_integrity(Integrity::Unchecked);
    let before = server.seen().len();
    client.download_opts(&path("raw/a"), &copy, unchecked).await.unwrap();
    for seen in &server.seen()[before..] {
        assert_eq!(seen.header("x-ms-structured-body"), None);
        assert_eq!(seen.header("x-ms-range-get-content-crc64"), None);
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_its_writer_sent_is_not_handed_on() {
    let content = Arc::new(noise(3 * PART + 1));
    let length = content.len() as u64;
    let good = STANDARD.encode(crc(&content).to_le_bytes());
    let bad = STANDARD.encode(1_u64.to_le_bytes());
    for (stored, outcome) in [
        (format!("{good}/{length}"), Some(true)),
        // Of the file before something was appended.
        (format!("{bad}/{}", length - 1), Some(false)),
        ("nonsense".to_owned(), Some(false)),
        (format!("{bad}/{length}"), None),
    ] {
        let (served, header) = (Arc::clone(&content), stored.clone());
        let server = Scripted::start(move |_, seen| {
            serve(&served, seen, true, &[("x-ms-meta-azconnect_crc64", &header)], |_| {})
        })
        .await;
        let client = server.client();
        let directory = tempfile::tempdir().unwrap();
        let copy = directory.path().join("copy");
        let done = client.download_opts(&path("raw/a"), &copy, small_parts()).await;
        let reader = client.read_stream(&path("raw/a"), small_parts()).await.unwrap();
        let read = reader.try_collect::<Vec<_>>().await;
        match outcome {
            Some(checked) => {
                assert_eq!(done.unwrap().file_checked, checked, "{stored}");
                assert!(read.unwrap().concat() == *content);
            }
            None => {
                for error in [done.unwrap_err(), read.unwrap_err()] {
                    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
                    assert!(error.to_string().contains("azconnect_crc64"), "{error}");
                }
                assert_eq!(names_in(directory.path()), [""; 0]);
                let unchecked = small_parts().with_integrity(Integrity::Unchecked);
                client.download_opts(&path("raw/a"), &copy, unchecked).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn what_goes_up_carries_its_checksum_and_comes_back_checked() {
    let lake = Lake::start().await;
    let client = lake.client();
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    let small_blocks = UploadOptions::default().with_block_bytes(64 * 1024);
    for length in [0, 1, 64 * 1024, 1_000_000] {
        let bytes = noise(length);
        client.upload(&path("raw/a"), bytes.clone().into(), small_blocks.clone()).await.unwrap();
        let done = client.download_opts(&path("raw/a"), &copy, small_parts()).await.unwrap();
        assert!(done.file_checked, "{length}");
        assert!(std::fs::read(&copy).unwrap() == bytes);
    }
    let unchecked = small_blocks.with_integrity(Integrity::Unchecked);
    client.upload(&path("raw/b"), noise(300_000).into(), unchecked).await.unwrap();
    let done = client.download_opts(&path("raw/b"), &copy, small_parts()).await.unwrap();
    assert!(!done.file_checked);
}

#[tokio::test]
async fn a_block_that_was_stored_otherwise_is_sent_again() {
    let wrong = STANDARD.encode(7_u64.to_le_bytes());
    let server = Scripted::start(move |number, seen| {
        let sum = seen.header("x-ms-content-crc64").unwrap_or_default().to_owned();
        let sum = if number == 0 { &wrong } else { &sum };
        let headers =
            [("ETag", "\"0x1\""), ("Content-Length", "0"), ("x-ms-content-crc64", sum.as_str())];
        answer("201 Created", &headers, b"")
    })
    .await;
    server.client().upload(&path("raw/a"), "x".into(), UploadOptions::default()).await.unwrap();
    assert_eq!(server.seen().len(), 2);
    // python3: the check value of the catalogue in base64, and the length.
    server
        .client()
        .upload(&path("raw/a"), "123456789".into(), UploadOptions::default())
        .await
        .unwrap();
    assert_eq!(
        server.seen()[2].header("x-ms-meta-azconnect_crc64"),
        Some("iJh5CoYUi64=/9"),
        "{:?}",
        server.seen()[2]
    );
}
