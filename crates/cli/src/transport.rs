//! The HTTP clients of the program, made once and for all services.

use std::{
    error::Error as _,
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    error::ErrorKind,
    http::{AsyncRawResponse, HttpClient, Request},
};
use reqwest::{
    Certificate, ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use crate::{cloud::Cloud, failure::Failure};

/// Whether a client may go through the proxy that the environment names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proxy {
    /// Never: for the metadata endpoints of this machine, which must not see other machines' requests.
    Direct,
    /// As `HTTPS_PROXY` and `NO_PROXY` say.
    System,
}

/// The program's one client for a kind of hosts; those who share it share its connections.
///
/// Reading the certificates that the system trusts takes some milliseconds, which another thread has while this one
/// fetches a token: see [`SharedClient::prepare`].
#[derive(Debug)]
pub(crate) struct SharedClient {
    settings: Mutex<Option<ClientBuilder>>,
    made: OnceLock<Result<reqwest::Client, String>>,
}

impl SharedClient {
    /// Takes down what the client is to be like, and makes nothing yet.
    pub(crate) fn new(cloud: &Cloud, proxy: Proxy) -> Result<Arc<Self>, Failure> {
        let settings = Mutex::new(Some(settings(cloud, proxy)?));
        Ok(Arc::new(Self { settings, made: OnceLock::new() }))
    }

    /// Has another thread make the client, if nobody has.
    pub(crate) fn prepare(self: &Arc<Self>) {
        let client = Arc::clone(self);
        tokio::task::spawn_blocking(move || client.made().is_ok());
    }

    /// The client; takes milliseconds if it is not made yet.
    pub(crate) fn get(&self) -> Result<reqwest::Client, Failure> {
        self.made().map_err(|reason| Failure::new(unprepared(&reason)))
    }

    fn made(&self) -> Result<reqwest::Client, String> {
        let make = || {
            let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
            settings.unwrap_or_default().build().map_err(|error| {
                // The outermost error says that it is a builder's.
                error.source().map_or_else(|| error.to_string(), ToString::to_string)
            })
        };
        self.made.get_or_init(make).clone()
    }
}

#[async_trait]
impl HttpClient for SharedClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        // Whoever comes while it is made waits here.
        let made = match self.made.get() {
            Some(made) => made.clone(),
            None => tokio::task::block_in_place(|| self.made()),
        };
        let client = made.map_err(|reason| {
            azure_core::Error::with_message(ErrorKind::Other, unprepared(&reason))
        })?;
        client.execute_request(request).await
    }
}

fn unprepared(reason: &str) -> String {
    format!("cannot prepare TLS: {reason}")
}

/// What a client that reaches the hosts of a cloud is like.
///
/// It follows no redirect: a service of Azure sends none to a request with a token, so one that does is not to
/// be trusted with it.
fn settings(cloud: &Cloud, proxy: Proxy) -> Result<ClientBuilder, Failure> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("azconnect/", env!("CARGO_PKG_VERSION")))
        // Said aloud: another crate of the build may have switched on the system's library as well.
        .tls_backend_rustls()
        .redirect(redirect::Policy::none())
        // Storage speaks no other version, and parallel transfers want connections of their own.
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT);
    if proxy == Proxy::Direct || !cloud.connect.is_empty() {
        builder = builder.no_proxy();
    }
    if !cloud.connect.is_empty() {
        builder = builder.dns_resolver(Arc::new(ConnectResolver { cloud: cloud.clone() }));
    }
    if let Some(pem) = cloud.ca_pem()? {
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| {
            Failure::from_error("the cloud's CA file holds no usable certificate", &error)
        })?;
        builder = builder.tls_certs_merge(certificates);
    }
    Ok(builder)
}

/// Sends connections to hosts of the cloud's `connect` table to the address there.
///
/// Only the address changes: the Host header, the server name in TLS and the check of the certificate stay
/// those of the real name. The port of the address counts because the URLs name none.
struct ConnectResolver {
    cloud: Cloud,
}

impl Resolve for ConnectResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let mapped = self.cloud.connect_address(name.as_str());
        Box::pin(async move {
            if let Some(address) = mapped {
                return Ok(Box::new(std::iter::once(address)) as Addrs);
            }
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A connection that takes longer will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a byte for so long, an answer has stopped.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
