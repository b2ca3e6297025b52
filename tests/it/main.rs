//! Journeys across the crates, over their public APIs, against the emulators.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod azure_identity;
mod bad_certificate;
mod bad_identity;
mod bad_request;
mod bad_token;
mod canary;
mod fleet;
mod key_vault_sdk;
mod managed_identity;
mod official_clients;
mod revoked_token;
mod whole_job;
mod world;
