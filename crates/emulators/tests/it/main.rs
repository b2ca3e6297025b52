//! The emulators as a stranger sees them: raw HTTP against every rule they enforce.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod app_service;
mod arc;
mod claims;
mod cloud_shell;
mod entra;
mod fixture;
mod identity_faults;
mod imds;
mod key_vault;
mod lake;
mod machine_learning;
mod program;
mod service_fabric;
mod start;
#[cfg(feature = "synapse")]
mod synapse;
mod tenants;
mod token_cache;
