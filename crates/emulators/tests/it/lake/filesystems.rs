//! Filesystems, which are containers to the blob endpoint.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{BLOB, DFS, LakeFixture, send};

#[tokio::test]
async fn a_filesystem_is_made_once_and_is_a_container_too() {
    let lake = LakeFixture::start().await;
    let url = format!("{DFS}/new?resource=filesystem");
    let properties = format!("team={}", STANDARD.encode("red"));
    let made = send(lake.put(&url).header("x-ms-properties", &properties)).await.expect(201);
    assert_eq!(made.header("x-ms-namespace-enabled"), "true");
    send(lake.put(&url)).await.expect_error(409, "FilesystemAlreadyExists");
    send(lake.put(format!("{BLOB}/new?restype=container")))
        .await
        .expect_error(409, "ContainerAlreadyExists");

    let head = send(lake.head(&url)).await.expect(200);
    assert_eq!(head.etag(), made.etag());
    assert_eq!(head.header("x-ms-properties"), properties);
    let container = send(lake.get(format!("{BLOB}/new?restype=container"))).await.expect(200);
    assert_eq!(container.etag(), made.etag());
    assert_eq!(container.header("x-ms-meta-team"), "red");
}

#[tokio::test]
async fn a_deleted_filesystem_is_gone_with_everything_in_it() {
    let lake = LakeFixture::start().await;
    lake.file("a/b", b"content").await;
    let url = format!("{DFS}/raw?resource=filesystem");
    send(lake.delete(&url)).await.expect(202);
    send(lake.head(&url)).await.expect_error(404, "FilesystemNotFound");
    send(lake.delete(&url)).await.expect_error(404, "FilesystemNotFound");
    send(lake.get(format!("{DFS}/raw/a/b"))).await.expect_error(404, "FilesystemNotFound");
    send(lake.get(format!("{BLOB}/raw/a/b"))).await.expect_error(404, "ContainerNotFound");
    send(lake.put(&url)).await.expect(201);
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
}

#[tokio::test]
async fn filesystems_are_listed_in_pages() {
    let lake = LakeFixture::start().await;
    for name in ["aaa", "bbb", "bbc"] {
        send(lake.put(format!("{DFS}/{name}?resource=filesystem"))).await.expect(201);
    }
    let mut names = Vec::new();
    let mut continuation = String::new();
    loop {
        let mut url = url::Url::parse(&format!("{DFS}/?resource=account&maxResults=2")).unwrap();
        url.query_pairs_mut().append_pair("continuation", &continuation);
        let page = send(lake.get(url.as_str())).await.expect(200);
        for filesystem in page.json()["filesystems"].as_array().unwrap() {
            names.push(filesystem["name"].as_str().unwrap().to_owned());
            assert!(filesystem["etag"].as_str().unwrap().starts_with("0x"));
        }
        match page.headers.get("x-ms-continuation") {
            Some(token) => continuation = token.to_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(names, ["aaa", "bbb", "bbc", "raw"]);
    let page = send(lake.get(format!("{DFS}/?resource=account&prefix=bb"))).await.expect(200);
    assert_eq!(page.json()["filesystems"].as_array().unwrap().len(), 2);
    let page = send(lake.get(format!("{BLOB}/?comp=list&prefix=bb"))).await.expect(200);
    assert!(page.text().contains("<Container><Name>bbb</Name>"), "{}", page.text());
}

#[tokio::test]
async fn properties_of_a_filesystem_are_replaced_as_a_whole() {
    let lake = LakeFixture::start().await;
    let url = format!("{DFS}/raw?resource=filesystem");
    let before = send(lake.head(&url)).await.expect(200);
    send(lake.patch(&url).header("x-ms-properties", "a=MQ==,b=Mg==")).await.expect(200);
    send(lake.patch(&url).header("x-ms-properties", "b=Mw==")).await.expect(200);
    let after = send(lake.head(&url)).await.expect(200);
    assert_eq!(after.header("x-ms-properties"), "b=Mw==");
    assert_ne!(after.etag(), before.etag());
    send(lake.patch(&url)).await.expect_error(400, "MissingRequiredHeader");
    for wrong in ["a=not base64", "1a=MQ==", "a"] {
        send(lake.patch(&url).header("x-ms-properties", wrong))
            .await
            .expect_error(400, "InvalidHeaderValue");
    }
}
