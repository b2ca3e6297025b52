//! Copies by the service, inside an account and between two.

use azconnect_emulators::Service;
use azconnect_lake::{CopyOptions, ErrorKind, LakeClient, UploadOptions, WriteCondition};
use bytes::Bytes;

use crate::{
    harness::{Lake, noise, path},
    scripted::{Scripted, answer},
};

async fn put(client: &LakeClient, name: &str, bytes: impl Into<Bytes>) -> azconnect_lake::ETag {
    let options = UploadOptions::default().with_content_type("text/csv");
    client.upload(&path(name), bytes.into(), options).await.unwrap().etag
}

#[tokio::test]
async fn a_file_is_copied_whole_or_in_blocks() {
    let lake = Lake::start().await;
    let client = lake.client();
    let bytes: Bytes = noise(1_000_000).into();
    put(&client, "raw/a b", bytes.clone()).await;
    let small = CopyOptions::default().with_block_bytes(64 * 1024).with_concurrency(3);
    for (name, options, requests) in [
        // One HEAD, the copy, and a look at it by the other endpoint.
        ("raw/d/whole", CopyOptions::default(), 2),
        ("raw/d/blocks", small, 1 + 16 + 1),
        ("raw/d/new", CopyOptions::default().with_condition(WriteCondition::IfAbsent), 3),
    ] {
        let before = lake.emulators.requests(Service::LakeBlob);
        let copied = client.copy(&path("raw/a b"), &path(name), options).await.unwrap();
        assert_eq!(lake.emulators.requests(Service::LakeBlob) - before, requests, "{name}");
        assert_eq!(copied.bytes, 1_000_000);
        assert_eq!(client.read(&path(name)).await.unwrap(), bytes, "{name}");
        let found = client.properties(&path(name)).await.unwrap();
        assert_eq!(found.etag, copied.etag);
        assert_eq!(found.content_type.as_deref(), Some("text/csv"), "{name}");
    }
    put(&client, "raw/empty", Bytes::new()).await;
    client.copy(&path("raw/empty"), &path("raw/d/empty"), CopyOptions::default()).await.unwrap();
    assert_eq!(client.properties(&path("raw/d/empty")).await.unwrap().size, 0);
}

#[tokio::test]
async fn a_copy_that_is_refused_leaves_what_was_there() {
    let lake = Lake::start().await;
    let client = lake.client();
    let old = put(&client, "raw/a", "old").await;
    put(&client, "raw/a", "new").await;
    put(&client, "raw/there", "there").await;
    client.create_directory(&path("raw/dir")).await.unwrap();
    let options = CopyOptions::default();
    for (from, options, kind) in [
        ("raw/absent", options.clone(), ErrorKind::NotFound),
        ("raw/dir", options.clone(), ErrorKind::InvalidInput),
        ("raw/", options.clone(), ErrorKind::InvalidInput),
        (
            "raw/a",
            options.clone().with_condition(WriteCondition::IfAbsent),
            ErrorKind::AlreadyExists,
        ),
        ("raw/a", options.with_source_if_match(old), ErrorKind::PreconditionFailed),
    ] {
        let error = client.copy(&path(from), &path("raw/there"), options).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{from}: {error:?}");
        assert_eq!(client.read(&path("raw/there")).await.unwrap(), "there");
    }
}

#[tokio::test]
async fn another_account_is_copied_from_with_a_token_of_its_own() {
    let lake = Lake::start_with(
        r#"{
            "accounts": [
                {"name": "lakedemo", "filesystems": ["raw"]},
                {"name": "archive", "filesystems": ["old"], "hierarchical_namespace": false}
            ],
            "role_assignments": [
                {"principal": "uami-demo", "role": "Storage Blob Data Contributor", "resource": "lakedemo"},
                {"principal": "app-demo", "role": "Storage Blob Data Contributor", "resource": "archive"}
            ]
        }"#,
    )
    .await;
    let (client, archive) = (lake.client(), lake.client_of("archive", "app-demo"));
    let bytes: Bytes = noise(300_000).into();
    put(&archive, "old/a", bytes.clone()).await;
    let blocks = CopyOptions::default().with_block_bytes(100_000);
    for options in [CopyOptions::default(), blocks] {
        client.copy_from(&archive, &path("old/a"), &path("raw/a"), options).await.unwrap();
        assert_eq!(client.read(&path("raw/a")).await.unwrap(), bytes);
        client.delete(&path("raw/a")).await.unwrap();
    }
    let stranger = lake.client_of("archive", "uami-demo");
    let error = client
        .copy_from(&stranger, &path("old/a"), &path("raw/a"), CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(!client.exists(&path("raw/a")).await.unwrap());
}

const NO_BODY: (&str, &str) = ("Content-Length", "0");
const SOURCE: &[(&str, &str)] = &[("ETag", "\"0x1\""), ("Content-Length", "70000")];

/// The commit is done but its answer lost; the second is refused, since the file is there.
#[tokio::test]
async fn a_copy_whose_answer_was_lost_is_recognized() {
    for ours in [true, false] {
        let known = std::sync::Mutex::new((String::new(), 0));
        let server = Scripted::start(move |_, seen| {
            let mut known = known.lock().unwrap();
            if seen.line.starts_with("HEAD ") {
                return answer("200 OK", SOURCE, b"");
            }
            if seen.line.contains("comp=block&") {
                assert_eq!(seen.header("x-ms-source-if-match"), Some("\"0x1\""));
                assert_eq!(seen.header("x-ms-copy-source-authorization"), Some("Bearer token"));
                return answer("201 Created", &[NO_BODY], b"");
            }
            if seen.line.starts_with("PUT ") {
                known.1 += 1;
                if known.1 == 1 {
                    let sent = String::from_utf8(seen.body.clone()).unwrap();
                    let ids = sent.split("<Latest>").skip(1);
                    known.0 = ids
                        .map(|rest| {
                            format!(
                                "<Block><Name>{}</Name></Block>",
                                rest.split('<').next().unwrap()
                            )
                        })
                        .collect();
                    return Vec::new();
                }
                let code = ("x-ms-error-code", "BlobAlreadyExists");
                return answer("409 Conflict", &[code, NO_BODY], b"");
            }
            let blocks = if ours { known.0.as_str() } else { "<Block><Name>eA==</Name></Block>" };
            let xml = format!("<BlockList><CommittedBlocks>{blocks}</CommittedBlocks></BlockList>");
            let length = xml.len().to_string();
            answer("200 OK", &[("ETag", "\"0x1\""), ("Content-Length", &length)], xml.as_bytes())
        })
        .await;
        let options = CopyOptions::default()
            .with_block_bytes(64 * 1024)
            .with_condition(WriteCondition::IfAbsent);
        let outcome = server.client().copy(&path("raw/a"), &path("raw/b"), options).await;
        match outcome {
            Ok(copied) => {
                assert!(ours);
                assert_eq!(copied.bytes, 70_000);
            }
            Err(error) => {
                assert!(!ours);
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            }
        }
    }
}

#[tokio::test]
async fn a_copy_of_another_length_is_no_copy() {
    let server = Scripted::start(|number, seen| match number {
        0 => answer("200 OK", SOURCE, b""),
        1 => {
            assert!(seen.line.starts_with("PUT /raw/b HTTP"), "{}", seen.line);
            answer("201 Created", &[("ETag", "\"0x2\""), NO_BODY], b"")
        }
        _ => answer("200 OK", &[("ETag", "\"0x2\""), ("Content-Length", "69999")], b""),
    })
    .await;
    let error = server
        .client()
        .copy(&path("raw/a"), &path("raw/b"), CopyOptions::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{error:?}");
    assert!(error.to_string().contains("69999 bytes, its source 70000"), "{error}");
    assert!(!format!("{error:?}").contains("token"), "{error:?}");
}
