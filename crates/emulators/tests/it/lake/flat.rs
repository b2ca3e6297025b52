//! Accounts without a hierarchical namespace, and endpoints that are not reachable.

use azconnect_emulators::{AccountConfig, Config, EndpointReach};
use reqwest::{Method, RequestBuilder};

use super::{Answer, BLOB, DFS, LakeFixture, send};

/// Emulators whose one account has no hierarchical namespace.
async fn flat() -> LakeFixture {
    with(|account| account.hierarchical_namespace = false).await
}

async fn with(change: impl FnOnce(&mut AccountConfig)) -> LakeFixture {
    let mut config = Config::default();
    change(&mut config.accounts[0]);
    LakeFixture::with(config).await
}

#[tokio::test]
async fn a_name_and_what_begins_with_it_are_both_blobs() {
    let lake = flat().await;
    for name in ["a", "a/b", "a-b", "a/b/c"] {
        lake.file(name, name.as_bytes()).await;
    }
    for name in ["a", "a/b", "a-b", "a/b/c"] {
        assert_eq!(lake.content(name).await, name.as_bytes());
    }
    send(lake.delete(format!("{BLOB}/raw/a/b"))).await.expect(202);
    assert_eq!(lake.content("a/b/c").await, b"a/b/c");
    assert_eq!(lake.content("a").await, b"a");
    send(lake.get(format!("{BLOB}/raw/a/b"))).await.expect_error(404, "BlobNotFound");
}

#[tokio::test]
async fn the_kind_of_an_account_is_told_by_both_endpoints() {
    for (lake, expected) in [(flat().await, "false"), (LakeFixture::start().await, "true")] {
        let url = format!("{BLOB}/?restype=account&comp=properties");
        let account = send(lake.head(url)).await.expect(200);
        assert_eq!(account.header("x-ms-is-hns-enabled"), expected);
        let url = format!("{DFS}/raw?resource=filesystem");
        let filesystem = send(lake.head(url)).await.expect(200);
        assert_eq!(filesystem.header("x-ms-namespace-enabled"), expected);
        let made = send(lake.put(format!("{DFS}/new?resource=filesystem"))).await.expect(201);
        assert_eq!(made.header("x-ms-namespace-enabled"), expected);
    }
}

#[tokio::test]
async fn what_needs_a_hierarchy_is_refused_without_one() {
    let lake = flat().await;
    lake.file("d/a", b"x").await;
    for path in ["raw/", "raw/d/a", "raw"] {
        send(lake.head(format!("{DFS}/{path}?action=getAccessControl")))
            .await
            .expect_error(400, "HierarchicalNamespaceNotEnabled");
    }
    let set = lake.patch(format!("{DFS}/raw/d/a?action=setAccessControl"));
    let create = lake.put(format!("{DFS}/raw/x?resource=file"));
    for request in [set.header("x-ms-permissions", "0777"), create.header("x-ms-umask", "0027")] {
        send(request).await.expect_error(400, "HierarchicalNamespaceNotEnabled");
    }
    let head = send(lake.head(format!("{BLOB}/raw/d/a"))).await.expect(200);
    for name in ["x-ms-owner", "x-ms-group", "x-ms-permissions", "x-ms-resource-type"] {
        assert!(!head.has(name), "{name}");
    }
}

#[tokio::test]
async fn a_marked_blob_stands_for_a_directory() {
    let lake = flat().await;
    lake.directory("d").await;
    send(lake.put_blob("e", b"").header("x-ms-meta-hdi_isfolder", "true")).await.expect(201);
    lake.file("f/g", b"x").await;
    for name in ["d", "e"] {
        let head = send(lake.head(format!("{DFS}/raw/{name}"))).await.expect(200);
        assert_eq!(head.header("x-ms-resource-type"), "directory", "{name}");
        let head = send(lake.head(format!("{BLOB}/raw/{name}"))).await.expect(200);
        assert_eq!(head.header("x-ms-meta-hdi_isfolder"), "true", "{name}");
    }
    send(lake.head(format!("{DFS}/raw/f"))).await.expect_error(404, "PathNotFound");
    // Made once more it keeps what is below, as with a hierarchy.
    lake.file("d/x", b"x").await;
    let again = lake.put(format!("{DFS}/raw/d?resource=directory"));
    let again = send(again.header("if-none-match", "*")).await;
    again.expect_error(409, "PathAlreadyExists");
    assert_eq!(lake.content("d/x").await, b"x");
}

#[tokio::test]
async fn paths_are_listed_with_the_directories_that_names_imply() {
    let lake = flat().await;
    lake.directory("d").await;
    for name in ["d/x", "d-e", "f/g/h", "top"] {
        lake.file(name, b"x").await;
    }
    for (query, expected) in [
        ("recursive=true", vec!["d", "d-e", "d/x", "f/g/h", "top"]),
        ("recursive=false", vec!["d", "d-e", "f", "top"]),
        ("recursive=false&directory=f", vec!["f/g"]),
        ("recursive=true&directory=f", vec!["f/g/h"]),
        ("recursive=false&beginFrom=e", vec!["f", "top"]),
        ("recursive=true&beginFrom=d/x", vec!["d/x", "f/g/h", "top"]),
    ] {
        assert_eq!(lake.names(query).await, expected, "{query}");
    }
    let url = format!("{DFS}/raw?resource=filesystem&recursive=false");
    let listed = send(lake.get(url)).await.expect(200).json();
    assert_eq!(listed["paths"][2]["isDirectory"], "true");
    assert!(listed["paths"][1].get("isDirectory").is_none());
    assert!(listed["paths"][1].get("owner").is_none(), "a flat account has no owners");
    let url = format!("{DFS}/raw?resource=filesystem&recursive=false&directory=absent");
    send(lake.get(url)).await.expect_error(404, "PathNotFound");
}

#[tokio::test]
async fn blobs_are_grouped_by_any_delimiter() {
    let lake = flat().await;
    for name in ["a-1/x", "a-2/y", "a/z", "b"] {
        lake.file(name, b"x").await;
    }
    let base = format!("{BLOB}/raw?restype=container&comp=list");
    for (query, blobs, prefixes) in [
        ("", vec!["a-1/x", "a-2/y", "a/z", "b"], vec![]),
        ("&delimiter=/", vec!["b"], vec!["a-1/", "a-2/", "a/"]),
        ("&delimiter=-", vec!["a/z", "b"], vec!["a-"]),
        ("&prefix=a&delimiter=/", vec![], vec!["a-1/", "a-2/", "a/"]),
        ("&prefix=a-&delimiter=-", vec!["a-1/x", "a-2/y"], vec![]),
        ("&startFrom=a-2", vec!["a-2/y", "a/z", "b"], vec![]),
    ] {
        let text = send(lake.get(format!("{base}{query}"))).await.expect(200).text();
        assert_eq!(between(&text, "<Blob><Name>", "</Name>"), blobs, "{query}");
        assert_eq!(between(&text, "<BlobPrefix><Name>", "</Name>"), prefixes, "{query}");
        assert!(!text.contains("<ResourceType>"), "{text}");
    }
    // Page by page it is the same.
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let mut url = url::Url::parse(&format!("{base}&delimiter=/&maxresults=1")).unwrap();
        url.query_pairs_mut().append_pair("marker", &marker);
        let text = send(lake.get(url.as_str())).await.expect(200).text();
        found.extend(between(&text, "<Name>", "</Name>").into_iter().map(str::to_owned));
        marker = between(&text, "<NextMarker>", "</NextMarker>")[0].to_owned();
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["a-1/", "a-2/", "a/", "b"]);
}

#[tokio::test]
async fn the_dfs_endpoint_renames_and_deletes_blob_by_blob() {
    let lake = flat().await;
    lake.directory("d").await;
    for name in ["d/x", "d/e/y", "other"] {
        lake.file(name, name.as_bytes()).await;
    }
    let rename = |from: &str, to: &str| {
        lake.put(format!("{DFS}/raw/{to}")).header("x-ms-rename-source", format!("/raw/{from}"))
    };
    send(rename("d", "new/place")).await.expect(201);
    let expected = ["new/place", "new/place/e/y", "new/place/x", "other"];
    assert_eq!(lake.names("recursive=true").await, expected);
    assert_eq!(lake.content("new/place/e/y").await, b"d/e/y");
    send(rename("absent", "x")).await.expect_error(404, "SourcePathNotFound");
    send(rename("other", "new/place").header("if-none-match", "*"))
        .await
        .expect_error(409, "PathAlreadyExists");
    send(rename("new", "new/place/in")).await.expect_error(409, "InvalidRenameSourcePath");

    send(lake.delete(format!("{DFS}/raw/new"))).await.expect_error(409, "DirectoryNotEmpty");
    send(lake.delete(format!("{DFS}/raw/new?recursive=true"))).await.expect(200);
    assert_eq!(lake.names("recursive=true").await, ["other"]);
    send(lake.delete(format!("{DFS}/raw/new?recursive=true")))
        .await
        .expect_error(404, "PathNotFound");
}

#[tokio::test]
async fn a_recursive_delete_goes_on_where_it_stopped() {
    let two = |account: &mut AccountConfig| account.delete_page_paths = 2.try_into().unwrap();
    // Azure's SDKs ask for pages without knowing what the account is.
    for (is_flat, query) in [(true, ""), (true, "&paginated=true"), (false, "&paginated=true")] {
        let lake = with(|account| {
            two(account);
            account.hierarchical_namespace = !is_flat;
        })
        .await;
        for number in 0..5 {
            lake.file(&format!("d/{number}"), b"x").await;
        }
        let mut pages = 0;
        let mut continuation = String::new();
        loop {
            let mut url = url::Url::parse(&format!("{DFS}/raw/d?recursive=true{query}")).unwrap();
            if !continuation.is_empty() {
                url.query_pairs_mut().append_pair("continuation", &continuation);
            }
            let page = send(lake.delete(url.as_str())).await.expect(200);
            pages += 1;
            let left = lake.names("recursive=true").await.len();
            match page.headers.get("x-ms-continuation") {
                Some(token) => {
                    continuation = token.to_str().unwrap().to_owned();
                    let expected = if is_flat { 5 - 2 * pages } else { 6 };
                    assert_eq!(left, expected, "{is_flat}");
                }
                None => {
                    assert_eq!(left, 0);
                    break;
                }
            }
        }
        assert_eq!(pages, 3);
    }
}

#[tokio::test]
async fn pages_of_a_delete_need_a_version_that_knows_them() {
    let lake = LakeFixture::start().await;
    lake.file("d/a", b"x").await;
    let url = format!("{DFS}/raw/d?recursive=true&paginated=true");
    let old = lake.http.delete(&url).bearer_auth(&lake.token).header("x-ms-version", "2021-12-02");
    send(old).await.expect_error(400, "InvalidQueryParameterValue");
    send(lake.delete(format!("{DFS}/raw/d?paginated=true")))
        .await
        .expect_error(400, "InvalidQueryParameterValue");
    assert_eq!(lake.content("d/a").await, b"x");
}

#[tokio::test]
async fn every_other_page_is_empty_where_that_is_set() {
    let lake = with(|account| account.empty_pages = true).await;
    for name in ["a", "b", "c"] {
        lake.file(name, b"x").await;
    }
    let mut sizes = Vec::new();
    let mut continuation = String::new();
    loop {
        let base = format!("{DFS}/raw?resource=filesystem&recursive=true&maxResults=2");
        let mut url = url::Url::parse(&base).unwrap();
        url.query_pairs_mut().append_pair("continuation", &continuation);
        let page = send(lake.get(url.as_str())).await.expect(200);
        sizes.push(page.json()["paths"].as_array().unwrap().len());
        match page.headers.get("x-ms-continuation") {
            Some(token) => continuation = token.to_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(sizes, [0, 2, 0, 1]);
    let url = format!("{BLOB}/raw?restype=container&comp=list");
    let text = send(lake.get(&url)).await.expect(200).text();
    assert!(text.contains("<Blobs></Blobs><NextMarker>"), "{text}");
    assert!(!text.contains("<NextMarker></NextMarker>"), "{text}");
}

#[tokio::test]
async fn a_listing_begins_where_it_is_told_to() {
    let lake = LakeFixture::start().await;
    for path in ["a/1", "a/b/2", "a-b", "c"] {
        lake.file(path, b"").await;
    }
    for (query, expected) in [
        ("recursive=true&beginFrom=a/b", vec!["a/b", "a/b/2", "a-b", "c"]),
        ("recursive=true&beginFrom=a/aa", vec!["a/b", "a/b/2", "a-b", "c"]),
        ("recursive=false&beginFrom=a-b", vec!["a-b", "c"]),
        ("recursive=true&directory=a&beginFrom=b", vec!["a/b", "a/b/2"]),
        ("recursive=true&beginFrom=zz", vec![]),
        ("recursive=false&beginFrom=", vec!["a", "a-b", "c"]),
    ] {
        assert_eq!(lake.names(query).await, expected, "{query}");
    }
    let base = format!("{DFS}/raw?resource=filesystem");
    send(lake.get(format!("{base}&recursive=false&beginFrom=a/b")))
        .await
        .expect_error(400, "InvalidQueryParameterValue");
}

#[tokio::test]
async fn a_listing_of_blobs_includes_what_is_asked_for() {
    for is_hierarchical in [true, false] {
        let lake = with(|account| account.hierarchical_namespace = is_hierarchical).await;
        lake.file("b", b"x").await;
        let block = format!("{BLOB}/raw/a?comp=block&blockid=MDAwMQ%3D%3D");
        send(lake.request(Method::PUT, block).body("block")).await.expect(201);
        let base = format!("{BLOB}/raw?restype=container&comp=list");
        for (include, expected) in [
            ("", vec!["b"]),
            ("&include=uncommittedblobs", vec!["a", "b"]),
            ("&include=metadata,uncommittedblobs,copy,deleted,snapshots,versions", vec!["a", "b"]),
        ] {
            let text = send(lake.get(format!("{base}{include}"))).await.expect(200).text();
            assert_eq!(between(&text, "<Blob><Name>", "</Name>"), expected, "{include}");
        }
        send(lake.get(format!("{base}&include=everything")))
            .await
            .expect_error(400, "InvalidQueryParameterValue");
        send(lake.put_blob("tagged", b"x").header("x-ms-tags", "team=red")).await.expect(201);
        let text = send(lake.get(format!("{base}&include=tags"))).await.expect(200).text();
        let tag = "<Tags><TagSet><Tag><Key>team</Key><Value>red</Value></Tag></TagSet></Tags>";
        assert_eq!(between(&text, tag, "</Blob>"), [""], "{text}");
        let text = send(lake.get(format!("{base}&include=permissions"))).await.expect(200).text();
        assert_eq!(text.contains("<Permissions>"), is_hierarchical);
    }
}

#[tokio::test]
async fn a_restart_finds_the_blobs_of_a_flat_account() {
    let folder = tempfile::tempdir().unwrap();
    let config = || {
        let mut config =
            Config { storage_dir: Some(folder.path().to_owned()), ..Config::default() };
        config.accounts[0].hierarchical_namespace = false;
        config
    };
    let long = ["x".repeat(250), "y/".repeat(100), "z".repeat(250)].concat();
    let lake = LakeFixture::with(config()).await;
    for name in ["a", "a/b", long.as_str()] {
        lake.file(name, name.as_bytes()).await;
    }
    lake.emulators.stop().await;
    let lake = LakeFixture::with(config()).await;
    assert_eq!(lake.names("recursive=true").await, ["a", "a/b", long.as_str()]);
    assert_eq!(lake.content(&long).await, long.as_bytes());
}

#[tokio::test]
async fn an_endpoint_can_be_forbidden_or_closed() {
    let lake = with(|account| account.blob_endpoint = EndpointReach::Forbidden).await;
    send(lake.put_blob("a", b"x")).await.expect_error(403, "AuthorizationFailure");
    send(lake.put(format!("{DFS}/raw/a?resource=file"))).await.expect(201);

    let lake = with(|account| account.dfs_endpoint = EndpointReach::Closed).await;
    lake.file("a", b"x").await;
    let closed = lake.get(format!("{DFS}/raw?resource=filesystem&recursive=true"));
    assert!(closed.send().await.is_err(), "there is no answer");
}

/// A request with a batch as its body.
fn batch(lake: &LakeFixture, url: &str, parts: &[(&str, &str)]) -> RequestBuilder {
    let mut body = String::new();
    for (id, line) in parts {
        body.push_str(&format!(
            "--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {id}\r\n\r\n{line} HTTP/1.1\r\nauthorization: Bearer {}\r\n\
             Content-Length: 0\r\n\r\n\r\n",
            lake.token
        ));
    }
    body.push_str("--batch_1--\r\n");
    lake.request(Method::POST, url)
        .header("content-type", "multipart/mixed; boundary=batch_1")
        .body(body)
}

#[tokio::test]
async fn a_batch_deletes_and_answers_each_by_itself() {
    for is_hierarchical in [true, false] {
        let lake = with(|account| account.hierarchical_namespace = is_hierarchical).await;
        for name in ["a", "d/b", "kept"] {
            lake.file(name, b"x").await;
        }
        let parts = [
            ("0", "DELETE /raw/a"),
            ("1", "DELETE /raw/d/b"),
            ("2", "DELETE /raw/absent"),
            ("3", "PUT /raw/kept?comp=tier"),
        ];
        let url = format!("{BLOB}/?comp=batch");
        let answer: Answer = send(batch(&lake, &url, &parts)).await.expect(202);
        assert!(
            answer.header("content-type").starts_with("multipart/mixed; boundary=batchresponse_")
        );
        let text = answer.text();
        assert_eq!(between(&text, "HTTP/1.1 ", " "), ["202", "202", "404", "501"]);
        assert_eq!(between(&text, "Content-ID: ", "\r\n"), ["0", "1", "2", "3"]);
        assert!(text.contains("x-ms-error-code: BlobNotFound"), "{text}");
        assert_eq!(lake.content("kept").await, b"x");

        lake.file("a", b"x").await;
        let url = format!("{BLOB}/raw?restype=container&comp=batch");
        let parts = [("0", "DELETE /raw/a"), ("1", "DELETE /other/a")];
        let text = send(batch(&lake, &url, &parts)).await.expect(202).text();
        assert_eq!(between(&text, "HTTP/1.1 ", " "), ["202", "400"]);
    }
}

#[tokio::test]
async fn what_is_no_batch_deletes_nothing() {
    let lake = LakeFixture::start().await;
    lake.file("a", b"x").await;
    let url = format!("{BLOB}/?comp=batch");
    let whole = "--b\r\nContent-Type: application/http\r\n\r\nDELETE /raw/a HTTP/1.1\r\n\r\n\r\n";
    for (content_type, body, status, code) in [
        ("multipart/mixed; boundary=b", whole, 400, "InvalidInput"),
        ("multipart/mixed; boundary=b", "", 400, "InvalidInput"),
        ("multipart/mixed; boundary=b", "--b--", 400, "InvalidInput"),
        ("text/plain", "x", 400, "InvalidHeaderValue"),
    ] {
        let request = lake
            .request(Method::POST, &url)
            .header("content-type", content_type)
            .header("content-length", body.len())
            .body(body);
        send(request).await.expect_error(status, code);
    }
    // An operation without a token of its own is nobody's.
    let unsigned = [whole, "--b--"].concat();
    let request = lake.request(Method::POST, &url);
    let request = request.header("content-type", "multipart/mixed; boundary=b").body(unsigned);
    let text = send(request).await.expect(202).text();
    assert_eq!(between(&text, "HTTP/1.1 ", " "), ["401"]);
    let line = ("0", "DELETE /raw/a");
    send(batch(&lake, &url, &[line; 257])).await.expect_error(400, "InvalidInput");
    assert_eq!(lake.content("a").await, b"x");
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(it, _)| it).collect()
}
