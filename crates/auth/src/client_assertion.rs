//! The credential of an application that trusts somebody else's token: workload identity federation.

use std::{fmt, path::PathBuf, sync::Arc};

use azure_core::credentials::TokenCredential;
use secrecy::SecretString;

use crate::{
    entra::{Application, AuthorityOptions, Proof},
    error::{Error, ErrorKind, Failure, Result},
    ids::{ClientId, TenantId},
    options::{CommonOptions, application_credential, application_setters},
};

/// The scope of the tokens by which a managed identity proves itself to an application in the public cloud.
///
/// Azure Government has `api://AzureADTokenExchangeUSGov/.default`, Azure China `api://AzureADTokenExchangeChina/.default`.
pub const TOKEN_EXCHANGE_SCOPE: &str = "api://AzureADTokenExchange/.default";

/// Gets tokens for an application that has a federated identity credential: it trusts tokens of another issuer, so
/// that nobody has to keep a certificate or a secret.
///
/// Caches and renews as [`ClientCertificateCredential`](crate::ClientCertificateCredential) does. The other token is
/// fetched anew for every exchange, since it lives for minutes only or is replaced in its file.
///
/// ```no_run
/// use azconnect_auth::{
///     AssertionSource, ClientAssertionCredential, Env, ManagedIdentityCredential, TOKEN_EXCHANGE_SCOPE,
/// };
///
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = ManagedIdentityCredential::builder()
///     .with_env(&Env::from_process())
///     .with_identity("11111111-2222-3333-4444-555555555555".parse()?)
///     .build()?;
/// let application = ClientAssertionCredential::builder(
///     "contoso.onmicrosoft.com".parse()?,
///     "66666666-7777-8888-9999-000000000000".parse()?,
///     AssertionSource::Credential { credential: identity, scope: TOKEN_EXCHANGE_SCOPE.to_owned() },
/// )
/// .build()?;
/// # Ok(())
/// # }
/// ```
///
/// Spec: <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>
pub struct ClientAssertionCredential {
    application: Application,
}

/// Who vouches for the application.
#[derive(Clone)]
#[non_exhaustive]
pub enum AssertionSource {
    /// Another credential, such as a managed identity that the application trusts.
    Credential {
        /// It is asked for a token with each exchange, and caches as it does.
        credential: Arc<dyn TokenCredential>,
        /// What the token is for; [`TOKEN_EXCHANGE_SCOPE`] in the public cloud.
        scope: String,
    },
    /// A file with a token that somebody keeps current, as Kubernetes does (`AZURE_FEDERATED_TOKEN_FILE`). It is read
    /// with each exchange.
    TokenFile(PathBuf),
}

impl ClientAssertionCredential {
    /// Starts to build a credential.
    pub fn builder(
        tenant_id: TenantId,
        client_id: ClientId,
        source: AssertionSource,
    ) -> ClientAssertionCredentialBuilder {
        ClientAssertionCredentialBuilder {
            tenant_id,
            client_id,
            source,
            authority: AuthorityOptions::default(),
            common: CommonOptions::default(),
        }
    }
}

impl AssertionSource {
    /// The token as it is now.
    pub(crate) async fn get(&self) -> Result<SecretString, Failure> {
        match self {
            Self::Credential { credential, scope } => {
                let token = credential.get_token(&[scope], None).await.map_err(not_vouched)?;
                Ok(SecretString::from(token.token.secret()))
            }
            Self::TokenFile(path) => {
                let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                    Failure::new(
                        ErrorKind::AssertionUnavailable,
                        format!("cannot read the federated token in `{}`", path.display()),
                    )
                    .hint("the file is that of AZURE_FEDERATED_TOKEN_FILE; check that the pod's service account is set up for workload identity")
                    .source(error)
                })?;
                let token = SecretString::from(text.trim());
                drop(zeroize::Zeroizing::new(text));
                if secrecy::ExposeSecret::expose_secret(&token).is_empty() {
                    return Err(Failure::new(
                        ErrorKind::AssertionUnavailable,
                        format!("the federated token file `{}` is empty", path.display()),
                    ));
                }
                Ok(token)
            }
        }
    }
}

/// A failure of the other credential, with its kind and its advice.
fn not_vouched(error: azure_core::Error) -> Failure {
    let ours = error.downcast_ref::<Error>();
    let kind = ours.map_or(ErrorKind::AssertionUnavailable, Error::kind);
    let hint = ours.and_then(Error::hint).map(str::to_owned);
    let mut failure = Failure::new(kind, "the identity that the application trusts has no token");
    failure.hint = hint;
    failure.source(error)
}

application_credential!(ClientAssertionCredential);

impl fmt::Debug for AssertionSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential { credential, scope } => formatter
                .debug_struct("Credential")
                .field("credential", credential)
                .field("scope", scope)
                .finish(),
            Self::TokenFile(path) => formatter.debug_tuple("TokenFile").field(path).finish(),
        }
    }
}

/// Options of a [`ClientAssertionCredential`].
#[derive(Debug)]
pub struct ClientAssertionCredentialBuilder {
    tenant_id: TenantId,
    client_id: ClientId,
    source: AssertionSource,
    authority: AuthorityOptions,
    common: CommonOptions,
}

impl ClientAssertionCredentialBuilder {
    application_setters!();

    /// Checks all settings and builds the credential; reads nothing and sends nothing.
    ///
    /// # Errors
    /// `InvalidInput`: the authority host is not `https`.
    pub fn build(self) -> Result<Arc<ClientAssertionCredential>> {
        let proof = Proof::Assertion(self.source);
        let application =
            Application::new(self.tenant_id, self.client_id, proof, &self.authority, self.common)?;
        Ok(Arc::new(ClientAssertionCredential { application }))
    }
}
