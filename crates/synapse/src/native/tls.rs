//! What is trusted, and the version of TLS.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::error::{Error, ErrorKind, Operation};

/// The system's roots plus the caller's.
pub(crate) fn tls_config(ca_pem: &[Vec<u8>]) -> Result<Arc<ClientConfig>, Error> {
    let mut roots = RootCertStore::empty();
    // Systems often hold a few certificates that cannot be parsed; the others still count.
    let native = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(native.certs);
    for pem in ca_pem {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate
                .map_err(|error| bad_ca().with_source(error))
                .and_then(|der| roots.add(der).map_err(|error| bad_ca().with_source(error)));
            added?;
            count += 1;
        }
        if count == 0 {
            return Err(bad_ca());
        }
    }
    if roots.is_empty() {
        let error = Error::new(
            ErrorKind::InvalidInput,
            Operation::Configure,
            "no trusted root certificate was found on this system",
        );
        return Err(error.with_hint("install the system's CA certificates, or give a CA file"));
    }

    // TLS 1.3 inside PRELOGIN packets is not specified and fails with some servers.
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .map_err(|error| bad_ca().with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A resumed handshake ends with our record instead of the server's, which the wrapping
    // makes needlessly delicate; connections here live long.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn bad_ca() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        Operation::Configure,
        "the CA file holds no usable certificate",
    )
    .with_hint("a CA file is PEM text: `-----BEGIN CERTIFICATE-----` and so on")
}
