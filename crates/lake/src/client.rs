//! The client of one storage account, and how it is made.

use std::{fmt, sync::Arc, time::Duration};

use azure_core::credentials::TokenCredential;
use futures::future::BoxFuture;
use url::{Host, Url};

use crate::{
    error::{Error, ErrorKind, Result},
    namespace::Namespace,
    path::AccountName,
    wire::{RetryOptions, Sleeper, Wire, WireParts},
};

/// A client of one storage account.
///
/// It is cheap to clone, and clones share connections, the token, and what was found out about the
/// account: its [`Namespace`], and whether its blob endpoint can be reached.
#[derive(Clone)]
pub struct LakeClient {
    pub(crate) wire: Arc<Wire>,
}

/// Makes a [`LakeClient`]; see [`LakeClient::builder`].
#[must_use]
pub struct LakeClientBuilder {
    account: AccountName,
    credential: Arc<dyn TokenCredential>,
    dfs_endpoint: Option<Url>,
    blob_endpoint: Option<Url>,
    scope: Option<String>,
    http_client: Option<reqwest::Client>,
    retry: RetryOptions,
    namespace: Option<Namespace>,
    sleeper: Sleeper,
}

impl LakeClient {
    /// Begins a client of `account`, which signs in with any `credential` of the Azure SDK.
    ///
    /// ```no_run
    /// # fn example(credential: std::sync::Arc<dyn azure_core::credentials::TokenCredential>)
    /// # -> azconnect_lake::Result<()> {
    /// use azconnect_lake::LakeClient;
    ///
    /// let lake = LakeClient::builder("lakedemo".parse()?, credential).build()?;
    /// # Ok(()) }
    /// ```
    pub fn builder(
        account: AccountName,
        credential: Arc<dyn TokenCredential>,
    ) -> LakeClientBuilder {
        LakeClientBuilder {
            account,
            credential,
            dfs_endpoint: None,
            blob_endpoint: None,
            scope: None,
            http_client: None,
            retry: RetryOptions::default(),
            namespace: None,
            sleeper: Arc::new(|pause| Box::pin(tokio::time::sleep(pause))),
        }
    }

    /// The account that this client is for.
    pub fn account(&self) -> &AccountName {
        self.wire.account()
    }
}

impl fmt::Debug for LakeClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeClient").field("wire", &self.wire).finish()
    }
}

impl LakeClientBuilder {
    /// Where names are asked for. Default `https://{account}.dfs.core.windows.net`.
    ///
    /// A path in the URL goes before the filesystem, as emulators want it that serve several
    /// accounts at one address. `http` is accepted for loopback addresses only. Naming a host
    /// here says that it may receive tokens.
    pub fn with_dfs_endpoint(mut self, endpoint: Url) -> Self {
        self.dfs_endpoint = Some(endpoint);
        self
    }

    /// Where bytes are moved. Default `https://{account}.blob.core.windows.net`; otherwise as
    /// [`with_dfs_endpoint`](Self::with_dfs_endpoint).
    pub fn with_blob_endpoint(mut self, endpoint: Url) -> Self {
        self.blob_endpoint = Some(endpoint);
        self
    }

    /// The scope that tokens are asked for. Default `https://storage.azure.com/.default`, which
    /// every cloud has.
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Sends requests with `client`, which should follow no redirects, have no total time-out and
    /// decompress nothing. Default: HTTP/1.1 over rustls with the platform's roots, no proxy.
    pub fn with_http_client(mut self, client: reqwest::Client) -> Self {
        self.http_client = Some(client);
        self
    }

    /// How requests are repeated.
    pub fn with_retry(mut self, retry: RetryOptions) -> Self {
        self.retry = retry;
        self
    }

    /// Says which kind of namespace the account has. Default: unknown; what needs to know asks
    /// once, see [`LakeClient::namespace`].
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Waits between attempts with `sleep`. Default: tokio's clock. Tests pass one that returns at
    /// once.
    pub fn with_sleep(
        mut self,
        sleep: impl Fn(Duration) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    ) -> Self {
        self.sleeper = Arc::new(sleep);
        self
    }

    /// # Errors
    /// `InvalidInput`: an endpoint is not an https URL (or http to loopback), or has a query,
    /// fragment or user in it. `Unsupported`: the platform's TLS cannot be set up.
    pub fn build(self) -> Result<LakeClient> {
        let account = self.account;
        let dfs = endpoint(self.dfs_endpoint, &account, "dfs")?;
        let blob = endpoint(self.blob_endpoint, &account, "blob")?;
        let http = match self.http_client {
            Some(client) => client,
            None => default_http_client(&account)?,
        };
        let wire = Wire::new(WireParts {
            http,
            credential: self.credential,
            scope: self.scope.unwrap_or_else(|| DEFAULT_SCOPE.to_owned()),
            account,
            dfs,
            blob,
            retry: self.retry,
            namespace: self.namespace,
            sleeper: self.sleeper,
        });
        Ok(LakeClient { wire: Arc::new(wire) })
    }
}

impl fmt::Debug for LakeClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeClientBuilder").field("account", &self.account).finish_non_exhaustive()
    }
}

fn endpoint(given: Option<Url>, account: &AccountName, service: &str) -> Result<Url> {
    let url = match given {
        Some(url) => url,
        None => {
            let host = [account.as_str(), service, DEFAULT_SUFFIX].join(".");
            let mut url = DEFAULT_BASE.parse::<Url>().map_err(|source| {
                Error::invalid_input("use the endpoint", &host, "it is no URL").with_source(source)
            })?;
            url.set_host(Some(&host)).map_err(|source| {
                Error::invalid_input("use the endpoint", &host, "it is no host").with_source(source)
            })?;
            url
        }
    };
    let refuse = |mistake: &str| {
        Err(Error::invalid_input(
            "use the endpoint",
            format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()),
            mistake,
        ))
    };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return refuse("it has no host"),
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return refuse("only https may carry a token (http to this machine itself)"),
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return refuse("an endpoint has no query, fragment or user");
    }
    Ok(url)
}

fn default_http_client(account: &AccountName) -> Result<reqwest::Client> {
    reqwest::Client::builder()
        .tls_backend_rustls()
        .redirect(reqwest::redirect::Policy::none())
        // The service speaks no other version.
        .http1_only()
        .connect_timeout(Duration::from_secs(10))
        .tcp_nodelay(true)
        .user_agent(USER_AGENT)
        .build()
        .map_err(|source| {
            Error::new(ErrorKind::Unsupported, "set up TLS for", account.as_str())
                .with_source(source)
        })
}

const USER_AGENT: &str = concat!("azconnect-lake/", env!("CARGO_PKG_VERSION"));

/// Spec: <https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory#microsoft-authentication-library-msal>
const DEFAULT_SCOPE: &str = "https://storage.azure.com/.default";

const DEFAULT_SUFFIX: &str = "core.windows.net";
const DEFAULT_BASE: &str = "https://core.windows.net";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<Url> {
        endpoint(Some(url.parse().unwrap()), &"lakedemo".parse().unwrap(), "dfs")
    }

    #[test]
    fn tokens_travel_encrypted_or_not_at_all() {
        for good in [
            "https://lakedemo.dfs.core.windows.net",
            "https://localhost:1234/lakedemo",
            "http://127.0.0.1:1234/lakedemo",
            "http://[::1]:1234",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://lakedemo.dfs.core.windows.net",
            "http://localhost.example.com",
            "ftp://localhost",
            "https://u@lakedemo.dfs.core.windows.net",
            "https://lakedemo.dfs.core.windows.net?sig=x",
            "data:text/plain,x",
        ] {
            assert_eq!(check(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad}");
        }
    }

    #[test]
    fn the_default_endpoint_is_the_public_cloud() {
        let url = endpoint(None, &"lakedemo".parse().unwrap(), "blob").unwrap();
        assert_eq!(url.as_str(), "https://lakedemo.blob.core.windows.net/");
    }
}
