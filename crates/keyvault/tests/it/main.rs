//! The client against the Key Vault emulator, in process and under the vaults' real names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod access;
mod backup;
#[cfg(feature = "certificate")]
mod certificate;
mod challenge;
mod cut;
mod deleted;
mod failures;
mod fixture;
mod fleet;
mod read;
mod rotation;
mod write;
