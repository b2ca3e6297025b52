#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod assertion;
mod cache;
mod certificate;
mod chained;
mod client_assertion;
mod client_certificate;
mod client_secret;
mod clock;
mod developer_tool;
mod entra;
pub mod env;
mod error;
mod from_env;
mod http;
mod identity;
mod ids;
mod managed_identity;
mod options;
mod request;
mod retry;
mod token;
mod x509;

pub use self::{
    assertion::AssertionAlgorithm,
    cache::SharedTokenCache,
    certificate::ClientCertificate,
    chained::ChainedTokenCredential,
    client_assertion::{
        AssertionSource, ClientAssertionCredential, ClientAssertionCredentialBuilder,
        TOKEN_EXCHANGE_SCOPE,
    },
    client_certificate::{ClientCertificateCredential, ClientCertificateCredentialBuilder},
    client_secret::{ClientSecretCredential, ClientSecretCredentialBuilder},
    clock::{Clock, SystemClock},
    developer_tool::{
        AzureCliCredential, AzureCliCredentialBuilder, AzureDeveloperCliCredential,
        AzureDeveloperCliCredentialBuilder,
    },
    entra::{AllowedTenants, DEFAULT_AUTHORITY_HOST},
    env::Env,
    error::{Error, ErrorKind, Result},
    from_env::from_env,
    identity::Identity,
    ids::{ClientId, ResourceId, TenantId},
    managed_identity::{
        DEFAULT_ARC_KEYS_FOLDER, DEFAULT_IMDS_ENDPOINT, ManagedIdentityCredential,
        ManagedIdentityCredentialBuilder, ManagedIdentitySource, Thumbprint,
    },
    request::TokenRequest,
    retry::RetryOptions,
};

pub use azure_core;
pub use secrecy;
pub use url;
pub use uuid;
