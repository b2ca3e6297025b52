#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod export;
mod progress;
mod report;
mod table_name;
mod target;

/// The data lake's client: its types appear in [`Export`].
pub use azconnect_lake as lake;
/// The SQL client: its types appear in [`Export`].
pub use azconnect_synapse as synapse;

pub use self::{
    error::{Error, ErrorKind, Result, Stage},
    export::{Export, ExportBuilder},
    progress::ExportProgress,
    report::{ExportOutcome, ExportReport},
    table_name::TableName,
    target::IfExists,
};
