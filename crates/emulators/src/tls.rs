//! The emulators' own CA, the one server certificate that covers every service's names, and the
//! certificate of Service Fabric, which no CA has signed.

use std::{fmt, sync::Arc};

use azconnect_cert_tools::{
    AlternativeName, CertificateBuilder, CertificateUse, DistinguishedName, PrivateKey,
    ThumbprintAlgorithm, Validity,
};
use rustls::{ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use time::{Duration, OffsetDateTime};

use crate::error::{Error, ErrorKind};

/// A CA made at the start, and a certificate it signed.
pub(crate) struct TlsMaterial {
    ca_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    self_signed: CertificateDer<'static>,
    self_signed_thumbprint: String,
}

impl TlsMaterial {
    /// Makes a CA and a server certificate; both end after 30 days, which outlives any run.
    pub(crate) fn mint(now: OffsetDateTime) -> Result<Self, Error> {
        let failed = |source: azconnect_cert_tools::Error| {
            Error::new(ErrorKind::Certificate, "cannot make the emulators' TLS certificate")
                .caused_by(source)
        };
        // A day back, for clients in a container whose clock is late.
        let validity = Validity::days(now - Duration::DAY, 30).map_err(failed)?;
        let ca_key = PrivateKey::generate_rsa(2048).map_err(failed)?;
        let ca_name = DistinguishedName::common_name("azconnect emulators CA").map_err(failed)?;
        let ca = CertificateBuilder::new(ca_name, validity)
            .with_use(CertificateUse::CertificateAuthority)
            .self_signed(&ca_key)
            .map_err(failed)?;

        let key = PrivateKey::generate_rsa(2048).map_err(failed)?;
        let name = DistinguishedName::common_name("localhost").map_err(failed)?;
        let names = DNS_NAMES.iter().map(|name| AlternativeName::dns(*name));
        let addresses = ADDRESSES.iter().map(|address| Ok(AlternativeName::ip(*address)));
        let names: Vec<_> = names.chain(addresses).collect::<Result<_, _>>().map_err(failed)?;
        let leaf = CertificateBuilder::new(name, validity)
            .with_use(CertificateUse::TlsServer)
            .with_alternative_names(names)
            .signed_by(&ca, &ca_key, &key.public_key().map_err(failed)?)
            .map_err(failed)?;

        // A key of its own would prove nothing more, and takes time at each start.
        let fabric =
            DistinguishedName::common_name("ManagedIdentityTokenService").map_err(failed)?;
        let self_signed = CertificateBuilder::new(fabric, validity)
            .with_use(CertificateUse::TlsServer)
            .self_signed(&key)
            .map_err(failed)?;
        let thumbprint = self_signed.thumbprint(ThumbprintAlgorithm::Sha1).map_err(failed)?;

        let key_pem = key.to_pkcs8_pem().map_err(failed)?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|source| {
            Error::new(ErrorKind::Certificate, "cannot read back the emulators' TLS key")
                .caused_by(source)
        })?;
        Ok(Self {
            ca_pem: ca.to_pem().map_err(failed)?,
            chain: vec![CertificateDer::from(leaf.to_der().map_err(failed)?)],
            key: PrivateKeyDer::Pkcs8(key),
            self_signed: CertificateDer::from(self_signed.to_der().map_err(failed)?),
            self_signed_thumbprint: thumbprint.to_hex(),
        })
    }

    /// The CA's certificate, which clients must trust.
    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The SHA-1 thumbprint of [`Self::self_signed_https`]'s certificate, in upper-case hex.
    pub(crate) fn self_signed_thumbprint(&self) -> &str {
        &self.self_signed_thumbprint
    }

    /// A server configuration that offers these TLS versions and ALPN protocols.
    pub(crate) fn server_config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> Result<Arc<ServerConfig>, Error> {
        self.serving(self.chain.clone(), versions, alpn)
    }

    /// The server configuration of the HTTP services.
    pub(crate) fn https(&self) -> Result<Arc<ServerConfig>, Error> {
        self.server_config(rustls::ALL_VERSIONS, HTTP)
    }

    /// The server configuration whose certificate only its thumbprint vouches for.
    pub(crate) fn self_signed_https(&self) -> Result<Arc<ServerConfig>, Error> {
        self.serving(vec![self.self_signed.clone()], rustls::ALL_VERSIONS, HTTP)
    }

    fn serving(
        &self,
        chain: Vec<CertificateDer<'static>>,
        versions: &[&'static SupportedProtocolVersion],
        alpn: &[&[u8]],
    ) -> Result<Arc<ServerConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, self.key.clone_key()))
            .map_err(|source| {
                Error::new(ErrorKind::Certificate, "cannot use the emulators' TLS certificate")
                    .caused_by(source)
            })?;
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial").finish_non_exhaustive()
    }
}

const HTTP: &[&[u8]] = &[b"http/1.1"];

const DNS_NAMES: &[&str] = &[
    "localhost",
    "*.vault.azure.net",
    "*.dfs.core.windows.net",
    "*.blob.core.windows.net",
    "*.sql.azuresynapse.net",
    "*.database.windows.net",
    "login.microsoftonline.com",
];

const ADDRESSES: &[std::net::IpAddr] = &[
    std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
    std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
];
