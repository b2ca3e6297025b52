//! The client against the Key Vault emulator, in process and under the vaults' real names.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod failures;
mod fixture;
mod read;
