//! What all credentials can be told: transport, retries, clock.

use std::sync::Arc;

use azure_core::http::Transport;

use crate::{
    cache::SharedTokenCache,
    clock::{Clock, SystemClock},
    retry::RetryOptions,
};

/// The options that every builder offers; each builder has the public setters.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommonOptions {
    pub(crate) transport: Option<Transport>,
    pub(crate) retry: Option<RetryOptions>,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) shared: Option<SharedTokenCache>,
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

        /// Shares tokens with the other processes of this user. Default, and `None`: each process has its own.
        #[must_use]
        pub fn with_shared_token_cache(
            mut self,
            cache: impl Into<Option<crate::SharedTokenCache>>,
        ) -> Self {
            self.common.shared = cache.into();
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

        /// Lets a request ask for a token in one of these tenants too. Default: only in the application's own.
        ///
        /// The application must be known there. See [`TokenRequest::with_tenant_id`](crate::TokenRequest::with_tenant_id).
        #[must_use]
        pub fn with_additionally_allowed_tenants(mut self, tenants: crate::AllowedTenants) -> Self {
            self.authority.allowed_tenants = tenants;
            self
        }

        /// Declares that the program handles claims challenges (client capability `cp1`). Its tokens may live for a
        /// day and are revoked when something critical changes: a service then answers 401 with a challenge, for
        /// which [`TokenRequest::from_challenge`](crate::TokenRequest::from_challenge) is made. Default: off.
        ///
        /// Spec: <https://learn.microsoft.com/entra/identity-platform/app-resilience-continuous-access-evaluation>
        #[must_use]
        pub fn with_continuous_access_evaluation(mut self) -> Self {
            self.authority.handles_claims_challenges = true;
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

/// Makes a type with a field `application` a credential: its tokens are those of the application.
macro_rules! application_credential {
    ($credential:ident) => {
        #[async_trait::async_trait]
        impl azure_core::credentials::TokenCredential for $credential {
            /// Gets a token for one or several scopes of one resource.
            ///
            /// # Errors
            /// [`crate::Error`] inside of [`azure_core::Error`].
            ///
            /// # Cancel safety
            /// Safe: another caller that waits for the same token makes the request in its place.
            async fn get_token(
                &self,
                scopes: &[&str],
                options: Option<azure_core::credentials::TokenRequestOptions<'_>>,
            ) -> azure_core::Result<azure_core::credentials::AccessToken> {
                Ok(self.application.get_token(scopes, options).await?)
            }
        }

        impl std::fmt::Debug for $credential {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter
                    .debug_struct(stringify!($credential))
                    .field("tenant_id", self.application.authority().tenant_id())
                    .field("client_id", &self.application.client_id())
                    .finish_non_exhaustive()
            }
        }

        impl $credential {
            /// The URL that token requests go to.
            pub fn token_endpoint(&self) -> &url::Url {
                self.application.authority().token_endpoint()
            }
        }
    };
}

pub(crate) use application_credential;
pub(crate) use application_setters;
pub(crate) use common_setters;
