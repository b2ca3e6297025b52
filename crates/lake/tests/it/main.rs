//! The public API against the lake emulator, over its real wire, and against a server that lies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod append;
mod attributes;
mod copy;
mod dfs_only;
mod disk_full;
mod download;
mod glob;
mod harness;
mod hostile;
mod integrity;
mod leases;
mod listing;
mod names;
mod namespace;
mod parquet;
mod refusals;
mod retry;
mod scripted;
mod upload;
