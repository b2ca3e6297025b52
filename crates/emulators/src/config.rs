//! The configuration: who exists, what they may do, what the services hold at the start.
//! Everything has a default; unknown keys are refused.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::Ipv4Addr,
    num::{NonZeroU16, NonZeroU32, NonZeroUsize},
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::Deserialize;
use uuid::{Uuid, uuid};

use crate::{
    error::{Error, ErrorKind, Result},
    faults::FaultsConfig,
    host::ManagedIdentityHost,
    roles::Role,
};

/// Everything that can be set before the emulators start.
///
/// The default has one user-assigned managed identity `uami-demo` and one app `app-demo`, both
/// with every role and a SQL user, one vault `kv-demo`, one account `lakedemo` with the filesystem
/// `raw`, and a workspace `syn-demo` with the database `demo` and the SQL login `demo`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The tenant that everybody and everything lives in.
    pub tenant_id: Uuid,
    /// Other tenants that Entra ID knows, and the domain names of tenants. An entry with
    /// `tenant_id` gives the main tenant its names.
    pub tenants: Vec<TenantConfig>,
    /// The managed identities of the machine that asks. None named by a request is fine only if
    /// one is system-assigned or there is exactly one.
    pub managed_identities: Vec<ManagedIdentityConfig>,
    /// Which managed identities a host has, by name. A host that is not here has all of them.
    pub host_identities: BTreeMap<ManagedIdentityHost, Vec<String>>,
    /// Whether managed identity gives the same token, with the same end, for the same identity and
    /// resource until shortly before it ends, as Azure does. Off, each request gets a new one.
    pub cache_managed_identity_tokens: bool,
    /// App registrations with their secrets and certificates.
    pub apps: Vec<AppConfig>,
    /// Security groups, which ACLs of the lake may name.
    pub groups: Vec<GroupConfig>,
    /// Who may do what to which vault or account.
    pub role_assignments: Vec<RoleAssignmentConfig>,
    /// The vaults and the secrets they hold at the start. `localhost` is the first of them.
    pub vaults: Vec<VaultConfig>,
    /// The storage accounts and the filesystems they have at the start.
    pub accounts: Vec<AccountConfig>,
    /// The Synapse workspace and who may log in.
    pub sql: SqlConfig,
    /// Where the lake keeps its files; default: below the state folder.
    pub storage_dir: Option<PathBuf>,
    /// The folder whose Parquet files and folders are the tables; default: no tables.
    pub tables_dir: Option<PathBuf>,
    /// Where the CA certificate and the cloud file go; default: a temporary folder that is removed
    /// at the end.
    pub state_dir: Option<PathBuf>,
    /// Where the Azure Arc endpoint puts its key files; default: below the state folder. Most
    /// clients insist on the agent's own, `/var/opt/azcmagent/tokens`.
    pub arc_tokens_dir: Option<PathBuf>,
    /// The address of IMDS and its neighbours; default 127.0.0.1. Refused unless it is one of
    /// loopback or the link-local 169.254.169.254 of the real service.
    pub imds_address: Ipv4Addr,
    /// The port of each service; 0, the default, takes any free one.
    pub ports: PortsConfig,
    /// What goes wrong from the start on.
    pub faults: FaultsConfig,
}

/// One tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantConfig {
    /// The tenant id.
    pub tenant_id: Uuid,
    /// The domain names that stand for the tenant id in an authority.
    #[serde(default)]
    pub domains: Vec<String>,
}

/// One managed identity.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagedIdentityConfig {
    /// The name used in `role_assignments` and SQL users.
    pub name: String,
    /// The client id, which is `appid` in its tokens.
    pub client_id: Uuid,
    /// The object id, which is `oid` and `sub` in its tokens.
    pub object_id: Uuid,
    /// The ARM id of a user-assigned identity; none for the system-assigned one.
    #[serde(default)]
    pub resource_id: Option<String>,
}

/// One app registration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The name used in `role_assignments` and SQL users.
    pub name: String,
    /// The client id.
    pub client_id: Uuid,
    /// The object id of its service principal.
    pub object_id: Uuid,
    /// The secrets it may show.
    #[serde(default)]
    pub client_secrets: Vec<SecretString>,
    /// The certificates it may sign with: PEM text, or the path of a PEM file.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Whether the same client assertion may be shown again until it expires. Off, as each should
    /// be of its own; MSAL for Python, and so azure-identity, needs it on as soon as one credential
    /// asks for two scopes.
    #[serde(default)]
    pub allow_assertion_reuse: bool,
    /// The tokens of other issuers that it trusts.
    #[serde(default)]
    pub federated_identity_credentials: Vec<FederatedIdentityCredentialConfig>,
    /// The other tenants that have consented to it.
    #[serde(default)]
    pub tenants: Vec<ConsentConfig>,
}

/// The service principal of an app in another tenant than its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentConfig {
    /// One of [`Config::tenants`].
    pub tenant_id: Uuid,
    /// The object id of the service principal there: each tenant has one of its own.
    pub object_id: Uuid,
}

/// A federated identity credential of an app.
///
/// Spec: <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedIdentityCredentialConfig {
    /// `iss` of the tokens. For managed identities:
    /// `https://login.microsoftonline.com/TENANT_ID/v2.0`.
    pub issuer: String,
    /// `sub` of the tokens. For a managed identity: its object id.
    pub subject: String,
    /// What the tokens must be for: one of these.
    #[serde(default = "token_exchange")]
    pub audiences: Vec<String>,
    /// The RSA key that the issuer signs with, as PEM text or the path of a PEM file. The tenant's
    /// own key needs none.
    #[serde(default)]
    pub public_key: Option<String>,
}

/// One security group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// The object id, by which ACLs name it.
    pub object_id: Uuid,
    /// The names of the managed identities and apps in it.
    #[serde(default)]
    pub members: Vec<String>,
}

/// One role assignment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleAssignmentConfig {
    /// The name of a managed identity or an app.
    pub principal: String,
    /// The role.
    pub role: Role,
    /// The name of the vault or account it holds for, or `VAULT/secrets/NAME` for one secret.
    pub resource: String,
}

/// One vault. The default has no name, which it needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// The first label of its host name.
    pub name: String,
    /// The secrets it holds at the start, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretString>,
    /// The certificates it holds from the start on, which show among its secrets.
    #[serde(default)]
    pub certificates: Vec<CertificateConfig>,
    /// How many days a deleted secret can be recovered: 7 to 90, the default.
    #[serde(default = "retention_days")]
    pub retention_days: u8,
    /// Whether deleted secrets stay until those days are over; purging is refused then. Off by
    /// default.
    #[serde(default)]
    pub purge_protection: bool,
    /// For how many milliseconds after delete, recover and purge a name is neither among the
    /// secrets nor among the deleted ones, nor free. Default: 0. The service takes some seconds,
    /// which is what the pollers of its SDKs wait for.
    #[serde(default)]
    pub soft_delete_limbo_ms: u32,
    /// The tenant it belongs to, one of [`Config::tenants`], whose tokens it takes; default: the
    /// main one.
    #[serde(default)]
    pub tenant_id: Option<Uuid>,
    /// Who may do what, if access policies are to decide in place of roles. An empty list lets
    /// nobody do anything.
    #[serde(default)]
    pub access_policies: Option<Vec<AccessPolicyConfig>>,
    /// What its firewall does with callers whose address it does not know, which are all here.
    #[serde(default)]
    pub firewall: FirewallConfig,
    /// How many requests it takes; above that it answers 429.
    #[serde(default)]
    pub request_limit: RequestLimitConfig,
}

/// One certificate of a vault: in a PFX file or in a PEM file, which decides about the form of its
/// secret.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CertificateConfig {
    /// The name of the certificate, and of its secret.
    pub name: String,
    /// The path of a PFX file with the private key, the leaf and the chain.
    pub pfx_file: Option<PathBuf>,
    /// The password of the PFX file; none by default. The secret has none, as in the service.
    pub password: Option<SecretString>,
    /// The path of a PEM file with the unencrypted private key, the leaf and the chain.
    pub pem_file: Option<PathBuf>,
}

/// An access policy: what one principal may do in a vault.
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/assign-access-policy>
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessPolicyConfig {
    /// The name of a managed identity or an app.
    pub principal: String,
    /// What it may do with all secrets of the vault.
    pub secrets: Vec<SecretPermission>,
}

/// What an access policy allows to do with secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SecretPermission {
    /// Export them, encrypted.
    Backup,
    /// Delete them softly.
    Delete,
    /// Read their values.
    Get,
    /// List them and their versions.
    List,
    /// Delete for good what was deleted softly.
    Purge,
    /// Take back that they were deleted.
    Recover,
    /// Import what was exported.
    Restore,
    /// Write them.
    Set,
}

/// What the firewall of a vault does with addresses that no rule names: its default action.
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/network-security>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FirewallConfig {
    /// Lets them in.
    #[default]
    Allow,
    /// Keeps them out: 403 with the inner code `ForbiddenByFirewall`.
    Deny,
}

/// How many requests a vault takes within any so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestLimitConfig {
    /// How many; default 4,000.
    pub requests: NonZeroU32,
    /// Within how many seconds; default 10.
    pub seconds: NonZeroU32,
}

/// One storage account. The default has no name, which it needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountConfig {
    /// The first label of its host names.
    pub name: String,
    /// The filesystems it has at the start.
    #[serde(default)]
    pub filesystems: Vec<String>,
    /// For how many days a deleted path of a hierarchical namespace can be restored. None, the
    /// default: soft delete is off. Refused for an account without such a namespace, whose soft
    /// delete is another one that the emulator does not have.
    #[serde(default)]
    pub soft_delete_retention_days: Option<NonZeroU16>,
    /// For how many milliseconds the name of a deleted filesystem is not free: making one is refused
    /// with `FilesystemBeingDeleted`. Default: 0. The service takes at least 30 seconds.
    #[serde(default)]
    pub filesystem_deletion_limbo_ms: u32,
    /// Whether directories are real, the default; without, they are only what names have in common.
    #[serde(default = "yes")]
    pub hierarchical_namespace: bool,
    /// Whether the blob endpoint is reachable. Default: it is.
    #[serde(default)]
    pub blob_endpoint: EndpointReach,
    /// Whether the dfs endpoint is reachable. Default: it is.
    #[serde(default)]
    pub dfs_endpoint: EndpointReach,
    /// Whether every other page of a listing is empty and only says where to go on, as the service
    /// may answer. Off by default.
    #[serde(default)]
    pub empty_pages: bool,
    /// How many paths one request of a recursive delete in pages gets through. Default: 5,000.
    #[serde(default = "delete_page")]
    pub delete_page_paths: NonZeroUsize,
}

/// What becomes of requests to one endpoint of an account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum EndpointReach {
    /// Their connection closes, as with an address that leads nowhere.
    Closed,
    /// They get 403 `AuthorizationFailure`, as an account answers whose public network access is
    /// off.
    Forbidden,
    /// They are answered.
    #[default]
    Open,
}

/// Synapse: workspaces, one database, users and logins.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqlConfig {
    /// The first labels of the workspaces' host names.
    pub workspaces: Vec<String>,
    /// The one database.
    pub database: String,
    /// The principals with a user in the database (`CREATE USER … FROM EXTERNAL PROVIDER`).
    pub users: Vec<SqlUserConfig>,
    /// Logins with a password.
    pub logins: Vec<SqlLoginConfig>,
}

/// A principal that has a user in the database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlUserConfig {
    /// The name of a managed identity or an app.
    pub principal: String,
}

/// A SQL login.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlLoginConfig {
    /// The login's name.
    pub name: String,
    /// Its password.
    pub password: SecretString,
}

/// The ports; 0 takes any free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PortsConfig {
    /// IMDS and all other managed identity that is plain http.
    pub imds: u16,
    /// Entra ID.
    pub entra: u16,
    /// Key Vault.
    pub key_vault: u16,
    /// The managed identity of Service Fabric, https.
    pub service_fabric: u16,
    /// The lake's dfs endpoint.
    pub lake_dfs: u16,
    /// The lake's blob endpoint.
    pub lake_blob: u16,
    /// Synapse.
    pub synapse: u16,
}

impl Config {
    /// Reads a configuration from JSON text.
    ///
    /// # Errors
    /// - `InvalidInput`: not JSON, an unknown key, a wrong type; the message gives the position
    ///   and never the text, which may hold secrets.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "the configuration is wrong at line {}, column {}",
                    error.line(),
                    error.column()
                ),
            )
            .caused_by(error)
        })
    }

    /// Reads a configuration from a JSON file.
    ///
    /// # Errors
    /// - `Io`: the file cannot be read.
    /// - `InvalidInput`: as [`Config::from_json`].
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::io("read the configuration", path, error))?;
        Self::from_json(&text)
    }
}

impl Default for RequestLimitConfig {
    fn default() -> Self {
        Self { requests: MAX_TRANSACTIONS, seconds: TRANSACTION_SECONDS }
    }
}

impl fmt::Display for SecretPermission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backup => "backup",
            Self::Delete => "delete",
            Self::Get => "get",
            Self::List => "list",
            Self::Purge => "purge",
            Self::Recover => "recover",
            Self::Restore => "restore",
            Self::Set => "set",
        })
    }
}

impl Default for Config {
    fn default() -> Self {
        let everybody = ["uami-demo", "app-demo"];
        let roles =
            [(Role::KeyVaultSecretsOfficer, "kv-demo"), (Role::StorageBlobDataOwner, "lakedemo")];
        Self {
            tenant_id: uuid!("5a1e0f3c-7d2b-4c8e-9a46-0b1c2d3e4f50"),
            tenants: Vec::new(),
            managed_identities: vec![ManagedIdentityConfig {
                name: "uami-demo".into(),
                client_id: uuid!("0d5c9f7e-3b1a-4e62-8f40-6a7b8c9d0e11"),
                object_id: uuid!("1e6daf8f-4c2b-4f73-9051-7b8c9dae1f22"),
                resource_id: Some(
                    "/subscriptions/2f7eb090-5d3c-4084-a162-8c9daebf2033/resourceGroups/rg-demo/\
                     providers/Microsoft.ManagedIdentity/userAssignedIdentities/uami-demo"
                        .into(),
                ),
            }],
            host_identities: BTreeMap::new(),
            cache_managed_identity_tokens: false,
            apps: vec![AppConfig {
                name: "app-demo".into(),
                client_id: uuid!("308fc1a1-6e4d-4195-b273-9daebfc03144"),
                object_id: uuid!("4190d2b2-7f5e-42a6-8384-aebfc0d14255"),
                client_secrets: vec!["app-demo-client-secret".into()],
                certificates: Vec::new(),
                allow_assertion_reuse: false,
                federated_identity_credentials: Vec::new(),
                tenants: Vec::new(),
            }],
            groups: Vec::new(),
            role_assignments: everybody
                .into_iter()
                .flat_map(|principal| {
                    roles.map(|(role, resource)| RoleAssignmentConfig {
                        principal: principal.into(),
                        role,
                        resource: resource.into(),
                    })
                })
                .collect(),
            vaults: vec![VaultConfig {
                name: "kv-demo".into(),
                secrets: BTreeMap::from([(
                    "demo-secret".to_owned(),
                    SecretString::from("the value of demo-secret"),
                )]),
                ..VaultConfig::default()
            }],
            accounts: vec![AccountConfig {
                name: "lakedemo".into(),
                filesystems: vec!["raw".into()],
                ..AccountConfig::default()
            }],
            sql: SqlConfig::default(),
            storage_dir: None,
            tables_dir: None,
            state_dir: None,
            arc_tokens_dir: None,
            imds_address: Ipv4Addr::LOCALHOST,
            ports: PortsConfig::default(),
            faults: FaultsConfig::default(),
        }
    }
}

impl Default for VaultConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            secrets: BTreeMap::new(),
            certificates: Vec::new(),
            retention_days: retention_days(),
            purge_protection: false,
            soft_delete_limbo_ms: 0,
            tenant_id: None,
            access_policies: None,
            firewall: FirewallConfig::default(),
            request_limit: RequestLimitConfig::default(),
        }
    }
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            filesystems: Vec::new(),
            hierarchical_namespace: true,
            blob_endpoint: EndpointReach::default(),
            dfs_endpoint: EndpointReach::default(),
            soft_delete_retention_days: None,
            filesystem_deletion_limbo_ms: 0,
            empty_pages: false,
            delete_page_paths: delete_page(),
        }
    }
}

fn yes() -> bool {
    true
}

fn delete_page() -> NonZeroUsize {
    DELETE_PAGE_PATHS
}

/// As many as a page of a listing; the service does not say how many it takes.
const DELETE_PAGE_PATHS: NonZeroUsize = NonZeroUsize::new(5_000).unwrap();

fn retention_days() -> u8 {
    90
}

/// How many secret transactions a vault takes within [`TRANSACTION_SECONDS`].
///
/// Spec: <https://learn.microsoft.com/azure/key-vault/general/service-limits>
const MAX_TRANSACTIONS: NonZeroU32 = NonZeroU32::new(4_000).unwrap();

const TRANSACTION_SECONDS: NonZeroU32 = NonZeroU32::new(10).unwrap();

fn token_exchange() -> Vec<String> {
    vec![TOKEN_EXCHANGE_AUDIENCE.to_owned()]
}

/// What tokens are for that are exchanged for those of an app.
pub(crate) const TOKEN_EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

impl Default for SqlConfig {
    fn default() -> Self {
        Self {
            workspaces: vec!["syn-demo".into()],
            database: "demo".into(),
            users: vec![
                SqlUserConfig { principal: "uami-demo".into() },
                SqlUserConfig { principal: "app-demo".into() },
            ],
            logins: vec![SqlLoginConfig { name: "demo".into(), password: "Demo-Passw0rd".into() }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_position() {
        let error = Config::from_json("{\n \"tenant\": 1}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "the configuration is wrong at line 2, column 9");
    }

    #[test]
    fn a_key_left_out_keeps_its_default() {
        let config = Config::from_json(r#"{"ports":{"entra":4430}}"#).unwrap();
        assert_eq!(config.ports.entra, 4430);
        assert_eq!(config.ports.imds, 0);
        assert_eq!(config.vaults[0].name, "kv-demo");
    }

    #[test]
    fn every_configuration_of_the_readme_is_one() {
        let blocks: Vec<_> = include_str!("../README.md")
            .split("```json\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert_eq!(blocks.len(), 4);
        for block in blocks {
            if let Err(error) = Config::from_json(block) {
                panic!("{error}: {block}");
            }
        }
    }

    #[test]
    fn secrets_are_not_shown_by_debug() {
        let shown = format!("{:?}", Config::default());
        for secret in ["app-demo-client-secret", "the value of demo-secret", "Demo-Passw0rd"] {
            assert!(!shown.contains(secret), "{secret} is visible");
        }
    }
}
