//! The credential of an application that has a client secret.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    entra::{Application, AuthorityOptions, Proof},
    error::{Failure, Result},
    ids::{ClientId, TenantId},
    options::{CommonOptions, application_credential, application_setters},
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
}

application_credential!(ClientSecretCredential);

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
        let proof = Proof::Secret(self.secret);
        let application =
            Application::new(self.tenant_id, self.client_id, proof, &self.authority, self.common)?;
        Ok(Arc::new(ClientSecretCredential { application }))
    }
}
