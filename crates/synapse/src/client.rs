//! The client: who connects where, and how a query starts.

use std::{
    fmt, io,
    net::{SocketAddr, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use crate::{
    address::ServerAddress,
    error::{Error, ErrorKind, Operation, Result},
    native,
    options::QueryOptions,
    settings::{Backend, Login, Resolver, Settings},
    stream::RecordBatchStream,
};

/// The scope of tokens for Azure SQL, Synapse and Fabric in the public cloud.
const DEFAULT_SCOPE: &str = "https://database.windows.net/.default";

/// Where Azure's SQL services redirect to, beside the domain connected to.
/// Spec: <https://learn.microsoft.com/azure/azure-sql/database/connectivity-architecture>
const ROUTING_SUFFIXES: [&str; 5] = [
    "database.windows.net",
    "sql.azuresynapse.net",
    "datawarehouse.fabric.microsoft.com",
    "database.chinacloudapi.cn",
    "database.usgovcloudapi.net",
];

/// Runs statements on one database of one server.
///
/// Cloning is cheap. Each query opens a connection of its own and closes it when its stream ends,
/// so queries of one client run beside each other.
#[derive(Clone)]
pub struct SynapseClient {
    settings: Arc<Settings>,
}

/// Sets up a [`SynapseClient`].
pub struct SynapseClientBuilder {
    server: ServerAddress,
    database: String,
    login: Login,
    scope: String,
    application_name: String,
    backend: Backend,
    resolver: Option<Arc<Resolver>>,
    connect_address: Option<SocketAddr>,
    routing_suffixes: Vec<String>,
    ca_pem: Vec<Vec<u8>>,
    connect_timeout: Duration,
    login_timeout: Duration,
    packet_bytes: u16,
    max_row_bytes: usize,
}

impl SynapseClient {
    /// Starts from what every connection needs.
    pub fn builder(
        server: ServerAddress,
        database: impl Into<String>,
        login: Login,
    ) -> SynapseClientBuilder {
        SynapseClientBuilder {
            server,
            database: database.into(),
            login,
            scope: DEFAULT_SCOPE.to_owned(),
            application_name: "azconnect".to_owned(),
            backend: Backend::default(),
            resolver: None,
            connect_address: None,
            routing_suffixes: ROUTING_SUFFIXES.map(str::to_owned).to_vec(),
            ca_pem: Vec::new(),
            connect_timeout: Duration::from_secs(15),
            login_timeout: Duration::from_secs(60),
            packet_bytes: 32_767,
            max_row_bytes: 256 << 20,
        }
    }

    /// The server it connects to.
    pub fn server(&self) -> &ServerAddress {
        &self.settings.server
    }

    /// The database it logs in to.
    pub fn database(&self) -> &str {
        &self.settings.database
    }

    /// Runs a statement with default options; see [`query_opts`](Self::query_opts).
    ///
    /// # Errors
    /// As [`query_opts`](Self::query_opts).
    pub async fn query(&self, sql: &str) -> Result<RecordBatchStream> {
        self.query_opts(sql, QueryOptions::default()).await
    }

    /// Runs a statement and streams its result.
    ///
    /// `sql`: one statement or a batch of several, sent as it is. At most one of them may return
    /// rows. Returns as soon as the shape of the result is known, or, for a batch that returns no
    /// rows, when it is done.
    ///
    /// # Errors
    /// - `Connect`, `Timeout`: the server cannot be reached, or TLS fails.
    /// - `Unauthenticated`, `PermissionDenied`: the login was refused, or may not do this.
    /// - `NotFound`, `InvalidInput` and others: as the server's number says.
    /// - `Unsupported`: a column's type has no Arrow counterpart here.
    ///
    /// # Cancel safety
    /// Dropping the future or the stream closes the connection, which makes the server cancel the
    /// statement. What a modifying statement did by then stays done, unless it ran in a
    /// transaction.
    pub async fn query_opts(&self, sql: &str, options: QueryOptions) -> Result<RecordBatchStream> {
        let settings = &self.settings;
        let stream = match &settings.backend {
            Backend::Native => native::query(settings, sql, options).await,
            #[cfg(feature = "odbc")]
            Backend::Odbc { driver } => {
                crate::odbc::query(settings, driver.clone(), sql, options).await
            }
        };
        stream.map_err(|error| error.at(&settings.server, &settings.database))
    }
}

impl fmt::Debug for SynapseClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.settings, f)
    }
}

impl SynapseClientBuilder {
    /// The TCP port, if not that of the address.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.server = self.server.with_port(port);
        self
    }

    /// The scope that tokens are asked for; default `https://database.windows.net/.default`.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// The program name that the server shows to its administrators, up to 128 characters.
    #[must_use]
    pub fn with_application_name(mut self, name: impl Into<String>) -> Self {
        self.application_name = name.into();
        self
    }

    /// What speaks to the server; default [`Backend::Native`].
    #[must_use]
    pub fn with_backend(mut self, backend: Backend) -> Self {
        self.backend = backend;
        self
    }

    /// Connects to this address in place of the one the host name resolves to; TLS still checks
    /// the host name. Redirects to other hosts are resolved as usual.
    #[must_use]
    pub fn with_connect_address(mut self, address: SocketAddr) -> Self {
        self.connect_address = Some(address);
        self
    }

    /// Resolves every host, also those redirected to, by this function in place of the system.
    /// It runs on the connection's own thread and may block.
    #[must_use]
    pub fn with_resolver(
        mut self,
        resolver: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// Lets the server redirect the login, and with it the token, to hosts below this domain too.
    #[must_use]
    pub fn with_routing_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.routing_suffixes.push(suffix.into());
        self
    }

    /// Trusts these certificates too, beside those the system trusts.
    #[must_use]
    pub fn with_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem.push(pem.into());
        self
    }

    /// The time for one TCP connection; default 15 seconds.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The time from the TCP connection to the end of the login; default 60 seconds, as a paused
    /// serverless database takes that long to answer.
    #[must_use]
    pub fn with_login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// The packet size to ask for, 512 to 32,767 bytes (the default); the server may choose less.
    #[must_use]
    pub fn with_packet_bytes(mut self, bytes: u16) -> Self {
        self.packet_bytes = bytes;
        self
    }

    /// The largest row to accept, in bytes on the wire: default 256 MiB, at most 1 GiB.
    #[must_use]
    pub fn with_max_row_bytes(mut self, bytes: usize) -> Self {
        self.max_row_bytes = bytes;
        self
    }

    /// Checks the options. Nothing is sent yet.
    ///
    /// # Errors
    /// - `InvalidInput`: an option is out of its range, or a CA file holds no certificate.
    pub fn build(self) -> Result<SynapseClient> {
        for (name, value, limit) in [
            ("database name", &self.database, 128),
            ("application name", &self.application_name, 128),
            ("scope", &self.scope, 2_048),
        ] {
            let length = value.encode_utf16().count();
            if length > limit {
                return Err(invalid(format!("the {name} has {length} characters, above {limit}")));
            }
        }
        if !(512..=32_767).contains(&self.packet_bytes) {
            let size = self.packet_bytes;
            return Err(invalid(format!("a packet size of {size} bytes is not 512 to 32767")));
        }
        let limit = 1 << 30;
        if !(1..=limit).contains(&self.max_row_bytes) {
            let size = self.max_row_bytes;
            return Err(invalid(format!("a row limit of {size} bytes is not 1 to {limit}")));
        }
        for (name, timeout) in [("connect", self.connect_timeout), ("login", self.login_timeout)] {
            if timeout.is_zero() {
                return Err(invalid(format!("the {name} timeout is zero")));
            }
        }

        let tls = native::tls_config(&self.ca_pem)?;
        let resolver = match (self.resolver, self.connect_address) {
            (resolver, None) => resolver,
            (fallback, Some(address)) => {
                let own = self.server.clone();
                Some(Arc::new(move |host: &str, port: u16| match &fallback {
                    _ if host == own.host() && port == own.port() => Ok(vec![address]),
                    Some(resolver) => resolver(host, port),
                    None => resolve_by_system(host, port),
                }) as Arc<Resolver>)
            }
        };
        let settings = Settings {
            server: self.server,
            database: self.database,
            login: self.login,
            scope: self.scope,
            application_name: self.application_name,
            backend: self.backend,
            resolver,
            routing_suffixes: self.routing_suffixes,
            tls,
            connect_timeout: self.connect_timeout,
            login_timeout: self.login_timeout,
            packet_bytes: self.packet_bytes,
            max_row_bytes: self.max_row_bytes,
        };
        Ok(SynapseClient { settings: Arc::new(settings) })
    }
}

impl fmt::Debug for SynapseClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SynapseClientBuilder")
            .field("server", &self.server)
            .field("database", &self.database)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// Maps a host name as the system does.
pub(crate) fn resolve_by_system(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidInput, Operation::Configure, detail)
}
