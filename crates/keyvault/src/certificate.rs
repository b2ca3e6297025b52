//! Certificates with their private keys, which a vault hands out as secrets.

use std::fmt;

use azconnect_cert_tools::{Certificate, Pfx, PfxContents, PrivateKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::{
    client::VaultClient,
    error::{Error, Result},
    name::{SecretName, SecretVersion},
    secret::{Secret, SecretProperties},
};

/// A certificate of a vault with its private key and chain.
///
/// The key is wiped when it is dropped, and not shown by `Debug`.
#[derive(Debug)]
pub struct VaultCertificate {
    contents: PfxContents,
    properties: SecretProperties,
}

/// What TLS shows to the other side, in the types that rustls takes.
pub struct TlsIdentity {
    certificate_chain: Vec<CertificateDer<'static>>,
    private_key: PrivateKeyDer<'static>,
}

impl VaultClient {
    /// Reads a certificate with its private key; the latest version if none is given.
    ///
    /// This reads the *secret* of the certificate's name, which has the key. So the role it takes is
    /// `Key Vault Secrets User`; roles for certificates see the public part only.
    ///
    /// # Errors
    /// As [`VaultClient::secret`], and `InvalidInput`: the secret is no certificate, or its key
    /// cannot be exported.
    ///
    /// # Cancel safety
    /// Safe: nothing changes at the vault.
    ///
    /// Spec: <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#exportable-or-non-exportable-key>
    pub async fn certificate(
        &self,
        name: &SecretName,
        version: Option<&SecretVersion>,
    ) -> Result<VaultCertificate> {
        let secret = match version {
            None => self.secret(name).await?,
            Some(version) => self.secret_version(name, version).await?,
        };
        VaultCertificate::from_secret(&secret)
    }
}

impl VaultCertificate {
    /// Takes the certificate out of a secret of the type `application/x-pkcs12`, which is a PFX in
    /// base64, or `application/x-pem-file`. A PFX has no password, as the vault gives it.
    ///
    /// # Errors
    /// - `InvalidInput`: the type is another one, or the value is not of its type, or it has no
    ///   private key.
    pub fn from_secret(secret: &Secret) -> Result<Self> {
        let name = &secret.properties.name;
        let value = secret.value.expose_secret();
        let contents = match secret.properties.content_type.as_deref() {
            Some(PKCS12) => from_pfx(value),
            Some(PEM_FILE) => from_pem(value),
            other => {
                let found = other.unwrap_or("none");
                return Err(Error::invalid_input(format!(
                    "the secret \"{name}\" is no certificate: its content type is `{}`, not \
                     `{PKCS12}` or `{PEM_FILE}`",
                    found.escape_debug()
                ))
                .with_hint("name a certificate of the vault, or set the content type"));
            }
        };
        let contents = contents.map_err(|problem| {
            Error::invalid_input(format!("cannot read the certificate of the secret \"{name}\""))
                .caused_by(problem)
        })?;
        Ok(Self { contents, properties: secret.properties.clone() })
    }

    /// What the vault knows of the secret.
    pub fn properties(&self) -> &SecretProperties {
        &self.properties
    }

    /// The private key (PKCS#8, not encrypted), the certificate and its chain, leaf first, as PEM:
    /// what `azconnect-auth` and most programs take.
    ///
    /// # Errors
    /// - `InvalidInput`: the key has no PKCS#8 form, which no key of a vault lacks.
    pub fn to_pem(&self) -> Result<Zeroizing<String>> {
        self.contents.to_pem().map_err(unwritable)
    }

    /// The same for rustls: `ClientConfig::with_client_auth_cert`, `ServerConfig::with_single_cert`.
    ///
    /// # Errors
    /// As [`VaultCertificate::to_pem`].
    pub fn to_tls_identity(&self) -> Result<TlsIdentity> {
        let certificates = std::iter::once(self.contents.leaf()).chain(self.contents.chain());
        let certificate_chain = certificates
            .map(|certificate| certificate.to_der().map(CertificateDer::from))
            .collect::<std::result::Result<_, _>>()
            .map_err(unwritable)?;
        let key = self.contents.key().to_pkcs8_der().map_err(unwritable)?;
        let private_key = PrivatePkcs8KeyDer::from(key.to_vec()).into();
        Ok(TlsIdentity { certificate_chain, private_key })
    }
}

impl TlsIdentity {
    /// The certificates, leaf first, each as DER.
    pub fn certificate_chain(&self) -> &[CertificateDer<'static>] {
        &self.certificate_chain
    }

    /// The private key, as PKCS#8 DER. rustls has no type for keys that wipes them.
    pub fn private_key(&self) -> &PrivateKeyDer<'static> {
        &self.private_key
    }

    /// Both, to be handed over.
    pub fn into_parts(self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (self.certificate_chain, self.private_key)
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsIdentity")
            .field("certificates", &self.certificate_chain.len())
            .finish_non_exhaustive()
    }
}

/// Why a value is no certificate.
type Problem = Box<dyn std::error::Error + Send + Sync>;

fn from_pfx(value: &str) -> std::result::Result<PfxContents, Problem> {
    // The decoder's error would quote a byte of the key.
    let pfx = STANDARD.decode(value.trim()).map_err(|_| "the value is not base64")?;
    let pfx = Zeroizing::new(pfx);
    Ok(Pfx::decode(&*pfx, &SecretString::default())?)
}

fn from_pem(value: &str) -> std::result::Result<PfxContents, Problem> {
    let key = PrivateKey::from_pem(value)?;
    let mut certificates = Certificate::chain_from_pem(value)?;
    let leaf = certificates
        .iter()
        .position(|certificate| certificate.matches_key(&key))
        .ok_or("no certificate belongs to the private key")?;
    let leaf = certificates.remove(leaf);
    Ok(PfxContents::new(key, leaf, certificates)?)
}

fn unwritable(source: azconnect_cert_tools::Error) -> Error {
    Error::invalid_input("the private key cannot be written").caused_by(source)
}

/// Spec: <https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#formats-of-import-for-key-vault>
const PKCS12: &str = "application/x-pkcs12";

const PEM_FILE: &str = "application/x-pem-file";
