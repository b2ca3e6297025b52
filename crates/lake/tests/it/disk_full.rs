//! A disk that fills up during a download.
//!
//! The limit is a real one: this test runs itself again in a process that may write files of
//! 1 MiB at most, and downloads 3 MiB there. (A full file system cannot be had without root; to
//! the code both are a write that fails midway.)

#![cfg(unix)]

use std::process::Command;

use azconnect_lake::{ErrorKind, UploadOptions};

use crate::{
    harness::{Lake, names_in, noise, path, report},
    scripted::{Scripted, answer},
};

const LIMITED: &str = "AZCONNECT_LAKE_TEST_LIMITED";

#[tokio::test]
async fn a_full_disk_leaves_the_old_file_and_says_which() {
    #[expect(
        clippy::disallowed_methods,
        reason = "tells the process that has the limit from this one"
    )]
    if std::env::var(LIMITED).is_ok() {
        return download_with_limit().await;
    }
    let test = std::env::current_exe().unwrap();
    // Blocks of 512 bytes, and no signal: the write itself has to fail.
    let script = r#"trap '' XFSZ; ulimit -f 2048; exec "$0" --exact "$1" --nocapture"#;
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(test)
        .arg("disk_full::a_full_disk_leaves_the_old_file_and_says_which")
        .env(LIMITED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

async fn download_with_limit() {
    // The emulator keeps its files on the disk, which would hit the limit first.
    let content = noise(3 * 1024 * 1024);
    let server = Scripted::start(move |_, seen| {
        let range = seen.header("range").unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let last = last.min(content.len() - 1);
        let content_range =
            ["bytes ", &first.to_string(), "-", &last.to_string(), "/", &content.len().to_string()]
                .concat();
        let length = (last + 1 - first).to_string();
        let headers = [
            ("ETag", "\"0x1\""),
            ("Content-Range", content_range.as_str()),
            ("Content-Length", length.as_str()),
        ];
        answer("206 Partial Content", &headers, &content[first..=last])
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("copy");
    std::fs::write(&copy, "old").unwrap();
    let options = azconnect_lake::DownloadOptions::default().with_part_bytes(256 * 1024);
    let error = server.client().download_opts(&path("raw/a"), &copy, options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile, "{}", report(&error));
    assert_eq!(error.resource(), copy.display().to_string());
    assert!(report(&error).contains("File too large"), "{}", report(&error));
    assert_eq!(std::fs::read(&copy).unwrap(), b"old");
    assert_eq!(names_in(directory.path()), ["copy"]);
}

#[tokio::test]
async fn a_local_path_that_cannot_be_made_is_named() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.upload(&path("raw/a"), "x".into(), UploadOptions::default()).await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let below = file.join("below/copy");
    let error = client.download(&path("raw/a"), &below).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LocalFile, "{}", report(&error));
    assert_eq!(error.resource(), below.display().to_string());
}
