//! The binary as a user meets it: command lines in, stdout, stderr and exit status out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod auth;
mod cert;
mod emulate;
mod export;
mod help;
mod lake;
mod secret;
mod secret_exec;
mod secret_fleet;
mod secret_lifecycle;
mod sql;
mod usage;
mod world;
