//! The Synapse emulator: TDS 7.4 over TLS, answered by DataFusion over Parquet files.
//!
//! It shares no code with the client of this project: what both understand of the protocol, they
//! understand each for itself.

mod authenticate;
mod collation;
mod connection;
mod cursor;
mod describe;
mod encode;
mod engine;
mod login;
mod metadata;
mod packet;
mod params;
mod prelogin;
mod procedures;
mod rpc;
mod session;
mod sql_error;
mod sql_type;
mod statements;
mod tables;
mod tls_handshake;
mod token;
mod tsql;

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{connection::Server, engine::Engine, tables::Tables};
use crate::{
    error::{Error, ErrorKind, Result},
    state::ServiceState,
    tls::TlsMaterial,
};

/// Serves until `shutdown` is cancelled; connections end with it. The returned task ends once the
/// last one has.
///
/// `tables_dir`: the folder whose Parquet files and folders are the tables; they are read when a
/// statement names them.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<TlsMaterial>,
    state: Arc<ServiceState>,
    tables_dir: Option<PathBuf>,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>> {
    let engine =
        Engine::new(&state.config.sql.database, Tables::new(tables_dir)).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, format!("cannot start the SQL engine: {error}"))
        })?;
    let server = Arc::new(Server::new(&tls, state, engine)?);
    Ok(tokio::spawn(accept(listener, server, shutdown)))
}

async fn accept(listener: TcpListener, server: Arc<Server>, shutdown: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly: without a pause this would spin.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let server = Arc::clone(&server);
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            let ended = tokio::select! {
                () = shutdown.cancelled() => return,
                ended = connection::serve(&server, stream) => ended,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
