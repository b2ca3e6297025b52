#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
mod cache;
#[cfg(feature = "certificate")]
mod certificate;
mod client;
mod clock;
mod error;
mod name;
mod operation;
mod policy;
mod reference;
mod rotation;
mod secret;
mod vaults;

pub use azure_core;
#[cfg(feature = "certificate")]
pub use rustls_pki_types;
pub use secrecy;

#[cfg(feature = "certificate")]
pub use self::certificate::{TlsIdentity, VaultCertificate};
pub use self::{
    access::AccessWait,
    cache::{SecretCache, SecretCacheBuilder, StaleValues},
    client::{
        DeletedSecret, SecretBackup, SecretUpdate, SetSecret, VaultClient, VaultClientBuilder,
    },
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    name::{SecretName, SecretVersion, VaultName},
    policy::RetryOptions,
    reference::{SecretReference, Vault},
    secret::{Secret, SecretProperties, SecretValue, Validity},
    vaults::Vaults,
};
