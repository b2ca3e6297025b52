//! Long listings, parallel ones, sums, and listings that no honest service sends.

use std::collections::BTreeSet;

use azconnect_emulators::Service;
use azconnect_lake::{ErrorKind, ListDepth, ListOptions, UploadOptions};
use futures::TryStreamExt;
use serde_json::json;

use crate::{
    harness::{Lake, path},
    scripted::{Scripted, answer},
};

fn recursive() -> ListOptions {
    ListOptions::default().with_depth(ListDepth::Recursive)
}

async fn tree(client: &azconnect_lake::LakeClient) {
    for number in 0..12 {
        let file = path("raw/t").join(&format!("d{}/e/f{number:02}", number % 3)).unwrap();
        let bytes = vec![0; number + 1];
        client.upload(&file, bytes.into(), UploadOptions::default()).await.unwrap();
    }
    client.upload(&path("raw/t/top"), "12345".into(), UploadOptions::default()).await.unwrap();
}

#[tokio::test]
async fn a_parallel_listing_has_the_same_entries_in_no_order() {
    let lake = Lake::start().await;
    let client = lake.client();
    tree(&client).await;
    let set = async |options| {
        let entries: Vec<_> =
            client.list_opts(&path("raw/t"), options).try_collect().await.unwrap();
        let count = entries.len();
        let names: BTreeSet<_> = entries.into_iter().map(|entry| entry.path).collect();
        assert_eq!(names.len(), count, "nothing comes twice");
        names
    };
    let expected = set(recursive()).await;
    assert_eq!(expected.len(), 3 + 3 + 12 + 1);
    let before = lake.emulators.requests(Service::LakeDfs);
    assert_eq!(set(recursive().with_parallelism(4)).await, expected);
    assert_eq!(lake.emulators.requests(Service::LakeDfs) - before, 4);
    assert_eq!(set(recursive().with_parallelism(4).with_page_size(1)).await, expected);
    let error = client
        .list_opts(&path("raw/absent"), recursive().with_parallelism(4))
        .try_next()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_listing_begins_where_it_is_told_to() {
    let lake = Lake::start().await;
    let client = lake.client();
    tree(&client).await;
    let names = async |options: ListOptions| {
        let entries: Vec<_> =
            client.list_opts(&path("raw/t"), options).try_collect().await.unwrap();
        entries.iter().map(|entry| entry.path.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        names(ListOptions::default().with_begin_from("d2")).await,
        ["raw/t/d2", "raw/t/top"]
    );
    let from = recursive().with_begin_from("d2/e/f08").with_page_size(1);
    assert_eq!(names(from).await, ["raw/t/d2/e/f08", "raw/t/d2/e/f11", "raw/t/top"]);
    let error = client
        .list_opts(&path("raw/t"), ListOptions::default().with_begin_from("a/b"))
        .try_next()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn sums_are_of_each_directory_to_a_depth() {
    let lake = Lake::start().await;
    let client = lake.client();
    tree(&client).await;
    client.create_directory(&path("raw/t/void")).await.unwrap();
    let sums = async |depth| {
        let usage = client.usage(&path("raw/t"), depth).await.unwrap();
        usage
            .iter()
            .map(|sum| (sum.path.to_string(), sum.bytes, sum.files, sum.directories))
            .collect::<Vec<_>>()
    };
    let whole = ("raw/t".to_owned(), 78 + 5, 13, 7);
    assert_eq!(sums(0).await, std::slice::from_ref(&whole));
    assert_eq!(
        sums(1).await,
        [
            whole,
            ("raw/t/d0".to_owned(), 1 + 4 + 7 + 10, 4, 1),
            ("raw/t/d1".to_owned(), 2 + 5 + 8 + 11, 4, 1),
            ("raw/t/d2".to_owned(), 3 + 6 + 9 + 12, 4, 1),
            ("raw/t/void".to_owned(), 0, 0, 0),
        ]
    );
    assert_eq!(sums(9).await.len(), 8);
    let error = client.usage(&path("raw/absent"), 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// The server makes each page when it is asked for, so what grows would be ours.
#[tokio::test]
async fn a_million_entries_pass_without_being_kept() {
    const PAGES: usize = 200;
    const PAGE: usize = 5_000;
    let server = Scripted::start(|number, _| {
        let mut body = String::from("{\"paths\":[");
        for entry in 0..PAGE {
            let comma = if entry == 0 { "" } else { "," };
            body.push_str(&format!(
                "{comma}{{\"name\":\"d/{number:04}-{entry:04}\",\"contentLength\":\"1\"}}"
            ));
        }
        body.push_str("]}");
        let (length, token) = (body.len().to_string(), number.to_string());
        let mut headers = vec![("Content-Length", length.as_str())];
        if number + 1 < PAGES {
            headers.push(("x-ms-continuation", &token));
        }
        answer("200 OK", &headers, body.as_bytes())
    })
    .await;
    let client = server.client();
    let mut entries = client.list_opts(&path("raw/d"), recursive());
    let (mut count, mut resident_early) = (0_usize, 0);
    while let Some(entry) = entries.try_next().await.unwrap() {
        assert_eq!(entry.size, 1);
        count += 1;
        if count == 100_000 {
            resident_early = resident_kib();
        }
    }
    assert_eq!(count, PAGES * PAGE);
    let grown = resident_kib().saturating_sub(resident_early);
    // A million entries kept would take more than 100 MiB; other tests run beside this one.
    assert!(grown < 80 * 1024, "grew by {grown} KiB");
}

/// What this process has in memory, in KiB; 0 where the system does not tell it so.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The error of a listing of `raw/d` that answers with this page for ever.
async fn hostile(
    headers: &[(&'static str, &'static str)],
    body: String,
) -> (azconnect_lake::Error, usize) {
    let headers = headers.to_vec();
    let server = Scripted::start(move |number, _| {
        let (length, number) = (body.len().to_string(), number.to_string());
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, if *value == "NUMBER" { number.as_str() } else { value }))
            .chain([("Content-Length", length.as_str())])
            .collect();
        answer("200 OK", &headers, body.as_bytes())
    })
    .await;
    let entries: Result<Vec<_>, _> =
        server.client().list_opts(&path("raw/d"), recursive()).try_collect().await;
    (entries.unwrap_err(), server.seen().len())
}

#[tokio::test]
async fn a_listing_that_never_gets_on_is_ended() {
    let empty = json!({"paths": []}).to_string();
    let (error, requests) = hostile(&[("x-ms-continuation", "same")], empty.clone()).await;
    assert_eq!((error.kind(), requests), (ErrorKind::InvalidResponse, 2));
    assert!(error.to_string().contains("same continuation token twice"), "{error}");
    assert!(error.hint().is_some());

    let (error, requests) = hostile(&[("x-ms-continuation", "NUMBER")], empty).await;
    assert_eq!((error.kind(), requests), (ErrorKind::InvalidResponse, 1_000));
    assert!(error.to_string().contains("empty pages"), "{error}");
}

#[tokio::test]
async fn a_listing_of_the_wrong_types_is_refused() {
    let line = |key: &str, value: serde_json::Value| {
        let mut line = json!({"name": "d/a"});
        line[key] = value;
        json!({"paths": [line]}).to_string()
    };
    for body in [
        line("name", json!("d/../a")),
        line("name", json!("")),
        line("name", json!("/etc/passwd")),
        line("name", json!("d")),
        line("name", json!(format!("d/{}", "x".repeat(1_100)))),
        line("name", json!("d/\u{0}")),
        line("name", json!(7)),
        line("name", json!(null)),
        line("contentLength", json!("-1")),
        line("contentLength", json!("many")),
        line("contentLength", json!(1.5)),
        line("contentLength", json!("18446744073709551616")),
        line("isDirectory", json!("perhaps")),
        line("isDirectory", json!(1)),
        json!({"paths": [{"contentLength": "1"}]}).to_string(),
        json!({"paths": {}}).to_string(),
        json!([]).to_string(),
        String::new(),
        "{\"paths\":[".to_owned(),
        "<EnumerationResults/>".to_owned(),
    ] {
        let (error, requests) = hostile(&[], body.clone()).await;
        assert_eq!((error.kind(), requests), (ErrorKind::InvalidResponse, 1), "{body}: {error:?}");
    }
}
