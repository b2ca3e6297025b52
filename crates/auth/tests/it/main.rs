//! The public API against a tiny HTTP responder of this crate's own, so that the package is tested alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test should say where"
)]

mod certificate;
mod federation;
mod hosts;
mod managed_identity;
mod renewal;
mod requests;
mod responder;
mod secret;
mod secrets_stay_secret;
mod support;
