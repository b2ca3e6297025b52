//! The public API against the emulators.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod cancel;
mod existing_file;
mod export;
mod failure;
mod world;
