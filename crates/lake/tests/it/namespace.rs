//! Accounts without a hierarchical namespace, and how a client learns what it has before it.

use azconnect_emulators::Service;
use azconnect_lake::{
    ErrorKind, ListDepth, ListOptions, Namespace, RenameOptions, UploadOptions, WriteCondition,
};
use futures::TryStreamExt;
use time::Duration;

use crate::{
    harness::{AUDIENCE, Credential, Lake, builder, path},
    scripted::{Scripted, answer},
};

const FLAT: &str = r#"{"accounts": [
    {"name": "lakedemo", "filesystems": ["raw"], "hierarchical_namespace": false}
]}"#;

#[tokio::test]
async fn the_namespace_is_asked_once_and_a_reader_may() {
    let config = |flat: bool| {
        serde_json::json!({
            "accounts": [
                {"name": "lakedemo", "filesystems": ["raw"], "hierarchical_namespace": !flat},
            ],
            "role_assignments": [{
                "principal": "uami-demo",
                "role": "Storage Blob Data Reader",
                "resource": "lakedemo",
            }],
        })
        .to_string()
    };
    for (flat, expected) in [(true, Namespace::Flat), (false, Namespace::Hierarchical)] {
        let lake = Lake::start_with(&config(flat)).await;
        let client = lake.client();
        assert_eq!(client.namespace(&"raw".parse().unwrap()).await.unwrap(), expected);
        let asked = lake.emulators.requests(Service::LakeDfs);
        let clone = client.clone();
        assert_eq!(clone.namespace(&"raw".parse().unwrap()).await.unwrap(), expected);
        assert_eq!(lake.emulators.requests(Service::LakeDfs), asked);
        let given = lake.builder().with_namespace(expected).build().unwrap();
        assert_eq!(given.namespace(&"absent".parse().unwrap()).await.unwrap(), expected);
        assert_eq!(lake.emulators.requests(Service::LakeDfs), asked);
        let absent = lake.client().namespace(&"absent".parse().unwrap()).await.unwrap_err();
        assert_eq!(absent.kind(), ErrorKind::NotFound);
        let nobody = lake.builder_of("app-demo", AUDIENCE, Duration::hours(1)).build().unwrap();
        let found = nobody.namespace(&"raw".parse().unwrap()).await;
        if !flat {
            // On the way to a root directory there is no ACL that could refuse.
            assert_eq!(found.unwrap(), expected);
            continue;
        }
        let error = found.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.hint().unwrap().contains("Storage Blob Data Reader"), "{error:?}");
    }
}

#[tokio::test]
async fn an_access_control_list_tells_where_properties_do_not() {
    const NO_BODY: (&str, &str) = ("Content-Length", "0");
    for (status, code, expected) in [
        ("200 OK", "", Some(Namespace::Hierarchical)),
        ("400 Bad Request", "HierarchicalNamespaceNotEnabled", Some(Namespace::Flat)),
        ("409 Conflict", "EndpointUnsupportedAccountFeatures", Some(Namespace::Flat)),
        ("403 Forbidden", "AuthorizationPermissionMismatch", None),
    ] {
        let server = Scripted::start(move |_, seen| {
            if seen.line.contains("resource=filesystem") {
                answer("200 OK", &[NO_BODY], b"")
            } else {
                assert!(
                    seen.line.starts_with("HEAD /raw?action=getAccessControl"),
                    "{}",
                    seen.line
                );
                answer(status, &[("x-ms-error-code", code), NO_BODY], b"")
            }
        })
        .await;
        let url: url::Url = server.url();
        let client = builder(Credential::of(["token".to_owned()]))
            .with_dfs_endpoint(url.clone())
            .with_blob_endpoint(url)
            .build()
            .unwrap();
        let found = client.namespace(&"raw".parse().unwrap()).await;
        assert_eq!(found.ok(), expected, "{status}");
    }
}

#[tokio::test]
async fn who_may_not_see_the_filesystem_may_still_rename_in_it() {
    const NO_BODY: (&str, &str) = ("Content-Length", "0");
    let server = Scripted::start(|_, seen| {
        if seen.line.starts_with("HEAD ") {
            let code = ("x-ms-error-code", "AuthorizationPermissionMismatch");
            answer("403 Forbidden", &[code, NO_BODY], b"")
        } else {
            answer("201 Created", &[NO_BODY], b"")
        }
    })
    .await;
    let client = builder(Credential::of(["token".to_owned()]))
        .with_dfs_endpoint(server.url())
        .with_blob_endpoint(server.url())
        .build()
        .unwrap();
    client.rename(&path("raw/a"), &path("raw/b"), &WriteCondition::Always).await.unwrap();
    assert!(server.seen().last().unwrap().line.starts_with("PUT /raw/b?mode=posix"));
}

#[tokio::test]
async fn the_account_itself_is_asked_where_the_dfs_endpoint_is_out_of_reach() {
    for (config, expected) in [("{}", Namespace::Hierarchical), (FLAT, Namespace::Flat)] {
        let lake = Lake::start_with(config).await;
        let client = lake.builder_without_dfs().build().unwrap();
        assert_eq!(client.namespace(&"raw".parse().unwrap()).await.unwrap(), expected);
        // Bytes need the blob endpoint alone.
        client.upload(&path("raw/a"), "x".into(), UploadOptions::default()).await.unwrap();
        assert_eq!(client.read(&path("raw/a")).await.unwrap(), "x");
        let error = client.list(&path("raw/")).try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert!(error.hint().unwrap().contains("private endpoint"), "{error:?}");
    }
}

#[tokio::test]
async fn a_flat_account_does_what_it_can_and_refuses_what_would_not_be_atomic() {
    let lake = Lake::start_with(FLAT).await;
    let client = lake.client();
    for name in ["raw/d/a", "raw/d/e/b", "raw/top"] {
        client.upload(&path(name), name.into(), UploadOptions::default()).await.unwrap();
    }
    client.create_directory(&path("raw/made")).await.unwrap();
    client.create_directory(&path("raw/made")).await.unwrap();
    for (name, there) in [
        ("raw/d", true),
        ("raw/d/e", true),
        ("raw/made", true),
        ("raw/d/a", true),
        ("raw/x", false),
        ("raw/to", false),
        ("absent/d", false),
    ] {
        assert_eq!(client.exists(&path(name)).await.unwrap(), there, "{name}");
    }
    assert!(client.properties(&path("raw/d")).await.unwrap().is_directory());
    assert!(client.properties(&path("raw/made")).await.unwrap().is_directory());
    assert_eq!(client.read(&path("raw/d/e/b")).await.unwrap(), "raw/d/e/b");

    let listed: Vec<_> = client.list(&path("raw/")).try_collect().await.unwrap();
    let listed: Vec<_> =
        listed.iter().map(|entry| (entry.path.to_string(), entry.is_directory())).collect();
    let expected = [("raw/d", true), ("raw/made", true), ("raw/top", false)];
    assert_eq!(listed, expected.map(|(name, is)| (name.to_owned(), is)));

    let error =
        client.rename(&path("raw/d"), &path("raw/f"), &WriteCondition::Always).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("no hierarchical namespace"), "{error}");
    assert!(error.hint().unwrap().contains("copy"), "{error:?}");
    assert!(client.exists(&path("raw/d/a")).await.unwrap());

    client.copy(&path("raw/d/a"), &path("raw/f"), Default::default()).await.unwrap();
    assert_eq!(client.read(&path("raw/f")).await.unwrap(), "raw/d/a");

    // A client that does not know what the account is deletes all the same.
    lake.client().delete_recursive(&path("raw/d")).await.unwrap();
    assert!(!client.exists(&path("raw/d")).await.unwrap());
    assert!(client.exists(&path("raw/top")).await.unwrap());
    client.delete(&path("raw/made")).await.unwrap();
}

#[tokio::test]
async fn a_rename_holds_to_conditions_on_both_names() {
    let lake = Lake::start().await;
    let client = lake.client();
    let upload = async |name: &'static str| {
        client.upload(&path(name), name.into(), UploadOptions::default()).await.unwrap().etag
    };
    let old = upload("raw/a").await;
    let new = upload("raw/a").await;
    let target = upload("raw/b").await;
    let rename = async |options: RenameOptions| {
        client.rename_opts(&path("raw/a"), &path("raw/b"), &options).await
    };
    let options = RenameOptions::default();
    for (options, kind) in [
        (options.clone().with_source_if_match(old.clone()), ErrorKind::PreconditionFailed),
        (
            options.clone().with_condition(WriteCondition::IfMatch(old.clone())),
            ErrorKind::PreconditionFailed,
        ),
        (options.clone().with_condition(WriteCondition::IfAbsent), ErrorKind::AlreadyExists),
    ] {
        assert_eq!(rename(options).await.unwrap_err().kind(), kind);
        assert_eq!(client.read(&path("raw/b")).await.unwrap(), "raw/b");
    }
    let both = options.with_source_if_match(new).with_condition(WriteCondition::IfMatch(target));
    rename(both).await.unwrap();
    assert_eq!(client.read(&path("raw/b")).await.unwrap(), "raw/a");
    assert!(!client.exists(&path("raw/a")).await.unwrap());
}

#[tokio::test]
async fn a_delete_and_a_listing_go_on_over_the_service_s_pages() {
    for flat in [false, true] {
        let config = serde_json::json!({"accounts": [{
            "name": "lakedemo",
            "filesystems": ["raw"],
            "hierarchical_namespace": !flat,
            "empty_pages": true,
            "delete_page_paths": 3,
        }]});
        let lake = Lake::start_with(&config.to_string()).await;
        let client = lake.client();
        for number in 0..10 {
            let file = path("raw/d").join(&number.to_string()).unwrap();
            client.upload(&file, "x".into(), UploadOptions::default()).await.unwrap();
        }
        let options = ListOptions::default().with_depth(ListDepth::Recursive).with_page_size(4);
        let listed: Vec<_> = client.list_opts(&path("raw/d"), options).try_collect().await.unwrap();
        assert_eq!(listed.len(), 10);
        let before = lake.emulators.requests(Service::LakeDfs);
        client.delete_recursive(&path("raw/d")).await.unwrap();
        assert!(lake.emulators.requests(Service::LakeDfs) - before >= 4, "it took several");
        assert!(!client.exists(&path("raw/d")).await.unwrap());
    }
}
