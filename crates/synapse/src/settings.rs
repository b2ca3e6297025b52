//! What every connection of one client shares.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use azure_core::credentials::TokenCredential;
use secrecy::SecretString;

use crate::address::ServerAddress;

/// Who logs in.
#[derive(Clone)]
#[non_exhaustive]
pub enum Login {
    /// With an Entra ID access token; the credential is asked anew for every connection.
    AccessToken(Arc<dyn TokenCredential>),
    /// With a SQL login.
    Password {
        /// The login's name.
        user: String,
        /// Its password, up to 128 characters.
        password: SecretString,
    },
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessToken(_) => f.write_str("AccessToken(..)"),
            Self::Password { user, .. } => {
                f.debug_struct("Password").field("user", user).finish_non_exhaustive()
            }
        }
    }
}

/// What speaks to the server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Backend {
    /// The TDS client of this crate: no driver needed.
    #[default]
    Native,
    /// An ODBC driver, by a driver manager that is linked in.
    #[cfg(feature = "odbc")]
    Odbc {
        /// The driver's name in `odbcinst.ini`, such as `ODBC Driver 18 for SQL Server`, or the
        /// path of its library.
        driver: String,
    },
}

/// Maps a host and port to the addresses to try, in order.
pub(crate) type Resolver = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// The settings a builder has checked.
pub(crate) struct Settings {
    pub(crate) server: ServerAddress,
    pub(crate) database: String,
    pub(crate) login: Login,
    pub(crate) scope: String,
    pub(crate) application_name: String,
    pub(crate) backend: Backend,
    /// In place of the system's resolver.
    pub(crate) resolver: Option<Arc<Resolver>>,
    pub(crate) routing_suffixes: Vec<String>,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    pub(crate) connect_timeout: Duration,
    pub(crate) login_timeout: Duration,
    pub(crate) packet_bytes: u16,
    pub(crate) max_row_bytes: usize,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("server", &self.server)
            .field("database", &self.database)
            .field("login", &self.login)
            .field("scope", &self.scope)
            .field("backend", &self.backend)
            .finish_non_exhaustive()
    }
}
