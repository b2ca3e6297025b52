//! The clouds that Microsoft and 21Vianet run.

use std::collections::BTreeMap;

use url::Url;

use super::{Cloud, KEY_VAULT, LAKE_BLOB, LAKE_DFS, SYNAPSE, Service};

/// Names of the built-in clouds.
pub(super) const NAMES: [&str; 3] = ["public", "government", "china"];

/// A built-in cloud by its name.
pub(super) fn by_name(name: &str) -> Option<Cloud> {
    let hosts = ALL.iter().find(|hosts| hosts.name == name)?;
    // The authorities are constants, checked by the test of the built-in clouds.
    let authority_host = Url::parse(hosts.authority_host).ok()?;
    let service = |scope: &str, url: String| Service { scope: [scope, "/.default"].concat(), url };
    let https = |placeholder: &str, suffix: &str| ["https://", placeholder, ".", suffix].concat();
    let services = BTreeMap::from([
        (
            KEY_VAULT.to_owned(),
            service(&["https://", hosts.key_vault].concat(), https("{vault}", hosts.key_vault)),
        ),
        (LAKE_DFS.to_owned(), service(STORAGE_SCOPE, https("{account}", hosts.dfs))),
        (LAKE_BLOB.to_owned(), service(STORAGE_SCOPE, https("{account}", hosts.blob))),
        (
            SYNAPSE.to_owned(),
            service(
                &["https://", hosts.database].concat(),
                ["{workspace}.", hosts.synapse, ",1433"].concat(),
            ),
        ),
    ]);
    let suffixes = [hosts.key_vault, hosts.dfs, hosts.blob, hosts.synapse, hosts.database];
    Some(Cloud {
        name: hosts.name.to_owned(),
        authority_host,
        imds_endpoint: None,
        services,
        token_host_suffixes: suffixes.map(str::to_owned).to_vec(),
        connect: BTreeMap::new(),
        ca_file: None,
    })
}

struct Hosts {
    name: &'static str,
    authority_host: &'static str,
    key_vault: &'static str,
    dfs: &'static str,
    blob: &'static str,
    synapse: &'static str,
    database: &'static str,
}

/// Storage has one audience in all clouds.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory>
const STORAGE_SCOPE: &str = "https://storage.azure.com";

/// Spec: <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure>,
/// <https://learn.microsoft.com/azure/china/resources-developer-guide>
const ALL: [Hosts; 3] = [
    Hosts {
        name: "public",
        authority_host: "https://login.microsoftonline.com",
        key_vault: "vault.azure.net",
        dfs: "dfs.core.windows.net",
        blob: "blob.core.windows.net",
        synapse: "sql.azuresynapse.net",
        database: "database.windows.net",
    },
    Hosts {
        name: "government",
        authority_host: "https://login.microsoftonline.us",
        key_vault: "vault.usgovcloudapi.net",
        dfs: "dfs.core.usgovcloudapi.net",
        blob: "blob.core.usgovcloudapi.net",
        synapse: "sql.azuresynapse.usgovcloudapi.net",
        database: "database.usgovcloudapi.net",
    },
    Hosts {
        name: "china",
        authority_host: "https://login.chinacloudapi.cn",
        key_vault: "vault.azure.cn",
        dfs: "dfs.core.chinacloudapi.cn",
        blob: "blob.core.chinacloudapi.cn",
        synapse: "sql.azuresynapse.azure.cn",
        database: "database.chinacloudapi.cn",
    },
];
