//! A server that is known by the thumbprint of its certificate alone: the identity endpoint of Service Fabric.

use std::{fmt, str::FromStr};

use crate::error::{Error, Failure, Result};

/// The SHA-1 thumbprint of a certificate.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Thumbprint([u8; 20]);

impl FromStr for Thumbprint {
    type Err = Error;

    /// Reads 40 hex digits, with colons or spaces between them if there are any.
    ///
    /// # Errors
    /// `InvalidInput`: there are more, fewer, or other characters.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text
            .chars()
            .filter(|character| !matches!(character, ':' | ' '))
            .map(|character| character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<_>>>();
        let bytes = digits.filter(|digits| digits.len() == 40).map(|digits| {
            let mut bytes = [0; 20];
            for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
                *byte = pair[0] << 4 | pair[1];
            }
            Self(bytes)
        });
        bytes.ok_or_else(|| {
            Failure::invalid_input(format!("`{text}` is not a SHA-1 thumbprint of 40 hex digits"))
                .into()
        })
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02X}"))
    }
}

/// The built-in client for such a server. It is made with rustls alone: with another library the certificate would be
/// seen only after the secret was sent.
#[cfg(feature = "rustls")]
pub(super) use self::pinned::transport;

#[cfg(not(feature = "rustls"))]
pub(super) fn transport(
    _thumbprint: Thumbprint,
    _connect_timeout: std::time::Duration,
) -> Result<azure_core::http::Transport> {
    Err(Failure::new(
        crate::ErrorKind::Unsupported,
        "the identity of Service Fabric needs the feature `rustls` of azconnect-auth",
    )
    .into())
}

#[cfg(feature = "rustls")]
mod pinned {
    use std::{sync::Arc, time::Duration};

    use aws_lc_rs::digest;
    use azure_core::http::Transport;
    use rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{self, CryptoProvider, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
    };

    use super::Thumbprint;
    use crate::{
        error::{ErrorKind, Failure, Result},
        http::{self, Proxy},
    };

    pub(in crate::managed_identity) fn transport(
        thumbprint: Thumbprint,
        connect_timeout: Duration,
    ) -> Result<Transport> {
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = Arc::new(Pinned { thumbprint, provider: Arc::clone(&provider) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| {
                Failure::new(ErrorKind::Unsupported, "cannot set up TLS").source(error)
            })?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        http::finish(http::client(connect_timeout, Proxy::Never).tls_backend_preconfigured(config))
    }

    /// Trusts one certificate, whoever issued it, whatever its name and its dates say.
    #[derive(Debug)]
    struct Pinned {
        thumbprint: Thumbprint,
        provider: Arc<CryptoProvider>,
    }

    impl ServerCertVerifier for Pinned {
        fn verify_server_cert(
            &self,
            end_entity: &CertificateDer<'_>,
            _intermediates: &[CertificateDer<'_>],
            _server_name: &ServerName<'_>,
            _ocsp_response: &[u8],
            _now: UnixTime,
        ) -> Result<ServerCertVerified, TlsError> {
            let shown = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, end_entity);
            if shown.as_ref() == self.thumbprint.0 {
                Ok(ServerCertVerified::assertion())
            } else {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signature, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, TlsError> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signature, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.provider.signature_verification_algorithms.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_read_in_the_spellings_of_the_platforms() {
        let plain = "f4f17d2639b18faf61628a2efb00c0c3d3cd63bf";
        for text in [
            plain,
            &plain.to_uppercase(),
            "F4:F1:7D:26:39:B1:8F:AF:61:62:8A:2E:FB:00:C0:C3:D3:CD:63:BF",
        ] {
            assert_eq!(format!("{:?}", text.parse::<Thumbprint>().unwrap()), plain.to_uppercase());
        }
        for text in [
            "",
            &plain[1..],
            &format!("{plain}00"),
            &plain.replace('f', "g"),
            &plain.replace('f', "é"),
        ] {
            assert!(text.parse::<Thumbprint>().is_err(), "{text}");
        }
    }
}
