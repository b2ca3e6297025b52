//! What every command gets: the global options, turned into things to use when they are first asked for.
//!
//! | a command needs | it asks for |
//! | --- | --- |
//! | to print its result | [`Context::printer`]: `records`, `record`, `value`, `raw`, `stdout` |
//! | to show progress | [`Context::progress`]: `bytes`, `rows` |
//! | the cloud | [`Context::cloud`], then `key_vault_url(vault)`, `lake_endpoints(account)`, `synapse_server(workspace_or_host)` |
//! | an HTTP client for the lake | [`Context::http_client`] |
//! | a transport for azure_core | [`Context::transport`] |
//! | a credential | [`Context::credential`]: an `Arc<dyn TokenCredential>` |
//! | trust for TDS | [`Context::ca_pem`] and the `connect` of `synapse_server` |
//! | to know the identity options | [`Context::credential_options`] |
//! | the environment | [`Context::environment`] |
//! | to hand signals on to a program | [`Context::signals`] |
//!
//! A command is `pub(crate) async fn run(args: XArgs, context: &Context) -> Result<(), Failure>`. Errors of our
//! libraries become failures by `?`; others by `Failure::from_error("what was tried", &error)`; wrong usage that
//! clap cannot see by `Failure::usage("…").with_hint("…")`.

use std::sync::{Arc, OnceLock};

use azconnect_auth::SharedTokenCache;
use azure_core::{credentials::TokenCredential, http::Transport};

use crate::{
    cli::{CredentialOptions, GlobalOptions},
    cloud::Cloud,
    credential,
    environment::Environment,
    failure::Failure,
    printer::Printer,
    progress::Progress,
    signals::Signals,
    transport::{Proxy, SharedClient},
};

/// The global options and what is made of them.
pub(crate) struct Context {
    options: GlobalOptions,
    cloud: OnceLock<Cloud>,
    http_client: OnceLock<Arc<SharedClient>>,
    credential: OnceLock<Arc<dyn TokenCredential>>,
    signals: Signals,
}

impl Context {
    /// Keeps the options; makes nothing yet.
    pub(crate) fn new(options: GlobalOptions) -> Self {
        Self {
            options,
            cloud: OnceLock::new(),
            http_client: OnceLock::new(),
            credential: OnceLock::new(),
            signals: Signals::default(),
        }
    }

    /// Where results go.
    pub(crate) fn printer(&self) -> Printer {
        Printer::new(self.options.output)
    }

    /// Where progress is shown.
    pub(crate) fn progress(&self) -> Progress {
        Progress::new(self.options.no_progress)
    }

    /// The signals that ask this process to stop.
    pub(crate) fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The process environment.
    pub(crate) fn environment(&self) -> Environment {
        Environment
    }

    /// What the user said about the identity.
    pub(crate) fn credential_options(&self) -> &CredentialOptions {
        &self.options.credential
    }

    /// The cloud of `--cloud`.
    pub(crate) fn cloud(&self) -> Result<&Cloud, Failure> {
        get_or_try_init(&self.cloud, || Cloud::load(&self.options.cloud))
    }

    /// The one HTTP client; clones share its connections.
    pub(crate) fn http_client(&self) -> Result<reqwest::Client, Failure> {
        self.shared_client()?.get()
    }

    /// The same client for the crates of azure_core. It is made while the caller goes on.
    pub(crate) fn transport(&self) -> Result<Transport, Failure> {
        let client = self.shared_client()?;
        client.prepare();
        Ok(Transport::new(Arc::clone(client) as _))
    }

    /// A transport that never uses a proxy: for IMDS and other endpoints of this machine.
    pub(crate) fn direct_transport(&self) -> Result<Transport, Failure> {
        Ok(Transport::new(SharedClient::new(self.cloud()?, Proxy::Direct)?))
    }

    fn shared_client(&self) -> Result<&Arc<SharedClient>, Failure> {
        get_or_try_init(&self.http_client, || SharedClient::new(self.cloud()?, Proxy::System))
    }

    /// The credential that the identity options name; its token cache is shared by all who ask here.
    pub(crate) fn credential(&self) -> Result<Arc<dyn TokenCredential>, Failure> {
        get_or_try_init(&self.credential, || credential::build(self)).cloned()
    }

    /// The folder of `--token-cache`, if one is named.
    pub(crate) fn token_cache(&self) -> Result<Option<SharedTokenCache>, Failure> {
        let folder = self.options.credential.token_cache.as_ref();
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        Ok(folder.map(SharedTokenCache::open).transpose()?)
    }

    /// Certificates to trust beside the system's, as PEM, if the cloud has any.
    pub(crate) fn ca_pem(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.cloud()?.ca_pem()
    }
}

/// `OnceLock::get_or_try_init` is not stable. Two threads that come first at once may both initialise; one
/// value is kept.
fn get_or_try_init<T>(
    cell: &OnceLock<T>,
    init: impl FnOnce() -> Result<T, Failure>,
) -> Result<&T, Failure> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = init()?;
    Ok(cell.get_or_init(|| value))
}
