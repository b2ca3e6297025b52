//! `azconnect cert exec`: runs a program that finds the certificate as a PEM file which is on no disk.

use std::ffi::OsString;

use clap::Args;

use crate::{commands::cert::source::SourceArgs, context::Context, failure::Failure};

/// Arguments of `cert exec`.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExecArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// The program to run, and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Runs `cert exec`.
pub(super) fn run(args: &ExecArgs, context: &Context) -> Result<(), Failure> {
    let pem = args.source.find(context)?.read_identity()?.to_pem()?;
    Err(hand_over(&args.command, pem.as_bytes()))
}

/// Becomes the program, so that signals and the exit status are its own. Returns only if that fails.
///
/// The PEM lies in a file of this process's memory that the program inherits and that ends with it. Its path names
/// the process by number, so that the program's own children find it too, who may not inherit open files.
#[cfg(target_os = "linux")]
fn hand_over(command: &[OsString], pem: &[u8]) -> Failure {
    use std::{
        fs::File,
        io::{self, Write as _},
        os::{fd::AsRawFd as _, unix::process::CommandExt as _},
        process::{Command, id},
    };

    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

    let in_memory = || -> io::Result<File> {
        // Without CLOEXEC: the program is to inherit it.
        let mut file =
            File::from(memfd_create("azconnect-certificate", MemfdFlags::ALLOW_SEALING)?);
        file.write_all(pem)?;
        let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        fcntl_add_seals(&file, seals)?;
        Ok(file)
    };
    let file = match in_memory() {
        Ok(file) => file,
        Err(error) => return Failure::from_error("cannot make a file in memory", &error),
    };
    let Some((program, arguments)) = command.split_first() else {
        return Failure::usage("no command is given");
    };
    let error = Command::new(program)
        .args(arguments)
        .env(PATH_VARIABLE, format!("/proc/{}/fd/{}", id(), file.as_raw_fd()))
        // The PEM is not encrypted, and some programs refuse a password that nothing needs.
        .env_remove("AZURE_CLIENT_CERTIFICATE_PASSWORD")
        .exec();
    Failure::from_error(format!("cannot run `{}`", program.display()), &error)
}

#[cfg(not(target_os = "linux"))]
fn hand_over(_command: &[OsString], _pem: &[u8]) -> Failure {
    Failure::new("only Linux has files that are in memory alone")
        .with_hint("give the PFX file itself to programs that read it, such as this one")
}

#[cfg(target_os = "linux")]
const PATH_VARIABLE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";

const EXAMPLES: &str = "\
The program finds key, certificate and chain as PEM under the path in AZURE_CLIENT_CERTIFICATE_PATH, where Azure's SDKs
look for it. The file is in memory, can be read by processes of the same user, and ends with the program.

Examples:
  azconnect cert exec --batch $CERT_THUMBPRINT -- python job.py
  azconnect cert exec certs/service-principal.pfx -- az login --service-principal ...";
