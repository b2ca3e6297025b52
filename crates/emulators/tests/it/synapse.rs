//! Synapse: a foreign client (tiberius) for what every client does, a client of raw bytes for what
//! a foreign one does not let us do.

mod logins;
mod protocol;
mod queries;
mod raw;
mod tables;

use azconnect_emulators::Config;
use tempfile::TempDir;
use tiberius::{AuthMethod, Client, Config as ClientConfig};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::fixture::Fixture;

/// The audience of Azure SQL.
const SQL: &str = "https://database.windows.net/";

type Connection = Client<Compat<TcpStream>>;

/// Emulators with the tables of [`tables`].
struct Synapse {
    fixture: Fixture,
    tables: TempDir,
}

impl Synapse {
    async fn start() -> Self {
        Self::with(Config::default()).await
    }

    async fn with(mut config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        tables::write(folder.path());
        config.tables_dir = Some(folder.path().to_owned());
        Self { fixture: Fixture::with(config).await, tables: folder }
    }

    /// What a client needs to know, by the workspace's real name; its certificate is checked.
    fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.host("syn-demo.sql.azuresynapse.net");
        config.database("demo");
        config.trust_cert_ca(self.fixture.emulators.ca_file().display());
        config.authentication(AuthMethod::sql_server("demo", "Demo-Passw0rd"));
        config
    }

    async fn connect(&self, config: ClientConfig) -> tiberius::Result<Connection> {
        let address = self.fixture.emulators.endpoints().synapse.unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        Box::pin(Client::connect(config, stream.compat_write())).await
    }

    async fn client(&self) -> Connection {
        self.connect(self.client_config()).await.unwrap()
    }
}

/// The number and the text of the error that the server sent.
#[track_caller]
fn server_error<T>(result: tiberius::Result<T>) -> (u32, String) {
    match result {
        Err(tiberius::error::Error::Server(error)) => (error.code(), error.message().to_owned()),
        Err(other) => panic!("not from the server: {other}"),
        Ok(_) => panic!("no error"),
    }
}
