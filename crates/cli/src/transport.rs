//! The HTTP clients of the program, made once and for all services.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{
    Certificate,
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

/// Makes a client that reaches the hosts of a cloud.
///
/// It follows no redirect: a service of Azure sends none to a request with a token, so one that does is not to
/// be trusted with it.
pub(crate) fn http_client(cloud: &Cloud, proxy: Proxy) -> Result<reqwest::Client, Failure> {
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
    builder.build().map_err(|error| Failure::from_error("cannot prepare TLS", &error))
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
