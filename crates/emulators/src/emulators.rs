//! Starts every service on loopback, writes what clients need to find and trust them, and stops
//! them all when dropped.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::Router;
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    cloud::CloudFile,
    config::Config,
    directory::{Directory, Principal, PrincipalKind},
    error::{Error, ErrorKind, Result},
    faults::{Faults, Service, throttled},
    identity::{self, ManagedIdentityState},
    key_vault, lake,
    requests::{Requests, counted},
    roles::Role,
    serve::serve_http,
    state::ServiceState,
    tls::TlsMaterial,
    tokens::{TokenAuthority, Wanted},
};

/// All emulators, running. Dropping it stops them and removes their temporary files.
#[derive(Debug)]
pub struct Emulators {
    endpoints: Endpoints,
    state: Arc<ServiceState>,
    ca_pem: String,
    ca_file: PathBuf,
    cloud_file: PathBuf,
    service_fabric_thumbprint: String,
    tasks: Vec<JoinHandle<()>>,
    // The order matters: the services are told to stop before their folder goes.
    shutdown: DropGuard,
    temporary: Option<TempDir>,
}

/// Where each service listens: on 127.0.0.1, but for IMDS if it is configured otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoints {
    /// IMDS and all other managed identity that is plain http.
    pub imds: SocketAddr,
    /// Entra ID, https.
    pub entra: SocketAddr,
    /// Key Vault, https.
    pub key_vault: SocketAddr,
    /// The managed identity of Service Fabric, https with a certificate of its own.
    pub service_fabric: SocketAddr,
    /// The lake's dfs endpoint, https.
    pub lake_dfs: SocketAddr,
    /// The lake's blob endpoint, https.
    pub lake_blob: SocketAddr,
    /// Synapse, TDS; `None` when built without the feature `synapse`.
    pub synapse: Option<SocketAddr>,
}

impl Emulators {
    /// Starts every service in the current Tokio runtime and returns once all of them listen.
    ///
    /// Each start makes new keys: a new CA, a new token signing key, a new identity header.
    ///
    /// # Errors
    /// - `InvalidInput`: the configuration contradicts itself.
    /// - `Io`: a folder or file cannot be made or read.
    /// - `Listen`: a port is taken.
    /// - `Certificate`: a registered certificate is no RSA certificate, one of a vault cannot be read,
    ///   or a key cannot be made.
    ///
    /// # Cancel safety
    /// Dropping the future stops whatever was started.
    pub async fn start(config: Config) -> Result<Self> {
        let (state_dir, temporary) = state_dir(&config)?;
        let storage_dir = config.storage_dir.clone().unwrap_or_else(|| state_dir.join("lake"));
        make_dir(&storage_dir)?;
        let arc_tokens_dir =
            config.arc_tokens_dir.clone().unwrap_or_else(|| state_dir.join("arc-tokens"));
        make_dir(&arc_tokens_dir)?;
        // Clients in other folders must find the files that the cloud definition names.
        let state_dir = absolute(&state_dir)?;
        let storage_dir = absolute(&storage_dir)?;
        let arc_tokens_dir = absolute(&arc_tokens_dir)?;

        let directory = Arc::new(Directory::new(&config)?);
        let keys_of = Arc::clone(&directory);
        let (tls, tokens) = tokio::task::spawn_blocking(move || {
            Ok((TlsMaterial::mint(OffsetDateTime::now_utc())?, TokenAuthority::new(keys_of)?))
        })
        .await
        .map_err(|error| {
            Error::new(ErrorKind::Certificate, "cannot make the emulators' keys").caused_by(error)
        })??;
        let tls = Arc::new(tls);
        let https = tls.https()?;

        let ports = config.ports;
        let imds = listen("imds", imds_address(&config)?, ports.imds).await?;
        let entra = listen("entra", LOOPBACK, ports.entra).await?;
        let vault = listen("key_vault", LOOPBACK, ports.key_vault).await?;
        let fabric = listen("service_fabric", LOOPBACK, ports.service_fabric).await?;
        let dfs = listen("lake_dfs", LOOPBACK, ports.lake_dfs).await?;
        let blob = listen("lake_blob", LOOPBACK, ports.lake_blob).await?;
        #[cfg(feature = "synapse")]
        let sql = listen("synapse", LOOPBACK, ports.synapse).await?;
        let endpoints = Endpoints {
            imds: imds.1,
            entra: entra.1,
            key_vault: vault.1,
            service_fabric: fabric.1,
            lake_dfs: dfs.1,
            lake_blob: blob.1,
            #[cfg(feature = "synapse")]
            synapse: Some(sql.1),
            #[cfg(not(feature = "synapse"))]
            synapse: None,
        };

        let ca_file = state_dir.join("ca.pem");
        write(&ca_file, tls.ca_pem().as_bytes())?;
        let cloud_file = state_dir.join("cloud.json");
        let cloud = serde_json::to_vec_pretty(&CloudFile::new(&endpoints, &ca_file))
            .map_err(|error| Error::io("write the cloud file", &cloud_file, error))?;
        write(&cloud_file, &cloud)?;

        let state = Arc::new(ServiceState {
            directory,
            tokens,
            faults: Arc::new(Faults::new(&config.faults)),
            storage_dir,
            authority_host: endpoints.authority_host(),
            managed_identity: ManagedIdentityState::new(&config, arc_tokens_dir),
            requests: Arc::new(Requests::default()),
            lake_clock: Arc::default(),
            config,
        });
        let stop = CancellationToken::new();
        let shutdown = stop.clone().drop_guard();
        let lake = lake::open(&state)?;
        let serve = |(listener, _), tls: Option<_>, service, router: Router| {
            let router = match service {
                // They take their throttle themselves, to refuse in formats of their own.
                Service::KeyVault | Service::LakeBlob | Service::LakeDfs => router,
                _ => throttled(router, service, Arc::clone(&state.faults)),
            };
            let router = counted(router, service, Arc::clone(&state.requests));
            serve_http(listener, tls, router, stop.clone())
        };
        #[cfg_attr(not(feature = "synapse"), expect(unused_mut, reason = "only Synapse adds one"))]
        let mut tasks = vec![
            serve(imds, None, Service::Imds, identity::managed_identity_router(Arc::clone(&state))),
            serve(
                fabric,
                Some(tls.self_signed_https()?),
                Service::Imds,
                identity::service_fabric_router(Arc::clone(&state)),
            ),
            serve(
                entra,
                Some(Arc::clone(&https)),
                Service::Entra,
                identity::entra_router(Arc::clone(&state)),
            ),
            serve(
                vault,
                Some(Arc::clone(&https)),
                Service::KeyVault,
                key_vault::router(Arc::clone(&state))?,
            ),
            serve(
                dfs,
                Some(Arc::clone(&https)),
                Service::LakeDfs,
                lake::dfs_router(Arc::clone(&lake)),
            ),
            serve(blob, Some(https), Service::LakeBlob, lake::blob_router(lake)),
        ];
        #[cfg(feature = "synapse")]
        {
            let tables_dir = state.config.tables_dir.clone();
            let synapse = crate::synapse::serve(
                sql.0,
                Arc::clone(&tls),
                Arc::clone(&state),
                tables_dir,
                stop.clone(),
            );
            tasks.push(synapse.await?);
        }
        Ok(Self {
            endpoints,
            state,
            ca_pem: tls.ca_pem().to_owned(),
            ca_file,
            cloud_file,
            service_fabric_thumbprint: tls.self_signed_thumbprint().to_owned(),
            tasks,
            shutdown,
            temporary,
        })
    }

    /// Where each service listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The certificate of the CA that signed the services' certificate, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file that holds [`Emulators::ca_pem`].
    pub fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// The JSON file that describes the emulators as a cloud, for `--cloud` and `AZCONNECT_CLOUD`.
    pub fn cloud_file(&self) -> &Path {
        &self.cloud_file
    }

    /// The tenant id.
    pub fn tenant_id(&self) -> &str {
        self.state.directory.tenant_id()
    }

    /// The value of `IDENTITY_HEADER`, which the App Service endpoint wants to see.
    pub fn identity_header(&self) -> &SecretString {
        &self.state.managed_identity.secrets.app_service
    }

    /// The value of `IDENTITY_SERVER_THUMBPRINT`, by which clients know the Service Fabric endpoint.
    pub fn service_fabric_thumbprint(&self) -> &str {
        &self.service_fabric_thumbprint
    }

    /// How many requests a service has got since the start, be they answered or refused.
    pub fn requests(&self, service: Service) -> u64 {
        self.state.requests.of(service)
    }

    /// How many requests Key Vault has got since the start, be they answered or refused, by method
    /// and path: `GET /secrets/demo-secret`. A slash at the end makes no difference, nor does the
    /// vault.
    pub fn key_vault_requests(&self) -> BTreeMap<String, u64> {
        self.state.requests.of_key_vault()
    }

    /// Gives a principal a role, from its next request on. A role that it has already it keeps.
    ///
    /// `principal`: the name of a managed identity or an app in the configuration.
    /// `resource`: the name of a vault or account, or `VAULT/secrets/NAME`.
    ///
    /// # Errors
    /// - `InvalidInput`: `resource` is neither.
    /// - `NotFound`: there is no such principal.
    pub fn assign_role(&self, principal: &str, role: Role, resource: &str) -> Result<()> {
        self.state.directory.assign_role(self.principal(principal)?, role, resource)
    }

    /// Takes a role from a principal, from its next request on.
    ///
    /// `principal`, `resource`: as the role was given, by [`Emulators::assign_role`] or in the
    /// configuration.
    ///
    /// # Errors
    /// - `InvalidInput`: `resource` is neither a name nor `VAULT/secrets/NAME`.
    /// - `NotFound`: there is no such principal, or it does not have the role there.
    pub fn remove_role(&self, principal: &str, role: Role, resource: &str) -> Result<()> {
        self.state.directory.remove_role(self.principal(principal)?, role, resource)
    }

    /// Revokes every token that was issued so far. Key Vault answers 401 to them from now on: with
    /// a claims challenge to clients that said they understand it (`cp1`), and without to others.
    pub fn revoke_tokens(&self) {
        self.state.tokens.revoke();
    }

    /// Puts the clock of the lake forward: leases end, files expire, deleted paths and names of
    /// filesystems are given up, without anybody having to wait.
    pub fn advance_lake_clock(&self, by: std::time::Duration) {
        self.state.lake_clock.advance(by);
    }

    /// What the emulators can be told to do wrong.
    pub fn faults(&self) -> &Faults {
        &self.state.faults
    }

    /// Signs an access token, as Entra would, without asking for a credential.
    ///
    /// `principal`: the name of a managed identity or an app in the configuration.
    /// `audience`: the resource without `/.default`, `https://vault.azure.net` say.
    /// `lifetime`: from now on; a negative one makes a token that has expired already.
    ///
    /// # Errors
    /// - `NotFound`: there is no such principal.
    pub fn issue_token(
        &self,
        principal: &str,
        audience: &str,
        lifetime: Duration,
    ) -> Result<SecretString> {
        let principal = self.principal(principal)?;
        let wanted = Wanted::new(audience, lifetime);
        self.state.tokens.issue(principal, &wanted).map(SecretString::from)
    }

    /// Registers one more certificate with an app.
    ///
    /// `app`: its name in the configuration. `certificate_pem`: the certificate; a private key in
    /// the same text is ignored.
    ///
    /// # Errors
    /// - `NotFound`: there is no such app.
    /// - `Certificate`: the text holds no RSA certificate.
    pub fn register_certificate(&self, app: &str, certificate_pem: &str) -> Result<()> {
        match &self.principal(app)?.kind {
            PrincipalKind::App(credentials) => credentials.register(certificate_pem),
            PrincipalKind::ManagedIdentity { .. } => Err(Error::new(
                ErrorKind::NotFound,
                format!("\"{app}\" is a managed identity, which has no certificates of its own"),
            )),
        }
    }

    /// The environment that makes Azure's SDKs, Microsoft's ODBC driver and azconnect use the
    /// emulators, by variable name: managed identity as in App Service, and IMDS. It holds secrets.
    ///
    /// `AZCONNECT_EMULATE_HOSTS` has the variables of every
    /// [`ManagedIdentityHost`](crate::ManagedIdentityHost) as JSON, by the name of the host.
    pub fn environment(&self) -> BTreeMap<&'static str, String> {
        let ca_file = self.ca_file.display().to_string();
        let loopback = "localhost,127.0.0.1,::1,169.254.169.254".to_owned();
        let mut environment = BTreeMap::from([
            ("AZCONNECT_CLOUD", self.cloud_file.display().to_string()),
            ("AZCONNECT_EMULATE_HOSTS", self.hosts()),
            ("AZCONNECT_EMULATE_KEY_VAULT_URL", self.endpoints.key_vault_url()),
            ("AZCONNECT_EMULATE_LAKE_BLOB_URL", self.endpoints.lake_blob_url()),
            ("AZCONNECT_EMULATE_LAKE_DFS_URL", self.endpoints.lake_dfs_url()),
            ("AZURE_AUTHORITY_HOST", self.endpoints.authority_host()),
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", self.endpoints.imds_url()),
            ("AZURE_TENANT_ID", self.tenant_id().to_owned()),
            ("CURL_CA_BUNDLE", ca_file.clone()),
            ("IDENTITY_ENDPOINT", self.endpoints.identity_endpoint()),
            ("IDENTITY_HEADER", self.identity_header().expose_secret().to_owned()),
            // Programs differ in which spelling they look at first.
            ("NO_PROXY", loopback.clone()),
            ("REQUESTS_CA_BUNDLE", ca_file.clone()),
            ("SSL_CERT_FILE", ca_file),
            ("no_proxy", loopback),
        ]);
        if let Some(server) = self.endpoints.sql_server() {
            environment.insert("AZCONNECT_EMULATE_SQL_SERVER", server);
        }
        environment
    }

    /// Stops accepting, lets the requests under way finish, and returns when they have.
    ///
    /// # Cancel safety
    /// Dropping the future stops the services without waiting.
    pub async fn stop(self) {
        let Self { tasks, shutdown, temporary, .. } = self;
        drop(shutdown);
        for task in tasks {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a service ended badly");
            }
        }
        drop(temporary);
    }

    pub(crate) fn state(&self) -> &ServiceState {
        &self.state
    }

    fn principal(&self, name: &str) -> Result<&Principal> {
        self.state.directory.by_name(name).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("no principal is called \"{name}\""))
        })
    }
}

impl Endpoints {
    /// What `AZURE_AUTHORITY_HOST` must say.
    pub fn authority_host(&self) -> String {
        local_url("https", "localhost", self.entra)
    }

    /// What `AZURE_POD_IDENTITY_AUTHORITY_HOST` must say: IMDS without its path.
    pub fn imds_url(&self) -> String {
        local_url("http", &self.imds.ip().to_string(), self.imds)
    }

    /// What `IDENTITY_ENDPOINT` of App Service must say.
    pub fn identity_endpoint(&self) -> String {
        self.imds_url() + identity::APP_SERVICE_PATH
    }

    /// What `IMDS_ENDPOINT` of Azure Arc must say.
    pub fn arc_url(&self) -> String {
        self.imds_url() + identity::ARC_PATH
    }

    /// What `IDENTITY_ENDPOINT` of Azure Arc must say.
    pub fn arc_endpoint(&self) -> String {
        self.arc_url() + identity::IMDS_PATH
    }

    /// What `MSI_ENDPOINT` of Cloud Shell must say.
    pub fn cloud_shell_endpoint(&self) -> String {
        self.imds_url() + identity::CLOUD_SHELL_PATH
    }

    /// What `MSI_ENDPOINT` of Azure Machine Learning must say.
    pub fn machine_learning_endpoint(&self) -> String {
        self.imds_url() + identity::MACHINE_LEARNING_PATH
    }

    /// What `IDENTITY_ENDPOINT` of Service Fabric must say.
    pub fn service_fabric_endpoint(&self) -> String {
        local_url("https", "localhost", self.service_fabric) + identity::IMDS_PATH
    }

    /// The first vault, for clients that cannot map host names.
    pub fn key_vault_url(&self) -> String {
        local_url("https", "localhost", self.key_vault)
    }

    /// The dfs endpoint for clients that cannot map host names; the account is the first segment
    /// of the path.
    pub fn lake_dfs_url(&self) -> String {
        local_url("https", "localhost", self.lake_dfs)
    }

    /// The blob endpoint for clients that cannot map host names; the account is the first segment
    /// of the path.
    pub fn lake_blob_url(&self) -> String {
        local_url("https", "localhost", self.lake_blob)
    }

    /// The Synapse server as connection strings spell it: `localhost,PORT`.
    pub fn sql_server(&self) -> Option<String> {
        self.synapse.map(|address| ["localhost,", &address.port().to_string()].concat())
    }
}

fn local_url(scheme: &str, host: &str, address: SocketAddr) -> String {
    [scheme, "://", host, ":", &address.port().to_string()].concat()
}

fn state_dir(config: &Config) -> Result<(PathBuf, Option<TempDir>)> {
    if let Some(path) = &config.state_dir {
        make_dir(path)?;
        return Ok((path.clone(), None));
    }
    let temporary =
        tempfile::Builder::new().prefix("azconnect-emulators-").tempdir().map_err(|error| {
            Error::new(ErrorKind::Io, "cannot make a temporary folder").caused_by(error)
        })?;
    Ok((temporary.path().to_owned(), Some(temporary)))
}

fn make_dir(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| Error::io("make the folder", path, error))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|error| Error::io("find the folder", path, error))
}

fn write(path: &Path, contents: &[u8]) -> Result<()> {
    fs::write(path, contents).map_err(|error| Error::io("write", path, error))
}

/// Where IMDS may listen: nowhere that another machine could reach.
fn imds_address(config: &Config) -> Result<Ipv4Addr> {
    let address = config.imds_address;
    if address.is_loopback() || address == REAL_IMDS {
        return Ok(address);
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        format!("IMDS cannot listen on {address}: only on loopback or on {REAL_IMDS}"),
    ))
}

async fn listen(service: &str, address: Ipv4Addr, port: u16) -> Result<(TcpListener, SocketAddr)> {
    let failed = |source: std::io::Error| {
        let at = if address == LOOPBACK { String::new() } else { format!(" of {address}") };
        Error::new(ErrorKind::Listen, format!("cannot listen on port {port}{at} for {service}"))
            .caused_by(source)
            .with_hint("choose another port, or 0 for any free one")
    };
    let listener = TcpListener::bind((address, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Spec: <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>
const REAL_IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
