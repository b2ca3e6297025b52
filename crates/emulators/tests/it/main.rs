//! The emulators as a stranger sees them: raw HTTP against every rule they enforce.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod app_service;
mod entra;
mod fixture;
mod imds;
mod key_vault;
mod lake;
mod program;
mod start;
#[cfg(feature = "synapse")]
mod synapse;
