//! Credentials of whoever is signed in to a developer tool: the Azure CLI (`az`), the Azure Developer CLI (`azd`).

mod command;
mod output;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::{
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    http::Context,
};

use crate::{
    cache::{TokenCache, TokenSource, Wanted},
    clock::{Clock, SystemClock},
    error::{Failure, Result},
    ids::TenantId,
    token::FetchedToken,
};

/// Which tool is asked, and for whom.
#[derive(Debug)]
struct Tool {
    kind: ToolKind,
    program: PathBuf,
    tenant_id: Option<TenantId>,
    subscription: Option<String>,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// The tools, and what differs between them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ToolKind {
    AzureCli,
    AzureDeveloperCli,
}

#[async_trait]
impl TokenSource for Tool {
    async fn fetch(&self, wanted: &Wanted, _context: &Context<'_>) -> Result<FetchedToken> {
        let requested_at = self.clock.now();
        let fetched = async {
            let output = command::run(self, wanted).await?;
            output::read(self.kind, &output, requested_at)
        };
        Ok(fetched.await.map_err(|mut failure: Failure| {
            failure.message = format!(
                "cannot get a token for `{}` from {}: {}",
                wanted.scope,
                self.kind.name(),
                failure.message
            );
            failure.scope = Some(wanted.scope.clone());
            failure
        })?)
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn owner(&self) -> String {
        // Not shared between processes: the tool has a cache of its own.
        String::new()
    }
}

impl ToolKind {
    fn name(self) -> &'static str {
        match self {
            Self::AzureCli => "the Azure CLI",
            Self::AzureDeveloperCli => "the Azure Developer CLI",
        }
    }

    /// The program's name where the system looks for programs.
    fn program(self) -> &'static str {
        match self {
            Self::AzureCli if cfg!(windows) => "az.cmd",
            Self::AzureCli => "az",
            Self::AzureDeveloperCli => "azd",
        }
    }

    fn sign_in(self) -> &'static str {
        match self {
            Self::AzureCli => "az login",
            Self::AzureDeveloperCli => "azd auth login",
        }
    }
}

async fn get(
    cache: &TokenCache<Tool>,
    scopes: &[&str],
    options: Option<TokenRequestOptions<'_>>,
) -> Result<AccessToken> {
    let [scope] = scopes else {
        return Err(Failure::invalid_input(format!(
            "a developer tool gets a token for one scope at a time, not for {}",
            scopes.len()
        ))
        .into());
    };
    command::check_word("scope", scope)?;
    let options = options.unwrap_or_default();
    let context = &options.method_options.context;
    cache.get(Wanted::new(*scope, context), context).await
}

/// Writes a credential of a tool and its builder.
macro_rules! developer_tool {
    (
        $(#[$docs:meta])* $credential:ident, $builder:ident, $kind:expr, { $($setters:tt)* }
    ) => {
        $(#[$docs])*
        pub struct $credential {
            cache: TokenCache<Tool>,
        }

        impl $credential {
            /// Starts to build a credential.
            pub fn builder() -> $builder {
                $builder { tool: Tool::new($kind) }
            }
        }

        #[async_trait]
        impl TokenCredential for $credential {
            /// Gets a token for one scope.
            ///
            /// # Errors
            /// [`crate::Error`] inside of [`azure_core::Error`]: `CredentialUnavailable` if the tool is not installed
            /// or nobody is signed in to it, `Unauthenticated` if it refuses for another reason.
            ///
            /// # Cancel safety
            /// Safe: the tool is stopped.
            async fn get_token(
                &self,
                scopes: &[&str],
                options: Option<TokenRequestOptions<'_>>,
            ) -> azure_core::Result<AccessToken> {
                Ok(get(&self.cache, scopes, options).await?)
            }
        }

        impl fmt::Debug for $credential {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter
                    .debug_struct(stringify!($credential))
                    .field("tenant_id", &self.cache.source().tenant_id)
                    .finish_non_exhaustive()
            }
        }

        #[doc = concat!("Options of an [`", stringify!($credential), "`].")]
        #[derive(Debug)]
        pub struct $builder {
            tool: Tool,
        }

        impl $builder {
            $($setters)*

            /// Asks for tokens of this tenant. Default: the one that the tool is signed in to.
            #[must_use]
            pub fn with_tenant_id(mut self, tenant_id: TenantId) -> Self {
                self.tool.tenant_id = Some(tenant_id);
                self
            }

            /// Runs this program. Default: the tool by its name, as the system finds it.
            #[must_use]
            pub fn with_program(mut self, program: impl Into<PathBuf>) -> Self {
                self.tool.program = program.into();
                self
            }

            /// The time that the tool may take. Default: 15 s.
            #[must_use]
            pub fn with_timeout(mut self, timeout: Duration) -> Self {
                self.tool.timeout = timeout;
                self
            }

            /// Takes time by this clock. Default: [`SystemClock`].
            #[must_use]
            pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
                self.tool.clock = clock;
                self
            }

            /// Checks all settings and builds the credential; runs nothing.
            ///
            /// # Errors
            /// `InvalidInput`: a setting could be taken for an option of the tool.
            pub fn build(self) -> Result<Arc<$credential>> {
                if let Some(subscription) = &self.tool.subscription {
                    command::check_word("subscription", subscription)?;
                }
                Ok(Arc::new($credential { cache: TokenCache::new(self.tool, None) }))
            }
        }
    };
}

developer_tool!(
    /// Gets tokens for whoever is signed in to the Azure CLI (`az login`).
    ///
    /// For the machines of developers: no job should depend on somebody's session. Tokens are cached by scope, since
    /// the tool takes a second to start.
    ///
    /// Spec: <https://learn.microsoft.com/cli/azure/account#az-account-get-access-token>
    AzureCliCredential,
    AzureCliCredentialBuilder,
    ToolKind::AzureCli,
    {
        /// Asks for tokens of this subscription's account, by its name or id. Default: the one that is selected.
        #[must_use]
        pub fn with_subscription(mut self, subscription: impl Into<String>) -> Self {
            self.tool.subscription = Some(subscription.into());
            self
        }
    }
);

developer_tool!(
    /// Gets tokens for whoever is signed in to the Azure Developer CLI (`azd auth login`).
    ///
    /// For the machines of developers: no job should depend on somebody's session. Tokens are cached by scope.
    ///
    /// Spec: <https://learn.microsoft.com/azure/developer/azure-developer-cli/reference#azd-auth-token>
    AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialBuilder,
    ToolKind::AzureDeveloperCli,
    {}
);

impl Tool {
    fn new(kind: ToolKind) -> Self {
        Self {
            kind,
            program: kind.program().into(),
            tenant_id: None,
            subscription: None,
            timeout: TIMEOUT,
            clock: Arc::new(SystemClock::default()),
        }
    }
}

/// Python starts slowly on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(15);

#[cfg(test)]
#[cfg(unix)]
mod tests;
