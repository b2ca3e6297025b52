#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cloud;
mod config;
mod directory;
mod emulators;
mod error;
mod faults;
mod identity;
mod key_vault;
mod lake;
mod roles;
mod serve;
mod state;
#[cfg(feature = "synapse")]
mod synapse;
mod tls;
mod tokens;

pub use self::{
    config::{
        AccountConfig, AppConfig, Config, FederatedIdentityCredentialConfig, ManagedIdentityConfig,
        PortsConfig, RoleAssignmentConfig, SqlConfig, SqlLoginConfig, SqlUserConfig, VaultConfig,
    },
    emulators::{Emulators, Endpoints},
    error::{Error, ErrorKind, Result},
    faults::{Faults, Service},
    roles::Role,
};
