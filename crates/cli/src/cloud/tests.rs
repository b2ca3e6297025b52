//! Tests of clouds: templates, token hosts and connect addresses.

use super::*;

const EMULATORS: &str = r#"{
  "name": "emulators",
  "authority_host": "https://localhost:4001",
  "imds_endpoint": "http://127.0.0.1:4002",
  "services": {
    "key_vault": {"scope": "https://vault.azure.net/.default", "url": "https://{vault}.vault.azure.net"},
    "synapse": {"scope": "https://database.windows.net/.default", "url": "{workspace}.sql.azuresynapse.net,1433"}
  },
  "token_host_suffixes": ["vault.azure.net", "sql.azuresynapse.net"],
  "connect": {"azure.net": "127.0.0.1:1", "vault.azure.net": "127.0.0.1:2"}
}"#;

fn emulators() -> Cloud {
    file::parse(EMULATORS, "cloud.json").unwrap()
}

#[test]
fn built_in_clouds_fill_their_templates() {
    for (name, vault, dfs, server, scope) in [
        (
            "public",
            "https://kv.vault.azure.net/",
            "https://acct.dfs.core.windows.net/",
            "ws.sql.azuresynapse.net",
            "https://database.windows.net/.default",
        ),
        (
            "government",
            "https://kv.vault.usgovcloudapi.net/",
            "https://acct.dfs.core.usgovcloudapi.net/",
            "ws.sql.azuresynapse.usgovcloudapi.net",
            "https://database.usgovcloudapi.net/.default",
        ),
        (
            "china",
            "https://kv.vault.azure.cn/",
            "https://acct.dfs.core.chinacloudapi.cn/",
            "ws.sql.azuresynapse.azure.cn",
            "https://database.chinacloudapi.cn/.default",
        ),
    ] {
        let cloud = Cloud::load(name).unwrap();
        assert_eq!(cloud.key_vault_url("KV").unwrap().as_str(), vault);
        assert_eq!(cloud.lake_endpoints("acct").unwrap().dfs.as_str(), dfs);
        assert_eq!(
            cloud.lake_endpoints("acct").unwrap().scope,
            "https://storage.azure.com/.default"
        );
        let synapse = cloud.synapse_server("ws").unwrap();
        assert_eq!(
            (synapse.host.as_str(), synapse.port, synapse.scope.as_str()),
            (server, 1433, scope)
        );
    }
}

#[test]
fn servers_are_accepted_in_every_usual_spelling() {
    let cloud = Cloud::load("public").unwrap();
    for (text, port) in [
        ("ws", 1433),
        ("ws.sql.azuresynapse.net", 1433),
        ("WS.sql.azuresynapse.net:1444", 1444),
        ("tcp:ws.sql.azuresynapse.net,1444", 1444),
    ] {
        let server = cloud.synapse_server(text).unwrap();
        assert_eq!(
            (server.host.as_str(), server.port),
            ("ws.sql.azuresynapse.net", port),
            "{text}"
        );
    }
    for text in ["", "ws/", "ws.sql.azuresynapse.net:x", "a b", "ws,1433,2"] {
        assert!(cloud.synapse_server(text).is_err(), "{text}");
    }
}

#[test]
fn names_cannot_change_the_host() {
    let cloud = Cloud::load("public").unwrap();
    for name in ["", "evil.example/", "a@evil", "a#", "-a", "a_b"] {
        assert!(cloud.key_vault_url(name).is_err(), "{name}");
        assert!(cloud.lake_endpoints(name).is_err(), "{name}");
    }
}

#[test]
fn tokens_go_only_to_hosts_of_the_cloud() {
    let cloud = Cloud::load("public").unwrap();
    assert!(cloud.key_vault_url("https://kv.vault.azure.net").is_ok());
    for url in [
        "https://kv.vault.azure.net.evil.example",
        "https://evilvault.azure.net",
        "https://kv.vault.azure.cn",
        "http://kv.vault.azure.net",
    ] {
        assert!(cloud.key_vault_url(url).is_err(), "{url}");
    }
    let failure = cloud.synapse_server("db.example.com").unwrap_err().to_string();
    assert!(failure.contains("`db.example.com` is no host of the cloud `public`"), "{failure}");
}

#[test]
fn the_longest_matching_suffix_decides_where_to_connect() {
    let cloud = emulators();
    let port = |host: &str| cloud.connect_address(host).map(|address| address.port());
    assert_eq!(port("kv.vault.azure.net"), Some(2));
    assert_eq!(port("other.azure.net"), Some(1));
    assert_eq!(port("notazure.net"), None);
}

#[test]
fn a_service_that_a_file_leaves_out_is_named() {
    let failure = emulators().lake_endpoints("acct").unwrap_err().to_string();
    assert!(failure.contains("the cloud `emulators` describes no service `lake_dfs`"), "{failure}");
}
