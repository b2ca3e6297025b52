//! The commands: one module each, none knows another.

pub(crate) mod auth;
pub(crate) mod cert;
pub(crate) mod emulate;
pub(crate) mod export;
pub(crate) mod lake;
pub(crate) mod secret;
pub(crate) mod sql;

use crate::{cli::Command, context::Context, failure::Failure};

/// Runs the command that the user named.
///
/// The futures are boxed so that the small ones do not pay for the size of the largest.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Auth(args) => Box::pin(auth::run(args, context)).await,
        Command::Cert(args) => Box::pin(cert::run(args, context)).await,
        Command::Emulate(args) => Box::pin(emulate::run(args, context)).await,
        Command::Export(args) => Box::pin(export::run(args, context)).await,
        Command::Lake(args) => Box::pin(lake::run(args, context)).await,
        Command::Secret(args) => Box::pin(secret::run(args, context)).await,
        Command::Sql(args) => Box::pin(sql::run(args, context)).await,
    }
}
