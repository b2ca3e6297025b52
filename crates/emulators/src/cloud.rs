//! The cloud definition file that turns "use the emulators" into "use another cloud".

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use serde::Serialize;

use crate::emulators::Endpoints;

/// A cloud: its hosts, its scopes, and for the emulators where those hosts really are.
#[derive(Debug, Serialize)]
pub(crate) struct CloudFile {
    name: &'static str,
    authority_host: String,
    imds_endpoint: String,
    services: BTreeMap<&'static str, CloudService>,
    token_host_suffixes: Vec<&'static str>,
    connect: BTreeMap<&'static str, SocketAddr>,
    ca_file: String,
}

#[derive(Debug, Serialize)]
struct CloudService {
    scope: &'static str,
    url: &'static str,
}

impl CloudFile {
    pub(crate) fn new(endpoints: &Endpoints, ca_file: &Path) -> Self {
        let storage_scope = "https://storage.azure.com/.default";
        let mut services = BTreeMap::from([
            (
                "key_vault",
                CloudService {
                    scope: "https://vault.azure.net/.default",
                    url: "https://{vault}.vault.azure.net",
                },
            ),
            (
                "lake_dfs",
                CloudService {
                    scope: storage_scope,
                    url: "https://{account}.dfs.core.windows.net",
                },
            ),
            (
                "lake_blob",
                CloudService {
                    scope: storage_scope,
                    url: "https://{account}.blob.core.windows.net",
                },
            ),
        ]);
        let mut connect = BTreeMap::from([
            ("vault.azure.net", endpoints.key_vault),
            ("dfs.core.windows.net", endpoints.lake_dfs),
            ("blob.core.windows.net", endpoints.lake_blob),
        ]);
        if let Some(synapse) = endpoints.synapse {
            services.insert(
                "synapse",
                CloudService {
                    scope: "https://database.windows.net/.default",
                    url: "{workspace}.sql.azuresynapse.net,1433",
                },
            );
            connect.insert("sql.azuresynapse.net", synapse);
            connect.insert("database.windows.net", synapse);
        }
        Self {
            name: "emulators",
            authority_host: endpoints.authority_host(),
            imds_endpoint: endpoints.imds_url(),
            services,
            token_host_suffixes: vec![
                "vault.azure.net",
                "dfs.core.windows.net",
                "blob.core.windows.net",
                "sql.azuresynapse.net",
                "database.windows.net",
            ],
            connect,
            ca_file: ca_file.display().to_string(),
        }
    }
}
