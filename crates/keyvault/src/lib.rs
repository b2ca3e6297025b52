#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod client;
mod error;
mod name;
mod reference;
mod secret;

pub use azure_core;
pub use secrecy;

pub use self::{
    client::{VaultClient, VaultClientBuilder},
    error::{Error, ErrorKind, Result},
    name::{SecretName, SecretVersion, VaultName},
    reference::{SecretReference, Vault},
    secret::{Secret, SecretProperties, SecretValue},
};
