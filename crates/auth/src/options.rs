//! What all credentials can be told: transport, retries, clock.

use std::sync::Arc;

use azure_core::http::Transport;

use crate::{
    clock::{Clock, SystemClock},
    retry::RetryOptions,
};

/// The options that every builder offers; each builder has the public setters.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommonOptions {
    pub(crate) transport: Option<Transport>,
    pub(crate) retry: Option<RetryOptions>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
}

impl CommonOptions {
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock::default()))
    }
}

/// Writes the setters of [`CommonOptions`] into a builder with a field `common`.
macro_rules! common_setters {
    ($default_retry:literal, $default_transport:literal) => {
        /// Sends requests through this transport instead of the built-in client.
        ///
        #[doc = $default_transport]
        #[must_use]
        pub fn with_transport(mut self, transport: azure_core::http::Transport) -> Self {
            self.common.transport = Some(transport);
            self
        }

        /// Sets how failed requests are repeated.
        ///
        #[doc = $default_retry]
        #[must_use]
        pub fn with_retry(mut self, retry: crate::RetryOptions) -> Self {
            self.common.retry = Some(retry);
            self
        }

        /// Takes time, and waits, by this clock. Default: [`SystemClock`](crate::SystemClock).
        #[must_use]
        pub fn with_clock(mut self, clock: std::sync::Arc<dyn crate::Clock>) -> Self {
            self.common.clock = Some(clock);
            self
        }
    };
}

/// Writes the setters of [`AuthorityOptions`](crate::entra::AuthorityOptions), and those of
/// [`CommonOptions`] as Entra ID wants them, into a builder with fields `authority` and `common`.
macro_rules! application_setters {
    () => {
        /// Asks this authority, `https` only. Default: [`DEFAULT_AUTHORITY_HOST`](crate::DEFAULT_AUTHORITY_HOST).
        #[must_use]
        pub fn with_authority_host(mut self, host: url::Url) -> Self {
            self.authority.host = Some(host);
            self
        }

        /// Lets the authority be `http` if its address is loopback, for tests of this machine against itself.
        #[must_use]
        pub fn with_danger_allow_loopback_http(mut self) -> Self {
            self.authority.danger_allow_loopback_http = true;
            self
        }

        crate::options::common_setters!(
            "Default: [`RetryOptions::entra`](crate::RetryOptions::entra).",
            "Default: a client that honours the proxy of the environment and connects within 10 s."
        );
    };
}

pub(crate) use application_setters;
pub(crate) use common_setters;
