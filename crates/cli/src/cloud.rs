//! Clouds: hosts, scopes and certificates of public Azure, of the sovereign clouds, and of whatever a file
//! describes. A set of emulators is such a file; nothing else knows that it is one.

mod built_in;
mod file;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde::Deserialize;
use url::Url;

use crate::failure::Failure;

/// Where a cloud's services are and which tokens they take.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cloud {
    /// Name for messages.
    pub(crate) name: String,
    /// Base of the token endpoints of Entra ID.
    pub(crate) authority_host: Url,
    /// Base of the instance metadata service, if it is not at its fixed address.
    #[serde(default)]
    pub(crate) imds_endpoint: Option<Url>,
    #[serde(default)]
    services: BTreeMap<String, Service>,
    /// Hosts at or below these names may receive tokens.
    #[serde(default)]
    token_host_suffixes: Vec<String>,
    /// Connections to hosts at or below a name go to this address instead; names on certificates stay.
    #[serde(default)]
    pub(crate) connect: BTreeMap<String, SocketAddr>,
    /// PEM file with certificates to trust beside the system's.
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// One service of a cloud.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Service {
    scope: String,
    url: String,
}

/// Where an account's data lake is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LakeEndpoints {
    /// Endpoint for names: directories, rename, listing.
    pub(crate) dfs: Url,
    /// Endpoint for bytes.
    pub(crate) blob: Url,
    /// Scope of the tokens that both take.
    pub(crate) scope: String,
}

/// Where a SQL server is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SqlServer {
    /// Host name, as the certificate has it.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// Address to connect to instead of resolving the host.
    pub(crate) connect: Option<SocketAddr>,
    /// Scope of the tokens that it takes.
    pub(crate) scope: String,
}

impl Cloud {
    /// A built-in cloud by name, or the cloud that a file describes.
    pub(crate) fn load(name_or_file: &str) -> Result<Self, Failure> {
        match built_in::by_name(name_or_file) {
            Some(cloud) => Ok(cloud),
            None => file::read(name_or_file),
        }
    }

    /// The URL of a vault, given its name or its URL.
    pub(crate) fn key_vault_url(&self, vault: &str) -> Result<Url, Failure> {
        if vault.contains("://") {
            let url = parse_https(vault)?;
            self.ensure_token_host(url.host_str().unwrap_or_default())?;
            return Ok(url);
        }
        self.service_url(KEY_VAULT, "vault", vault)
    }

    /// What the tokens of vaults are for: their scope without `/.default`.
    pub(crate) fn key_vault_resource(&self) -> Result<&str, Failure> {
        let scope = &self.service(KEY_VAULT)?.scope;
        Ok(scope.strip_suffix("/.default").unwrap_or(scope))
    }

    /// What the hosts of vaults end with.
    pub(crate) fn key_vault_domain(&self) -> Result<String, Failure> {
        let url = self.service_url(KEY_VAULT, "vault", "vault")?;
        let host = url.host_str().unwrap_or_default();
        let domain = host.split_once('.').map(|(_, domain)| domain);
        domain.map(str::to_owned).ok_or_else(|| {
            Failure::usage(format!("the vaults of the cloud `{}` have no domain", self.name))
        })
    }

    /// Both endpoints of a storage account, given its name.
    pub(crate) fn lake_endpoints(&self, account: &str) -> Result<LakeEndpoints, Failure> {
        Ok(LakeEndpoints {
            dfs: self.service_url(LAKE_DFS, "account", account)?,
            blob: self.service_url(LAKE_BLOB, "account", account)?,
            scope: self.service(LAKE_DFS)?.scope.clone(),
        })
    }

    /// A SQL server, given the name of a workspace, or a host with an optional port (`host,port` or `host:port`).
    pub(crate) fn synapse_server(&self, workspace_or_host: &str) -> Result<SqlServer, Failure> {
        let service = self.service(SYNAPSE)?;
        let text = if workspace_or_host.contains(['.', ',', ':']) {
            workspace_or_host.to_owned()
        } else {
            fill(&service.url, "workspace", workspace_or_host)?
        };
        let text = text.strip_prefix("tcp:").unwrap_or(&text);
        let (host, port) = match text.rsplit_once([',', ':']) {
            Some((host, port)) => (host, port.trim().parse().ok()),
            None => (text, Some(SQL_PORT)),
        };
        let host = host.trim().to_ascii_lowercase();
        let valid = host.split('.').all(is_host_label);
        let (true, Some(port)) = (valid, port) else {
            return Err(Failure::usage(format!("`{workspace_or_host}` is not a SQL server"))
                .with_hint("give a workspace name, a host name, or `host,port`"));
        };
        self.ensure_token_host(&host)?;
        let connect = self.connect_address(&host);
        Ok(SqlServer { host, port, connect, scope: service.scope.clone() })
    }

    /// The address that stands in for `host`, if the cloud names one.
    pub(crate) fn connect_address(&self, host: &str) -> Option<SocketAddr> {
        let matching = self.connect.iter().filter(|(suffix, _)| is_at_or_below(host, suffix));
        matching.max_by_key(|(suffix, _)| suffix.len()).map(|(_, address)| *address)
    }

    /// Refuses hosts that must not see a token.
    pub(crate) fn ensure_token_host(&self, host: &str) -> Result<(), Failure> {
        if self.token_host_suffixes.iter().any(|suffix| is_at_or_below(host, suffix)) {
            return Ok(());
        }
        Err(Failure::usage(format!("`{host}` is no host of the cloud `{}`", self.name)).with_hint(
            format!(
                "tokens go only to hosts below {}; choose another cloud by `--cloud`",
                quoted_list(self.token_host_suffixes.iter().map(String::as_str))
            ),
        ))
    }

    /// The certificates of the cloud's CA file, as PEM.
    pub(crate) fn ca_pem(&self) -> Result<Option<Vec<u8>>, Failure> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        let read = std::fs::read(path).map_err(|error| {
            let message = format!("cannot read the CA file `{}`", path.display());
            Failure::from_error(message, &error)
                .with_hint("if the cloud is a set of emulators, check that they still run")
        });
        read.map(Some)
    }

    fn service(&self, name: &str) -> Result<&Service, Failure> {
        self.services.get(name).ok_or_else(|| {
            Failure::usage(format!("the cloud `{}` describes no service `{name}`", self.name))
        })
    }

    fn service_url(&self, service: &str, placeholder: &str, value: &str) -> Result<Url, Failure> {
        let text = fill(&self.service(service)?.url, placeholder, value)?;
        let url = parse_https(&text)?;
        self.ensure_token_host(url.host_str().unwrap_or_default())?;
        Ok(url)
    }
}

/// Puts a name into a template. Names are checked, so that none can change the host that it becomes a part of.
fn fill(template: &str, placeholder: &str, value: &str) -> Result<String, Failure> {
    if !is_host_label(value) {
        return Err(Failure::usage(format!("`{value}` is not the name of a {placeholder}"))
            .with_hint("names have 1 to 63 letters, digits and hyphens"));
    }
    Ok(template.replace(&["{", placeholder, "}"].concat(), &value.to_ascii_lowercase()))
}

fn parse_https(text: &str) -> Result<Url, Failure> {
    let url = Url::parse(text)
        .map_err(|error| Failure::from_error(format!("`{text}` is not a URL"), &error))?;
    if url.scheme() != "https" {
        return Err(Failure::usage(format!("`{text}` is not an https URL"))
            .with_hint("tokens are sent over TLS only"));
    }
    Ok(url)
}

/// RFC 1123 section 2.1.
fn is_host_label(label: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(valid)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_at_or_below(host: &str, suffix: &str) -> bool {
    let host = host.trim_end_matches('.');
    let Some(at) = host.len().checked_sub(suffix.len()) else { return false };
    let Some((below, tail)) = host.split_at_checked(at) else { return false };
    tail.eq_ignore_ascii_case(suffix) && (below.is_empty() || below.ends_with('.'))
}

fn quoted_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| ["`", name, "`"].concat()).collect();
    quoted.join(", ")
}

const KEY_VAULT: &str = "key_vault";
const LAKE_BLOB: &str = "lake_blob";
const LAKE_DFS: &str = "lake_dfs";
const SYNAPSE: &str = "synapse";
const SERVICES: [&str; 4] = [KEY_VAULT, LAKE_BLOB, LAKE_DFS, SYNAPSE];

/// The registered port of `ms-sql-s`.
const SQL_PORT: u16 = 1433;

#[cfg(test)]
mod tests;
