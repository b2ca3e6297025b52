//! From the identity options, the environment and the cloud to a credential.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use crate::{context::Context, failure::Failure};

/// Builds the credential that the options name.
///
/// Options: `context.credential_options()`; hosts: `context.cloud()?.authority_host` and `.imds_endpoint`;
/// transports: `context.transport()?` for Entra ID, `context.direct_transport()?` for managed identity;
/// environment: `context.environment()`.
pub(crate) fn build(_context: &Context) -> Result<Arc<dyn TokenCredential>, Failure> {
    Err(Failure::new("no credential is built in"))
}
