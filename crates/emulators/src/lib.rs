#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod cloud;
mod config;
mod directory;
mod emulators;
mod error;
mod faults;
mod host;
mod identity;
mod key_vault;
mod lake;
mod requests;
mod roles;
mod serve;
mod state;
#[cfg(feature = "synapse")]
mod synapse;
mod tls;
mod tokens;

pub use self::{
    config::{
        AccessPolicyConfig, AccountConfig, AppConfig, CertificateConfig, Config, ConsentConfig,
        EndpointReach, FederatedIdentityCredentialConfig, FirewallConfig, GroupConfig,
        ManagedIdentityConfig, PortsConfig, RequestLimitConfig, RoleAssignmentConfig,
        SecretPermission, SqlConfig, SqlLoginConfig, SqlUserConfig, TenantConfig, VaultConfig,
    },
    emulators::{Emulators, Endpoints},
    error::{Error, ErrorKind, Result},
    faults::{
        Faults, FaultsConfig, IdentityFault, IdentityFaultConfig, KeyVaultFault,
        KeyVaultFaultConfig, Lasting, Service,
    },
    host::ManagedIdentityHost,
    roles::Role,
};
