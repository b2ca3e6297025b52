#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod demo;
mod harness;
mod rows;

pub use self::{
    harness::{FixedToken, Harness, VAULT, WORKSPACE},
    rows::Fingerprint,
};
