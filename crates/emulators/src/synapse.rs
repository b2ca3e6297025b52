//! The Synapse emulator: TDS over a SQL engine.

use std::{path::PathBuf, sync::Arc};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{error::Result, state::ServiceState, tls::TlsMaterial};

/// Serves until `shutdown` is cancelled; an error here is one of the start (a table that cannot be
/// read, say).
pub(crate) async fn serve(
    listener: TcpListener,
    _tls: Arc<TlsMaterial>,
    _state: Arc<ServiceState>,
    _tables_dir: Option<PathBuf>,
    shutdown: CancellationToken,
) -> Result<JoinHandle<()>> {
    Ok(tokio::spawn(async move {
        shutdown.cancelled().await;
        drop(listener);
    }))
}
