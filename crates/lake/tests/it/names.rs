//! Directories, listings, renames, deletes, and names that need encoding.

use azconnect_lake::{ErrorKind, ListDepth, ListOptions, UploadOptions, WriteCondition};
use futures::TryStreamExt;

use crate::harness::{Lake, path};

/// Each of them is something else when a client or a server decodes it wrongly.
const AWKWARD: [&str; 9] = [
    "a b/c  d.txt",
    "100%.txt",
    "%41.txt",
    "a+b=c&d.txt",
    "what?#now.txt",
    "größe/日本語.txt",
    "semi;colon,comma.txt",
    "(brackets)[x]{y}'quote'.txt",
    "~tilde-_./.hidden",
];

#[tokio::test]
async fn awkward_names_survive_the_way_there_and_back() {
    let lake = Lake::start().await;
    let client = lake.client();
    let root = path("raw/awkward");
    for name in AWKWARD {
        let file = root.join(name).unwrap();
        client
            .upload(&file, name.as_bytes().to_vec().into(), UploadOptions::default())
            .await
            .unwrap();
        assert_eq!(client.read(&file).await.unwrap(), name.as_bytes(), "{name}");
        assert_eq!(client.properties(&file).await.unwrap().size, name.len() as u64, "{name}");
    }
    let options = ListOptions::default().with_depth(ListDepth::Recursive);
    let entries: Vec<_> = client.list_opts(&root, options).try_collect().await.unwrap();
    let mut files: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.is_directory())
        .map(|entry| entry.path.relative_to(&root).unwrap())
        .collect();
    let mut expected = AWKWARD.to_vec();
    files.sort_unstable();
    expected.sort_unstable();
    assert_eq!(files, expected);
    for name in AWKWARD {
        let (from, to) = (root.join(name).unwrap(), path("raw/moved").join(name).unwrap());
        client.create_directory(&to.parent().unwrap()).await.unwrap();
        client.rename(&from, &to, &WriteCondition::IfAbsent).await.unwrap();
        assert_eq!(client.read(&to).await.unwrap(), name.as_bytes(), "{name}");
        client.delete(&to).await.unwrap();
    }
}

#[tokio::test]
async fn listing_goes_on_over_pages() {
    let lake = Lake::start().await;
    let client = lake.client();
    for number in 0..25 {
        let file = path("raw/many").join(&format!("d{}/f{number:02}", number % 3)).unwrap();
        client.upload(&file, vec![0; number].into(), UploadOptions::default()).await.unwrap();
    }
    let names = async |options| {
        let entries: Vec<_> =
            client.list_opts(&path("raw/many"), options).try_collect().await.unwrap();
        entries.iter().map(|entry| entry.path.to_string()).collect::<Vec<_>>()
    };
    let recursive = ListOptions::default().with_depth(ListDepth::Recursive);
    let whole = names(recursive.clone()).await;
    assert_eq!(whole.len(), 28);
    assert_eq!(names(recursive.with_page_size(4)).await, whole);
    assert_eq!(
        names(ListOptions::default().with_page_size(1)).await,
        ["raw/many/d0", "raw/many/d1", "raw/many/d2"]
    );
}

#[tokio::test]
async fn a_listing_tells_what_a_file_is() {
    let lake = Lake::start().await;
    let client = lake.client();
    let file = path("raw/a.bin");
    let published =
        client.upload(&file, vec![1, 2, 3].into(), UploadOptions::default()).await.unwrap();
    let entries: Vec<_> = client.list(&path("raw/")).try_collect().await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].path, file);
    assert_eq!(entries[0].size, 3);
    assert_eq!(entries[0].etag, Some(published.etag.clone()));
    let properties = client.properties(&file).await.unwrap();
    assert_eq!(properties.etag, published.etag);
    assert_eq!(properties.last_modified, entries[0].last_modified);
    assert!(properties.last_modified.is_some());
    assert!(!properties.is_directory());
}

#[tokio::test]
async fn a_directory_that_is_not_there_cannot_be_listed() {
    let lake = Lake::start().await;
    let error = lake.client().list(&path("raw/absent")).try_next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint().unwrap().contains("case-sensitive"), "{error:?}");
}

#[tokio::test]
async fn existence_is_told_of_files_directories_and_roots() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.create_directory(&path("raw/dir/below")).await.unwrap();
    client.upload(&path("raw/dir/a"), "x".into(), UploadOptions::default()).await.unwrap();
    for (name, there) in [
        ("raw/", true),
        ("raw/dir", true),
        ("raw/dir/below", true),
        ("raw/dir/a", true),
        ("raw/dir/A", false),
        ("raw/dir/b", false),
        ("absent/", false),
        ("absent/a", false),
    ] {
        assert_eq!(client.exists(&path(name)).await.unwrap(), there, "{name}");
    }
    assert!(client.properties(&path("raw/dir")).await.unwrap().is_directory());
    assert!(client.properties(&path("raw/")).await.unwrap().is_directory());
}

#[tokio::test]
async fn a_directory_is_made_once_and_never_over_a_file() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.upload(&path("raw/d/file"), "x".into(), UploadOptions::default()).await.unwrap();
    client.create_directory(&path("raw/d")).await.unwrap();
    assert!(client.exists(&path("raw/d/file")).await.unwrap(), "it was left as it is");
    let error = client.create_directory(&path("raw/d/file")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
}

#[tokio::test]
async fn deleting_takes_what_is_below_only_if_told_to() {
    let lake = Lake::start().await;
    let client = lake.client();
    for name in ["raw/d/a", "raw/d/e/b", "raw/other"] {
        client.upload(&path(name), "x".into(), UploadOptions::default()).await.unwrap();
    }
    let error = client.delete(&path("raw/d")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.service_code()),
        (ErrorKind::Conflict, Some("DirectoryNotEmpty"))
    );
    assert!(error.hint().unwrap().contains("recursively"));
    client.delete_recursive(&path("raw/d")).await.unwrap();
    assert!(!client.exists(&path("raw/d")).await.unwrap());
    assert!(client.exists(&path("raw/other")).await.unwrap());
    for gone in [client.delete(&path("raw/d")).await, client.delete_recursive(&path("raw/d")).await]
    {
        assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let error = client.delete_recursive(&path("raw/")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(client.exists(&path("raw/other")).await.unwrap());
}

#[tokio::test]
async fn renaming_replaces_or_refuses_as_told() {
    let lake = Lake::start().await;
    let client = lake.client();
    for name in ["raw/a", "raw/b"] {
        client.upload(&path(name), name.into(), UploadOptions::default()).await.unwrap();
    }
    let (a, b) = (path("raw/a"), path("raw/b"));
    let error = client.rename(&a, &b, &WriteCondition::IfAbsent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("`raw/b` exists"), "{error}");
    assert_eq!(client.read(&b).await.unwrap(), "raw/b");

    client.rename(&a, &b, &WriteCondition::Always).await.unwrap();
    assert_eq!(client.read(&b).await.unwrap(), "raw/a");
    assert!(!client.exists(&a).await.unwrap());
    let error = client.rename(&a, &b, &WriteCondition::Always).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_directory_is_renamed_with_what_is_below() {
    let lake = Lake::start().await;
    let client = lake.client();
    client.upload(&path("raw/d/e/f"), "x".into(), UploadOptions::default()).await.unwrap();
    client.rename(&path("raw/d"), &path("raw/g"), &WriteCondition::IfAbsent).await.unwrap();
    assert_eq!(client.read(&path("raw/g/e/f")).await.unwrap(), "x");
    assert!(!client.exists(&path("raw/d")).await.unwrap());
}

#[tokio::test]
async fn filesystems_are_made_once() {
    let lake = Lake::start().await;
    let client = lake.client();
    let name = "new-one".parse().unwrap();
    assert!(!client.filesystem_exists(&name).await.unwrap());
    client.create_filesystem(&name).await.unwrap();
    assert!(client.filesystem_exists(&name).await.unwrap());
    let error = client.create_filesystem(&name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    client.upload(&path("new-one/a"), "x".into(), UploadOptions::default()).await.unwrap();
}
