//! The credential of an application that has a certificate.

use std::{fmt, path::PathBuf, sync::Arc};

use zeroize::Zeroizing;

use crate::{
    assertion::AssertionAlgorithm,
    certificate::{ClientCertificate, CurrentCertificate},
    entra::{Application, AuthorityOptions, Proof},
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
    certificate: Arc<CurrentCertificate>,
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
        let pem = Pem::Bytes(Zeroizing::new(pem.into()));
        ClientCertificateCredentialBuilder::new(tenant_id, client_id, pem)
    }

    /// Starts to build a credential whose certificate may be replaced while the program runs: the file is read when
    /// the credential is built, and looked at again before each exchange.
    ///
    /// `path`: a file with what [`builder`](Self::builder) takes. While the certificate that was read last is valid,
    /// a file that is gone or broken changes nothing.
    pub fn builder_from_file(
        tenant_id: TenantId,
        client_id: ClientId,
        path: impl Into<PathBuf>,
    ) -> ClientCertificateCredentialBuilder {
        ClientCertificateCredentialBuilder::new(tenant_id, client_id, Pem::File(path.into()))
    }

    /// The certificate in use.
    pub fn certificate(&self) -> Arc<ClientCertificate> {
        self.certificate.get()
    }
}

application_credential!(ClientCertificateCredential);

/// Options of a [`ClientCertificateCredential`].
pub struct ClientCertificateCredentialBuilder {
    tenant_id: TenantId,
    client_id: ClientId,
    pem: Pem,
    algorithm: AssertionAlgorithm,
    with_chain: bool,
    authority: AuthorityOptions,
    common: CommonOptions,
}

enum Pem {
    Bytes(Zeroizing<Vec<u8>>),
    File(PathBuf),
}

impl ClientCertificateCredentialBuilder {
    fn new(tenant_id: TenantId, client_id: ClientId, pem: Pem) -> Self {
        Self {
            tenant_id,
            client_id,
            pem,
            algorithm: AssertionAlgorithm::default(),
            with_chain: false,
            authority: AuthorityOptions::default(),
            common: CommonOptions::default(),
        }
    }

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

    /// Checks all settings, reads the file if there is one, and builds the credential; sends nothing.
    ///
    /// # Errors
    /// - `InvalidInput`: the authority host is not `https`, the file cannot be read, or the PEM does not hold a key and
    ///   its certificate.
    /// - `PermissionDenied`: this user may not read the file.
    /// - `Unsupported`: the key is not RSA.
    pub fn build(self) -> Result<Arc<ClientCertificateCredential>> {
        let certificate = Arc::new(match &self.pem {
            Pem::Bytes(bytes) => CurrentCertificate::from_pem(bytes)?,
            Pem::File(path) => CurrentCertificate::from_file(path)?,
        });
        let proof = Proof::Certificate {
            certificate: Arc::clone(&certificate),
            algorithm: self.algorithm,
            with_chain: self.with_chain,
        };
        let application =
            Application::new(self.tenant_id, self.client_id, proof, &self.authority, self.common)?;
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
