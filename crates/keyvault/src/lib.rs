#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod access;
mod client;
mod clock;
mod error;
mod name;
mod operation;
mod policy;
mod reference;
mod secret;

pub use azure_core;
pub use secrecy;

pub use self::{
    access::AccessWait,
    client::{
        DeletedSecret, SecretBackup, SecretUpdate, SetSecret, VaultClient, VaultClientBuilder,
    },
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind, Result},
    name::{SecretName, SecretVersion, VaultName},
    policy::RetryOptions,
    reference::{SecretReference, Vault},
    secret::{Secret, SecretProperties, SecretValue, Validity},
};
