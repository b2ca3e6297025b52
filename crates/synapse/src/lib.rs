#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "odbc"), forbid(unsafe_code))]

mod address;
mod client;
mod decode;
mod error;
mod message;
mod native;
#[cfg(feature = "odbc")]
mod odbc;
mod options;
mod settings;
mod stream;

pub use arrow;

pub use self::{
    address::ServerAddress,
    client::{SynapseClient, SynapseClientBuilder},
    error::{Error, ErrorKind, Operation, Result},
    message::ServerMessage,
    options::{DatetimeOffsetFormat, GuidFormat, QueryOptions, TimestampUnit},
    settings::{Backend, Login},
    stream::RecordBatchStream,
};
