//! Where these commands take a certificate from: a file of any kind, or the folder of a Batch node.

use std::path::PathBuf;

use azconnect_cert_tools::{Pfx, Thumbprint};
use clap::Args;

use crate::{
    certificate_file::{BATCH_DIRECTORY_VARIABLE, CertificateFile, PasswordSource},
    context::Context,
    failure::Failure,
};

/// Options that name a certificate, with or without its private key.
#[derive(Args, Debug)]
pub(super) struct SourceArgs {
    /// PEM, DER or PFX file, or base64 text of a PFX file; `-` is stdin
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    file: Option<PathBuf>,

    /// File whose first line is the password of FILE; without it the password comes from
    /// AZCONNECT_PFX_PASSWORD, or from `<FILE>.pw` if that exists
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    password_file: Option<PathBuf>,

    /// Take the certificate that Azure Batch has put on this node, by its SHA-1 thumbprint
    #[arg(long, value_name = "THUMBPRINT")]
    batch: Option<Thumbprint>,

    /// Folder of the node's certificates
    #[arg(long, value_name = "DIR", env = BATCH_DIRECTORY_VARIABLE, hide_env_values = true)]
    certificates_dir: Option<PathBuf>,

    /// Most key-derivation rounds to spend on a PFX file, against files that would take hours
    #[arg(long, value_name = "ROUNDS", default_value_t = Pfx::DEFAULT_MAX_ROUNDS)]
    max_rounds: u64,
}

impl SourceArgs {
    /// Finds the file; it is read later.
    pub(super) fn find(&self, context: &Context) -> Result<CertificateFile, Failure> {
        let file = match (&self.file, &self.batch) {
            (Some(path), _) => {
                let password = PasswordSource {
                    file: self.password_file.clone(),
                    from_environment: context.environment().secret(PASSWORD_VARIABLE),
                    hint: "give it with `--password-file FILE` or in AZCONNECT_PFX_PASSWORD",
                };
                CertificateFile::new(path, password)
            }
            (None, Some(thumbprint)) => {
                CertificateFile::of_batch_node(thumbprint, self.certificates_dir.as_deref())?
            }
            (None, None) => return Err(Failure::usage("neither a file nor a thumbprint is given")),
        };
        Ok(file.with_max_rounds(self.max_rounds))
    }
}

/// The variable that holds the password of a PFX file.
pub(super) const PASSWORD_VARIABLE: &str = "AZCONNECT_PFX_PASSWORD";
