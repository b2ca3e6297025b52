//! The certificate in use: given once, or read again from its file whenever that has changed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::digest;
use azure_core::time::OffsetDateTime;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::ClientCertificate;
use crate::error::{ErrorKind, Failure, Result};

/// A certificate that may be replaced while the program runs.
#[derive(Debug)]
pub(crate) struct CurrentCertificate {
    path: Option<PathBuf>,
    current: Mutex<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    certificate: Arc<ClientCertificate>,
    /// Of the file's bytes, by which a file that stayed the same is known without keeping them.
    digest: digest::Digest,
}

impl CurrentCertificate {
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self> {
        Ok(Self { path: None, current: Mutex::new(Loaded::parse(pem)?) })
    }

    pub(crate) fn from_file(path: &Path) -> Result<Self> {
        let pem =
            std::fs::read(path).map(Zeroizing::new).map_err(|error| unreadable(path, error))?;
        let loaded = Loaded::parse(&pem).map_err(|error| not_a_certificate(path, &error))?;
        Ok(Self { path: Some(path.to_owned()), current: Mutex::new(loaded) })
    }

    pub(crate) fn get(&self) -> Arc<ClientCertificate> {
        let loaded = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&loaded.certificate)
    }

    /// Reads the file again, if there is one. While the old certificate is valid, a file that is gone, half written or
    /// no certificate is no failure: whoever rotates it is not done yet.
    pub(crate) async fn reload(
        &self,
        now: OffsetDateTime,
    ) -> Result<Arc<ClientCertificate>, Failure> {
        let old = self.get();
        let Some(path) = &self.path else { return Ok(old) };
        match self.load(path).await {
            Ok(certificate) => Ok(certificate),
            Err(failure) if now < old.not_after() => {
                warn!(path = %path.display(), reason = %failure.message, "kept the old certificate");
                Ok(old)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn load(&self, path: &Path) -> Result<Arc<ClientCertificate>, Failure> {
        let pem = tokio::fs::read(path).await.map(Zeroizing::new);
        let pem = pem.map_err(|error| unreadable(path, error))?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if digest::digest(&digest::SHA256, &pem).as_ref() != current.digest.as_ref() {
            *current = Loaded::parse(&pem).map_err(|error| not_a_certificate(path, &error))?;
            info!(path = %path.display(), "the certificate was replaced");
        }
        Ok(Arc::clone(&current.certificate))
    }
}

impl Loaded {
    fn parse(pem: &[u8]) -> Result<Self> {
        Ok(Self {
            certificate: Arc::new(ClientCertificate::from_pem(pem)?),
            digest: digest::digest(&digest::SHA256, pem),
        })
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
        _ => ErrorKind::InvalidInput,
    };
    Failure::new(kind, format!("cannot read the certificate `{}`", path.display())).source(error)
}

/// The reason in front of which the file is named.
fn not_a_certificate(path: &Path, error: &crate::Error) -> Failure {
    let mut failure = Failure::new(
        error.kind(),
        format!("cannot use the certificate `{}`: {error}", path.display()),
    );
    failure.hint = error.hint().map(str::to_owned);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = include_str!("../../tests/fixtures/key.pem");
    const LEAF: &str = include_str!("../../tests/fixtures/leaf.pem");
    const CA: &str = include_str!("../../tests/fixtures/ca.pem");

    #[tokio::test]
    async fn a_replaced_file_is_read_again_and_a_broken_one_only_matters_at_the_end() {
        let path = std::env::temp_dir().join(format!("current-{}.pem", uuid::Uuid::new_v4()));
        std::fs::write(&path, [KEY, LEAF].concat()).unwrap();
        let current = CurrentCertificate::from_file(&path).unwrap();
        let first = current.get();
        let (during, after) = (first.not_before(), first.not_after());
        assert!(Arc::ptr_eq(&current.reload(during).await.unwrap(), &first), "nothing changed");

        std::fs::write(&path, [KEY, LEAF, CA].concat()).unwrap();
        let second = current.reload(during).await.unwrap();
        assert_eq!((first.chain_length(), second.chain_length()), (0, 1));

        let half = &LEAF[..LEAF.len() / 2];
        for broken in [Some(String::new()), Some([KEY, half].concat()), None] {
            match &broken {
                Some(text) => std::fs::write(&path, text).unwrap(),
                None => std::fs::remove_file(&path).unwrap(),
            }
            assert!(Arc::ptr_eq(&current.reload(during).await.unwrap(), &second), "{broken:?}");
            let failure = current.reload(after).await.unwrap_err();
            assert!(failure.message.contains(&path.display().to_string()), "{}", failure.message);
        }
    }
}
