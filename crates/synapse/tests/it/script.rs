//! What a scripted server answers, and clients for it.

use std::{net::SocketAddr, time::Duration};

use arrow::array::RecordBatch;
use azconnect_synapse::{
    Login, QueryOptions, RecordBatchStream, Result, ServerAddress, SynapseClient,
    SynapseClientBuilder,
};
use futures::TryStreamExt;

use crate::{
    server::{HOST, Server, certificates},
    wire,
};

/// The answers of a [`Server`].
pub(crate) struct Script {
    pub(crate) prelogin_reply: Vec<u8>,
    pub(crate) login_reply: Vec<u8>,
    pub(crate) result: Vec<u8>,
    pub(crate) packet_bytes: usize,
    /// Close after so many bytes of the result's packets.
    pub(crate) cut_after: Option<usize>,
    /// Tokens to repeat after the result, for ever.
    pub(crate) endless: Option<Vec<u8>>,
    /// Answer nothing at all.
    pub(crate) silent: bool,
}

impl Script {
    /// Accepts any login and answers any statement with these tokens.
    pub(crate) fn result(tokens: &[Vec<u8>]) -> Self {
        Self {
            // Version and "encryption on".
            prelogin_reply: vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 1],
            login_reply: [wire::packet_size(4_096), wire::login_ack(), wire::done(None)].concat(),
            result: tokens.concat(),
            packet_bytes: 4_096,
            cut_after: None,
            endless: None,
            silent: false,
        }
    }

    /// Answers any login with these tokens.
    pub(crate) fn login(tokens: &[Vec<u8>]) -> Self {
        Self { login_reply: tokens.concat(), ..Self::result(&[]) }
    }
}

/// A builder with a password login for the server at this address.
pub(crate) fn builder(address: SocketAddr) -> SynapseClientBuilder {
    let login = Login::Password { user: "reader".to_owned(), password: "pass word 1!".into() };
    builder_for(address, login)
}

pub(crate) fn builder_for(address: SocketAddr, login: Login) -> SynapseClientBuilder {
    SynapseClient::builder(ServerAddress::new(HOST, 1433).unwrap(), "demo", login)
        .with_connect_address(address)
        .with_ca_pem(certificates().ca_pem.clone())
        .with_login_timeout(Duration::from_secs(60))
}

/// Runs a statement against the script.
pub(crate) async fn run(script: Script, options: QueryOptions) -> Result<RecordBatchStream> {
    let server = Server::start(script);
    builder(server.address).build().unwrap().query_opts("SELECT 1", options).await
}

/// Runs a statement and reads all of its result.
pub(crate) async fn read(script: Script) -> Result<Vec<RecordBatch>> {
    run(script, QueryOptions::default()).await?.try_collect().await
}
