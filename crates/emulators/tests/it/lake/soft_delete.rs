//! Deleted paths that can be restored, and names of deleted filesystems that are not free yet.

use std::time::Duration;

use azconnect_emulators::Config;

use super::{Answer, BLOB, DFS, LakeFixture, send};

async fn with_retention(days: u16) -> LakeFixture {
    let mut config = Config::default();
    config.accounts[0].soft_delete_retention_days = days.try_into().ok();
    LakeFixture::with(config).await
}

impl LakeFixture {
    async fn deleted(&self, query: &str) -> Answer {
        let url = format!("{BLOB}/raw?restype=container&comp=list&showonly=deleted{query}");
        send(self.get(url)).await.expect(200)
    }

    /// Deletes a path at the dfs endpoint; gives its deletion id.
    async fn deletion(&self, path: &str) -> String {
        let url = format!("{DFS}/raw/{path}?recursive=true");
        send(self.delete(url)).await.expect(200).header("x-ms-deletion-id").to_owned()
    }

    async fn undelete(&self, path: &str, id: &str) -> Answer {
        let request = self.put(format!("{BLOB}/raw/{path}?comp=undelete"));
        send(request.header("x-ms-undelete-source", format!("{path}?deletionid={id}"))).await
    }
}

/// What stands in each element of a name.
fn all(text: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    text.split(&open)
        .skip(1)
        .map(|rest| rest.split(&close).next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_deleted_file_and_a_deleted_directory_come_back() {
    let lake = with_retention(7).await;
    lake.file("d/e/file", b"in a directory").await;
    lake.file("file", b"first").await;
    let etag = send(lake.head(format!("{DFS}/raw/file"))).await.etag().to_owned();
    let first = lake.deletion("file").await;
    lake.file("file", b"second").await;
    let answer = send(lake.delete(format!("{BLOB}/raw/file"))).await.expect(202);
    assert_eq!(answer.header("x-ms-delete-type-permanent"), "false");
    let directory = lake.deletion("d").await;
    assert_eq!(lake.names("recursive=true").await, [""; 0]);

    let listed = lake.deleted("").await.text();
    assert_eq!(all(&listed, "Name"), ["d", "file", "file"]);
    assert_eq!(all(&listed, "Deleted"), ["true"; 3]);
    assert_eq!(all(&listed, "ResourceType"), ["directory", "file", "file"]);
    assert_eq!(all(&listed, "RemainingRetentionDays"), ["6"; 3]);
    assert_eq!(all(&listed, "DeletionId")[..2], [directory.clone(), first.clone()]);

    let restored = lake.undelete("file", &first).await.expect(200);
    assert_eq!(restored.header("x-ms-resource-type"), "file");
    assert_eq!(lake.content("file").await, b"first");
    assert_eq!(send(lake.head(format!("{DFS}/raw/file"))).await.etag(), etag);
    let second = all(&lake.deleted("&prefix=file").await.text(), "DeletionId").remove(0);
    lake.undelete("file", &second).await.expect_error(409, "BlobAlreadyExists");
    assert_eq!(lake.content("file").await, b"first");
    lake.undelete("file", &first).await.expect_error(404, "BlobNotFound");

    lake.undelete("d", &directory).await.expect(200);
    assert_eq!(lake.content("d/e/file").await, b"in a directory");
    assert_eq!(all(&lake.deleted("").await.text(), "DeletionId"), [second]);
}

#[tokio::test]
async fn what_is_listed_can_be_paged_and_ends_with_the_retention() {
    let lake = with_retention(1).await;
    for name in ["a/1", "a/2", "b"] {
        lake.file(name, b"x").await;
        lake.deletion(name).await;
    }
    let by_directory = lake.deleted("&delimiter=%2F").await.text();
    assert_eq!(all(&by_directory, "Name"), ["a/", "b"]);
    assert_eq!(all(&by_directory, "BlobPrefix").len(), 1);
    let mut names = Vec::new();
    let mut marker = String::new();
    loop {
        let encoded: String = url::form_urlencoded::byte_serialize(marker.as_bytes()).collect();
        let page = lake.deleted(&format!("&maxresults=1&marker={encoded}")).await.text();
        names.extend(all(&page, "Name"));
        marker = all(&page, "NextMarker").remove(0);
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["a/1", "a/2", "b"]);
    let url = format!("{BLOB}/raw?restype=container&comp=list&showonly=deleted&marker=x");
    send(lake.get(url)).await.expect_error(400, "InvalidQueryParameterValue");
    let id = all(&lake.deleted("&prefix=b").await.text(), "DeletionId").remove(0);
    lake.emulators.advance_lake_clock(Duration::from_secs(24 * 60 * 60));
    assert_eq!(all(&lake.deleted("").await.text(), "Name"), [""; 0]);
    lake.undelete("b", &id).await.expect_error(404, "BlobNotFound");
}

#[tokio::test]
async fn without_soft_delete_nothing_comes_back() {
    let lake = LakeFixture::start().await;
    lake.file("file", b"x").await;
    let answer = send(lake.delete(format!("{DFS}/raw/file"))).await.expect(200);
    assert!(!answer.has("x-ms-deletion-id"));
    assert_eq!(all(&lake.deleted("").await.text(), "Name"), [""; 0]);
    let undelete = lake.put(format!("{BLOB}/raw/file?comp=undelete"));
    send(undelete).await.expect_error(400, "MissingRequiredHeader");
    for source in ["file", "other?deletionid=1", "file?deletionid=x", "../x?deletionid=1"] {
        let undelete = lake.put(format!("{BLOB}/raw/file?comp=undelete"));
        send(undelete.header("x-ms-undelete-source", source))
            .await
            .expect_error(400, "InvalidHeaderValue");
    }
}

#[tokio::test]
async fn a_flat_account_has_no_soft_delete_of_this_kind() {
    let mut config = Config::default();
    config.accounts[0].soft_delete_retention_days = 7.try_into().ok();
    config.accounts[0].hierarchical_namespace = false;
    let error = azconnect_emulators::Emulators::start(config).await.unwrap_err();
    assert_eq!(error.kind(), azconnect_emulators::ErrorKind::InvalidInput);
    assert!(error.to_string().contains("\"lakedemo\" has no hierarchical namespace"), "{error}");
}

#[tokio::test]
async fn the_name_of_a_deleted_filesystem_is_free_after_a_while() {
    let mut config = Config::default();
    config.accounts[0].filesystem_deletion_limbo_ms = 30_000;
    let lake = LakeFixture::with(config).await;
    let url = format!("{DFS}/raw?resource=filesystem");
    send(lake.delete(&url)).await.expect(202);
    send(lake.head(&url)).await.expect_error(404, "FilesystemNotFound");
    send(lake.put(&url)).await.expect_error(409, "FilesystemBeingDeleted");
    send(lake.put(format!("{BLOB}/raw?restype=container")))
        .await
        .expect_error(409, "ContainerBeingDeleted");
    lake.emulators.advance_lake_clock(Duration::from_secs(31));
    send(lake.put(&url)).await.expect(201);
}
