//! The public API against the lake emulator, over its real wire, and against a server that lies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod append;
mod attributes;
mod disk_full;
mod download;
mod harness;
mod hostile;
mod leases;
mod names;
mod parquet;
mod refusals;
mod retry;
mod scripted;
mod upload;
