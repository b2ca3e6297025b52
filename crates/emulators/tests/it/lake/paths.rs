//! Creating, listing, renaming and deleting files and directories by the dfs endpoint.

use super::{BLOB, DFS, LakeFixture, send};

#[tokio::test]
async fn a_file_is_made_with_its_parents_and_overwrites_by_default() {
    let lake = LakeFixture::start().await;
    let url = format!("{DFS}/raw/a/b/c.txt?resource=file");
    let made = send(lake.put(&url).header("x-ms-content-type", "text/plain")).await.expect(201);
    assert_eq!(lake.names("recursive=true").await, ["a", "a/b", "a/b/c.txt"]);
    let head = send(lake.head(format!("{DFS}/raw/a/b/c.txt"))).await.expect(200);
    assert_eq!(head.etag(), made.etag());
    assert_eq!(head.header("content-length"), "0");
    assert_eq!(head.header("content-type"), "text/plain");
    assert_eq!(head.header("x-ms-resource-type"), "file");

    let again = send(lake.put(&url).header("if-none-match", "*")).await;
    let again = again.expect_error(409, "PathAlreadyExists");
    assert_eq!(again.header("x-ms-existing-resource-type"), "file");

    lake.file("a/b/c.txt", b"content").await;
    send(lake.put(&url)).await.expect(201);
    assert_eq!(lake.content("a/b/c.txt").await, b"");
}

#[tokio::test]
async fn a_directory_is_made_again_without_losing_what_is_in_it() {
    let lake = LakeFixture::start().await;
    lake.file("d/x", b"content").await;
    let url = format!("{DFS}/raw/d?resource=directory");
    send(lake.put(&url)).await.expect(201);
    assert_eq!(lake.content("d/x").await, b"content");
    let again = send(lake.put(&url).header("if-none-match", "*")).await;
    let again = again.expect_error(409, "PathAlreadyExists");
    assert_eq!(again.header("x-ms-existing-resource-type"), "directory");
}

#[tokio::test]
async fn files_and_directories_do_not_take_each_other_s_place() {
    let lake = LakeFixture::start().await;
    lake.file("d/x", b"content").await;
    for (path, resource) in
        [("d", "file"), ("d/x", "directory"), ("d/x/y", "file"), ("d/x/y", "directory")]
    {
        send(lake.put(format!("{DFS}/raw/{path}?resource={resource}")))
            .await
            .expect_error(409, "PathConflict");
    }
    for path in ["d", "d/x/y"] {
        send(lake.put_blob(path, b"")).await.expect_error(409, "ResourceTypeMismatch");
    }
    assert_eq!(lake.content("d/x").await, b"content");
}

#[tokio::test]
async fn a_listing_has_strings_and_no_directory_flag_on_files() {
    let lake = LakeFixture::start().await;
    let made = lake.file("d/x", b"content").await;
    let url = format!("{DFS}/raw?resource=filesystem&recursive=true");
    let json = send(lake.get(url)).await.expect(200).json();
    let [directory, file] = json["paths"].as_array().unwrap().as_slice() else {
        panic!("{json}");
    };
    assert_eq!(directory["isDirectory"], "true");
    assert_eq!(directory["contentLength"], "0");
    assert!(file.get("isDirectory").is_none());
    assert_eq!(file["contentLength"], "7");
    assert_eq!(file["etag"].as_str().unwrap(), made.etag().trim_matches('"'));
    assert_eq!(file["lastModified"], made.header("last-modified"));
    file["creationTime"].as_str().unwrap().parse::<u64>().unwrap();
}

#[tokio::test]
async fn listings_are_recursive_or_not_and_of_a_directory_or_all() {
    let lake = LakeFixture::start().await;
    for path in ["a/1", "a/b/2", "a-b", "c"] {
        lake.file(path, b"").await;
    }
    for (query, expected) in [
        ("recursive=true", vec!["a", "a/1", "a/b", "a/b/2", "a-b", "c"]),
        ("recursive=false", vec!["a", "a-b", "c"]),
        ("recursive=false&directory=a", vec!["a/1", "a/b"]),
        ("recursive=true&directory=a", vec!["a/1", "a/b", "a/b/2"]),
        ("recursive=true&directory=%2Fa%2Fb%2F", vec!["a/b/2"]),
        ("recursive=true&directory=", vec!["a", "a/1", "a/b", "a/b/2", "a-b", "c"]),
    ] {
        assert_eq!(lake.names(query).await, expected, "{query}");
    }
    let base = format!("{DFS}/raw?resource=filesystem");
    for (query, status, code) in [
        ("recursive=true&directory=absent", 404, "PathNotFound"),
        ("recursive=true&directory=c", 404, "PathNotFound"),
        ("", 400, "MissingRequiredQueryParameter"),
        ("recursive=maybe", 400, "InvalidQueryParameterValue"),
        ("recursive=true&maxResults=0", 400, "OutOfRangeQueryParameterValue"),
        ("recursive=true&maxResults=some", 400, "InvalidQueryParameterValue"),
        ("recursive=true&continuation=YQ%3D%3D", 400, "InvalidQueryParameterValue"),
    ] {
        send(lake.get(format!("{base}&{query}"))).await.expect_error(status, code);
    }
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let lake = LakeFixture::start().await;
    let mut expected = vec!["d".to_owned()];
    for number in 10..21 {
        let path = format!("d/{number}/x");
        lake.file(&path, b"").await;
        expected.extend([format!("d/{number}"), path]);
    }
    for (recursive, limit) in [(true, 1), (true, 4), (true, 23), (false, 1), (false, 9999)] {
        let mut found = Vec::new();
        let mut continuation = String::new();
        let mut pages = 0;
        loop {
            let mut url = url::Url::parse(&format!("{DFS}/raw?resource=filesystem")).unwrap();
            url.query_pairs_mut()
                .append_pair("recursive", &recursive.to_string())
                .append_pair("maxResults", &limit.to_string())
                .append_pair("directory", if recursive { "" } else { "d" })
                .append_pair("continuation", &continuation);
            let page = send(lake.get(url.as_str())).await.expect(200);
            let paths = page.json()["paths"].as_array().unwrap().clone();
            assert!(paths.len() <= limit && !paths.is_empty());
            found.extend(paths.iter().map(|path| path["name"].as_str().unwrap().to_owned()));
            pages += 1;
            match page.headers.get("x-ms-continuation") {
                Some(token) => continuation = token.to_str().unwrap().to_owned(),
                None => break,
            }
        }
        let expected: Vec<_> = expected
            .iter()
            .filter(|path| recursive || path.matches('/').count() == 1)
            .cloned()
            .collect();
        assert_eq!(found, expected, "{recursive} {limit}");
        assert_eq!(pages, expected.len().div_ceil(limit));
    }
}

#[tokio::test]
async fn a_renamed_file_replaces_its_target_and_keeps_its_entity_tag() {
    let lake = LakeFixture::start().await;
    let made = lake.file("a b/x+y", b"new").await;
    lake.file("c", b"old").await;
    let rename =
        || lake.put(format!("{DFS}/raw/c")).header("x-ms-rename-source", "/raw/a%20b/x%2By");
    send(rename().header("if-none-match", "*")).await.expect_error(409, "PathAlreadyExists");
    send(rename().header("x-ms-source-if-match", "\"0x1\""))
        .await
        .expect_error(412, "SourceConditionNotMet");
    // Azure's SDK for Python sends the second one with every rename.
    let rename_of_sdk =
        rename().header("x-ms-client-transaction-id", "tx-1").header("x-ms-source-lease-id", "");
    let renamed = send(rename_of_sdk).await.expect(201);
    assert_eq!(renamed.etag(), made.etag());
    assert_eq!(lake.content("c").await, b"new");
    assert_eq!(lake.names("recursive=true").await, ["a b", "c"]);
    send(rename()).await.expect_error(404, "SourcePathNotFound");
    let head = send(lake.head(format!("{DFS}/raw/c?action=getStatus"))).await.expect(200);
    assert_eq!(head.header("x-ms-client-transaction-id"), "tx-1");
}

#[tokio::test]
async fn a_directory_is_renamed_with_all_that_is_in_it() {
    let lake = LakeFixture::start().await;
    lake.file("a/b/c", b"content").await;
    lake.file("ab/keep", b"keep").await;
    lake.directory("empty").await;
    let rename = |from: &str, to: &str| {
        lake.put(format!("{DFS}/raw/{to}")).header("x-ms-rename-source", format!("/raw/{from}"))
    };
    send(rename("a", "empty")).await.expect(201);
    assert_eq!(
        lake.names("recursive=true").await,
        ["ab", "ab/keep", "empty", "empty/b", "empty/b/c"]
    );
    assert_eq!(lake.content("empty/b/c").await, b"content");
    send(rename("ab", "empty")).await.expect_error(409, "DirectoryNotEmpty");
    for (from, to, status, code) in [
        ("empty", "empty/b/d", 409, "InvalidRenameSourcePath"),
        ("empty", "empty", 409, "InvalidRenameSourcePath"),
        ("empty", "absent/d", 404, "RenameDestinationParentPathNotFound"),
        ("empty", "ab/keep", 409, "InvalidSourceOrDestinationResourceType"),
        ("ab/keep", "empty", 409, "InvalidSourceOrDestinationResourceType"),
        ("empty", "ab/keep/d", 409, "PathConflict"),
    ] {
        send(rename(from, to)).await.expect_error(status, code);
    }
    send(lake.put(format!("{DFS}/raw/x")).header("x-ms-rename-source", "/raw/../../etc"))
        .await
        .expect_error(400, "InvalidSourceUri");
}

#[tokio::test]
async fn a_rename_crosses_filesystems() {
    let lake = LakeFixture::start().await;
    lake.file("a/b", b"content").await;
    send(lake.put(format!("{DFS}/other?resource=filesystem"))).await.expect(201);
    send(lake.put(format!("{DFS}/other/moved")).header("x-ms-rename-source", "/raw/a"))
        .await
        .expect(201);
    let moved = send(lake.get(format!("{DFS}/other/moved/b"))).await.expect(200);
    assert_eq!(moved.body, b"content");
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
}

#[tokio::test]
async fn a_directory_with_something_in_it_is_deleted_only_on_demand() {
    let lake = LakeFixture::start().await;
    lake.file("a/b/c", b"content").await;
    let url = format!("{DFS}/raw/a");
    send(lake.delete(format!("{url}?recursive=false")))
        .await
        .expect_error(409, "DirectoryNotEmpty");
    send(lake.delete(format!("{BLOB}/raw/a"))).await.expect_error(409, "DirectoryIsNotEmpty");
    send(lake.delete(format!("{url}?recursive=true")).header("if-match", "\"0x1\""))
        .await
        .expect_error(412, "ConditionNotMet");
    send(lake.delete(format!("{url}?recursive=true"))).await.expect(200);
    assert_eq!(lake.names("recursive=true").await, [""; 0]);
    send(lake.delete(&url)).await.expect_error(404, "PathNotFound");
    send(lake.delete(format!("{BLOB}/raw/a"))).await.expect_error(404, "BlobNotFound");
}

#[tokio::test]
async fn an_overridden_method_counts() {
    let lake = LakeFixture::start().await;
    lake.file("x", b"").await;
    let url = format!("{DFS}/raw/x?action=setProperties");
    let request = lake.put(url).header("x-http-method-override", "PATCH");
    send(request.header("x-ms-properties", "a=MQ==")).await.expect(200);
    let head = send(lake.head(format!("{DFS}/raw/x"))).await.expect(200);
    assert_eq!(head.header("x-ms-properties"), "a=MQ==");
}

#[tokio::test]
async fn a_restart_finds_the_files_and_their_entity_tags() {
    let folder = tempfile::tempdir().unwrap();
    let config = || azconnect_emulators::Config {
        storage_dir: Some(folder.path().to_owned()),
        ..Default::default()
    };
    let lake = LakeFixture::with(config()).await;
    let made = lake.file("a/b c/d", b"content").await;
    lake.directory("empty").await;
    send(lake.append("a/b c/d", 7, b" that was never flushed")).await.expect(202);
    let etag = made.etag().to_owned();
    lake.emulators.stop().await;

    let lake = LakeFixture::with(config()).await;
    assert_eq!(lake.names("recursive=true").await, ["a", "a/b c", "a/b c/d", "empty"]);
    let read = send(lake.get(format!("{DFS}/raw/a/b c/d"))).await.expect(200);
    assert_eq!(read.body, b"content");
    assert_eq!(read.etag(), etag);
    let on_disk = folder.path().join("lakedemo/raw/a/b c/d");
    assert_eq!(std::fs::read(on_disk).unwrap(), b"content");
}
