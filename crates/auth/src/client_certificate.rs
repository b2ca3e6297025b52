//! The credential of an application that has a certificate.

use std::{fmt, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    assertion::AssertionAlgorithm,
    certificate::ClientCertificate,
    entra::{Application, Authority, AuthorityOptions, Proof},
    error::Result,
    ids::{ClientId, TenantId},
    options::{CommonOptions, application_credential, application_setters},
};

/// Gets tokens for an application that proves itself with a certificate.
///
/// Tokens are cached by scope. A token with less than five minutes left is renewed, and used further if that
/// fails while it is valid. Concurrent callers share one request.
///
/// ```no_run
/// use azconnect_auth::ClientCertificateCredential;
/// use azconnect_auth::azure_core::credentials::TokenCredential;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let pem = std::fs::read("app.pem")?;
/// let credential = ClientCertificateCredential::builder(
///     "contoso.onmicrosoft.com".parse()?,
///     "11111111-2222-3333-4444-555555555555".parse()?,
///     pem,
/// )
/// .build()?;
/// let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
/// println!("a token until {}", token.expires_on);
/// # Ok(())
/// # }
/// ```
pub struct ClientCertificateCredential {
    application: Application,
    certificate: Arc<ClientCertificate>,
}

impl ClientCertificateCredential {
    /// Starts to build a credential.
    ///
    /// `pem`: one unencrypted RSA private key, its certificate, and the certificates that lead to its root if
    /// they are to be sent, in any order.
    pub fn builder(
        tenant_id: TenantId,
        client_id: ClientId,
        pem: impl Into<Vec<u8>>,
    ) -> ClientCertificateCredentialBuilder {
        ClientCertificateCredentialBuilder {
            tenant_id,
            client_id,
            pem: Zeroizing::new(pem.into()),
            algorithm: AssertionAlgorithm::default(),
            with_chain: false,
            authority: AuthorityOptions::default(),
            common: CommonOptions::default(),
        }
    }

    /// The certificate in use.
    pub fn certificate(&self) -> &ClientCertificate {
        &self.certificate
    }
}

application_credential!(ClientCertificateCredential);

/// Options of a [`ClientCertificateCredential`].
pub struct ClientCertificateCredentialBuilder {
    tenant_id: TenantId,
    client_id: ClientId,
    pem: Zeroizing<Vec<u8>>,
    algorithm: AssertionAlgorithm,
    with_chain: bool,
    authority: AuthorityOptions,
    common: CommonOptions,
}

impl ClientCertificateCredentialBuilder {
    /// Signs assertions in this way. Default: [`AssertionAlgorithm::Ps256`].
    #[must_use]
    pub fn with_assertion_algorithm(mut self, algorithm: AssertionAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Sends the certificate and its chain (`x5c`) with each assertion, for applications that trust
    /// certificates by subject name and issuer. Default: only the thumbprint is sent.
    #[must_use]
    pub fn with_certificate_chain(mut self) -> Self {
        self.with_chain = true;
        self
    }

    application_setters!();

    /// Checks all settings and builds the credential; sends nothing.
    ///
    /// # Errors
    /// - `InvalidInput`: the authority host is not `https`, or the PEM does not hold a key and its certificate.
    /// - `Unsupported`: the key is not RSA.
    pub fn build(self) -> Result<Arc<ClientCertificateCredential>> {
        let certificate = Arc::new(ClientCertificate::from_pem(&self.pem)?);
        let authority = Authority::new(self.tenant_id, &self.authority)?;
        let proof = Proof::Certificate {
            certificate: Arc::clone(&certificate),
            algorithm: self.algorithm,
            with_chain: self.with_chain,
        };
        let application = Application::new(authority, self.client_id, proof, &self.common)?;
        Ok(Arc::new(ClientCertificateCredential { application, certificate }))
    }
}

impl fmt::Debug for ClientCertificateCredentialBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientCertificateCredentialBuilder")
            .field("tenant_id", &self.tenant_id)
            .field("client_id", &self.client_id)
            .field("algorithm", &self.algorithm)
            .field("with_chain", &self.with_chain)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}
