//! What all services share: who exists, the token authority, the faults, where things lie.

use std::{path::PathBuf, sync::Arc};

use secrecy::SecretString;

use crate::{config::Config, directory::Directory, faults::Faults, tokens::TokenAuthority};

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
    /// What `X-IDENTITY-HEADER` must say; a new value at each start.
    pub(crate) identity_header: SecretString,
}
