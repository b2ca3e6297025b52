//! Patterns of paths: what matches, and that nothing is listed for nothing.

use azconnect_emulators::Service;
use azconnect_lake::{ErrorKind, LakeGlob, UploadOptions};
use futures::TryStreamExt;

use crate::harness::{Lake, path};

async fn matches(client: &azconnect_lake::LakeClient, pattern: &str) -> Vec<String> {
    let glob: LakeGlob = pattern.parse().unwrap();
    let entries: Vec<_> = client.glob(&glob).try_collect().await.unwrap();
    let mut names: Vec<_> = entries.iter().map(|entry| entry.path.to_string()).collect();
    names.sort();
    assert!(entries.iter().all(|entry| glob.matches(&entry.path)), "{names:?}");
    names
}

#[tokio::test]
async fn only_what_can_match_is_listed() {
    for config in [
        "{}",
        r#"{"accounts": [
            {"name": "lakedemo", "filesystems": ["raw"], "hierarchical_namespace": false}
        ]}"#,
    ] {
        let lake = Lake::start_with(config).await;
        let client = lake.client();
        for name in [
            "raw/sales/2023/01/a.csv",
            "raw/sales/2023/02/a.csv",
            "raw/sales/2023/02/b.parquet",
            "raw/sales/2024/01/a.csv",
            "raw/sales/2024/_SUCCESS",
            "raw/other/2023/01/a.csv",
            "raw/top.csv",
        ] {
            client.upload(&path(name), "x".into(), UploadOptions::default()).await.unwrap();
        }
        client.namespace(&"raw".parse().unwrap()).await.unwrap();
        for (pattern, expected, requests) in [
            ("raw/*.csv", vec!["raw/top.csv"], 2),
            ("raw/top.csv", vec!["raw/top.csv"], 1),
            (
                "raw/sales/202[34]/01/*.csv",
                vec!["raw/sales/2023/01/a.csv", "raw/sales/2024/01/a.csv"],
                3,
            ),
            ("raw/sales/*/_SUCCESS", vec!["raw/sales/2024/_SUCCESS"], 3),
            (
                "raw/sales/2023/{01,02}/?.csv",
                vec!["raw/sales/2023/01/a.csv", "raw/sales/2023/02/a.csv"],
                3,
            ),
            ("raw/sales/2023/**/*.parquet", vec!["raw/sales/2023/02/b.parquet"], 1),
            ("raw/sales/202?", vec!["raw/sales/2023", "raw/sales/2024"], 1),
            ("raw/absent/*/x", vec![], 1),
            ("raw/sales/2023/01/a.csv/*", vec![], 1),
        ] {
            let before = lake.emulators.requests(Service::LakeDfs);
            assert_eq!(matches(&client, pattern).await, expected, "{pattern}");
            let asked = lake.emulators.requests(Service::LakeDfs) - before;
            // A flat account needs one more for what no blob marks.
            assert!(asked <= requests + 2, "{pattern}: {asked}");
            if config == "{}" {
                assert_eq!(asked, requests, "{pattern}");
            }
        }
        let all = matches(&client, "raw/**/*.csv").await;
        assert_eq!(all.len(), 5, "{all:?}");
        let absent: LakeGlob = "absent/*".parse().unwrap();
        let error = client.glob(&absent).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
