//! The crate's public API against servers that follow a script, and against the emulator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod emulator;
mod errors;
mod login;
mod results;
mod script;
mod server;
mod wire;
