//! The credential of an application that has a client secret.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::{
    entra::{Application, Authority, AuthorityOptions, Proof},
    error::{Failure, Result},
    ids::{ClientId, TenantId},
    options::{CommonOptions, application_setters},
};

/// Gets tokens for an application that proves itself with a client secret.
///
/// Caches and renews as [`ClientCertificateCredential`](crate::ClientCertificateCredential) does.
pub struct ClientSecretCredential {
    application: Application,
}

impl ClientSecretCredential {
    /// Starts to build a credential. `secret`: the secret's value, not its id.
    pub fn builder(
        tenant_id: TenantId,
        client_id: ClientId,
        secret: SecretString,
    ) -> ClientSecretCredentialBuilder {
        ClientSecretCredentialBuilder {
            tenant_id,
            client_id,
            secret,
            authority: AuthorityOptions::default(),
            common: CommonOptions::default(),
        }
    }

    /// The URL that token requests go to.
    pub fn token_endpoint(&self) -> &Url {
        self.application.authority().token_endpoint()
    }
}

#[async_trait]
impl TokenCredential for ClientSecretCredential {
    /// Gets a token for one or several scopes of one resource.
    ///
    /// # Errors
    /// [`crate::Error`] inside of [`azure_core::Error`].
    ///
    /// # Cancel safety
    /// Safe: another caller that waits for the same token makes the request in its place.
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(self.application.get_token(scopes, options).await?)
    }
}

impl fmt::Debug for ClientSecretCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSecretCredential")
            .field("tenant_id", self.application.authority().tenant_id())
            .field("client_id", &self.application.client_id())
            .finish_non_exhaustive()
    }
}

/// Options of a [`ClientSecretCredential`].
#[derive(Debug)]
pub struct ClientSecretCredentialBuilder {
    tenant_id: TenantId,
    client_id: ClientId,
    secret: SecretString,
    authority: AuthorityOptions,
    common: CommonOptions,
}

impl ClientSecretCredentialBuilder {
    application_setters!();

    /// Checks all settings and builds the credential; sends nothing.
    ///
    /// # Errors
    /// `InvalidInput`: the secret is empty, or the authority host is not `https`.
    pub fn build(self) -> Result<Arc<ClientSecretCredential>> {
        if self.secret.expose_secret().is_empty() {
            return Err(Failure::invalid_input("the client secret is empty").into());
        }
        let authority = Authority::new(self.tenant_id, &self.authority)?;
        let proof = Proof::Secret(self.secret);
        let application = Application::new(authority, self.client_id, proof, &self.common)?;
        Ok(Arc::new(ClientSecretCredential { application }))
    }
}
