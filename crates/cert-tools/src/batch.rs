//! How Azure Batch lays certificates out on a Linux node.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    error::{Error, Result},
    thumbprint::{Thumbprint, ThumbprintAlgorithm},
};

/// The two files that a Batch node holds for a certificate, in the folder that `AZ_BATCH_CERTIFICATES_DIR` names:
/// `sha1-<thumbprint>.pfx`, and its password in `sha1-<thumbprint>.pfx.pw`.
///
/// Spec: <https://learn.microsoft.com/azure/batch/credential-access-key-vault>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchCertificate {
    pfx_path: PathBuf,
}

impl BatchCertificate {
    /// The files of the certificate with this SHA-1 thumbprint, named with lower-case digits.
    ///
    /// # Errors
    /// - `InvalidInput`: the thumbprint is not a SHA-1 one.
    pub fn new(directory: impl AsRef<Path>, thumbprint: &Thumbprint) -> Result<Self> {
        let name = file_name(thumbprint)?;
        Ok(Self { pfx_path: directory.as_ref().join(name) })
    }

    /// The files of the certificate with this SHA-1 thumbprint, spelled as one of `names` spells them.
    ///
    /// `names`: the file names that `directory` holds; upper-case digits in them are recognized too.
    /// Where none fits, the paths are those of [`new`](Self::new).
    ///
    /// # Errors
    /// - `InvalidInput`: the thumbprint is not a SHA-1 one.
    pub fn among<N: AsRef<OsStr>>(
        directory: impl AsRef<Path>,
        thumbprint: &Thumbprint,
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self> {
        let name = file_name(thumbprint)?;
        let found =
            names.into_iter().find(|candidate| candidate.as_ref().eq_ignore_ascii_case(&name));
        let directory = directory.as_ref();
        Ok(Self {
            pfx_path: found
                .map_or_else(|| directory.join(&name), |found| directory.join(found.as_ref())),
        })
    }

    /// The path of the PFX file.
    pub fn pfx_path(&self) -> &Path {
        &self.pfx_path
    }

    /// The path of the file with the PFX file's password; see [`decode_password_file`](crate::decode_password_file).
    pub fn password_path(&self) -> PathBuf {
        let mut path = self.pfx_path.clone().into_os_string();
        path.push(".pw");
        path.into()
    }
}

fn file_name(thumbprint: &Thumbprint) -> Result<String> {
    if thumbprint.algorithm() != ThumbprintAlgorithm::Sha1 {
        return Err(Error::invalid(format!(
            "Azure Batch names certificates by their SHA-1 thumbprint, not by a {} one",
            thumbprint.algorithm(),
        ))
        .with_hint("the SHA-1 thumbprint has 40 hexadecimal digits"));
    }
    Ok(format!("sha1-{}.pfx", thumbprint.to_hex().to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const SHA1: &str = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01";
    const LOWER: &str = "sha1-abcdef0123456789abcdef0123456789abcdef01.pfx";
    const UPPER: &str = "sha1-ABCDEF0123456789ABCDEF0123456789ABCDEF01.pfx";

    #[test]
    fn files_are_named_by_lower_case_thumbprint() {
        let files = BatchCertificate::new("/certs", &SHA1.parse().unwrap()).unwrap();
        assert_eq!(files.pfx_path(), Path::new("/certs").join(LOWER));
        assert_eq!(files.password_path(), Path::new("/certs").join(format!("{LOWER}.pw")));
    }

    #[test]
    fn the_spelling_found_in_the_folder_wins() {
        let names = ["other.pfx", UPPER, "sha1-ABCDEF0123456789ABCDEF0123456789ABCDEF01.pfx.pw"];
        let files = BatchCertificate::among("/certs", &SHA1.parse().unwrap(), names).unwrap();
        assert_eq!(files.pfx_path(), Path::new("/certs").join(UPPER));
        assert_eq!(files.password_path(), Path::new("/certs").join(format!("{UPPER}.pw")));
    }

    #[test]
    fn a_folder_without_the_certificate_gives_the_usual_names() {
        let files =
            BatchCertificate::among("/certs", &SHA1.parse().unwrap(), ["other.pfx"]).unwrap();
        assert_eq!(files.pfx_path(), Path::new("/certs").join(LOWER));
    }

    #[test]
    fn a_sha256_thumbprint_is_refused() {
        let error = BatchCertificate::new("/certs", &"00".repeat(32).parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
