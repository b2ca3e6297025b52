//! What all services share: who exists, the token authority, the faults, where things lie.

use std::{path::PathBuf, sync::Arc};

use crate::{
    config::Config, directory::Directory, faults::Faults, identity::ManagedIdentityState,
    lake::StampClock, requests::Requests, tokens::TokenAuthority,
};

/// One value, shared by all services behind an `Arc`.
#[derive(Debug)]
pub(crate) struct ServiceState {
    /// What was configured: vaults, accounts, the SQL workspace. Who exists is in `directory`.
    pub(crate) config: Config,
    /// Principals, their credentials, their roles.
    pub(crate) directory: Arc<Directory>,
    /// Issues and verifies tokens.
    pub(crate) tokens: TokenAuthority,
    /// What to do wrong, for tests.
    pub(crate) faults: Arc<Faults>,
    /// Where the lake keeps its files; exists.
    pub(crate) storage_dir: PathBuf,
    /// `https://localhost:PORT` of Entra, without a slash at the end.
    pub(crate) authority_host: String,
    /// What the sources of managed identity keep between two requests.
    pub(crate) managed_identity: ManagedIdentityState,
    /// How often each service was asked.
    pub(crate) requests: Arc<Requests>,
    /// What time the lake has.
    pub(crate) lake_clock: Arc<StampClock>,
}
