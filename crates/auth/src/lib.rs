#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod assertion;
mod cache;
mod certificate;
mod client_assertion;
mod client_certificate;
mod client_secret;
mod clock;
mod entra;
pub mod env;
mod error;
mod from_env;
mod http;
mod identity;
mod ids;
mod managed_identity;
mod options;
mod retry;
mod token;
mod x509;

pub use self::{
    assertion::AssertionAlgorithm,
    certificate::ClientCertificate,
    client_assertion::{
        AssertionSource, ClientAssertionCredential, ClientAssertionCredentialBuilder,
        TOKEN_EXCHANGE_SCOPE,
    },
    client_certificate::{ClientCertificateCredential, ClientCertificateCredentialBuilder},
    client_secret::{ClientSecretCredential, ClientSecretCredentialBuilder},
    clock::{Clock, SystemClock},
    entra::DEFAULT_AUTHORITY_HOST,
    env::Env,
    error::{Error, ErrorKind, Result},
    from_env::from_env,
    identity::Identity,
    ids::{ClientId, ResourceId, TenantId},
    managed_identity::{
        DEFAULT_IMDS_ENDPOINT, ManagedIdentityCredential, ManagedIdentityCredentialBuilder,
        ManagedIdentitySource,
    },
    retry::RetryOptions,
};

pub use azure_core;
pub use secrecy;
pub use url;
pub use uuid;
