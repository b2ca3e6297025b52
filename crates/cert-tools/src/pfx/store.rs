//! All that a PKCS#12 file holds, and which key belongs to which certificate.

use std::fmt;

use bytes::Bytes;

use super::{contents::PfxContents, unlock::Unlocked};
use crate::{
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
    key::PrivateKey,
};

/// The private keys and certificates of a file, in its order.
#[derive(Debug)]
pub struct PfxStore {
    keys: Vec<Stored<PrivateKey>>,
    certificates: Vec<Stored<Certificate>>,
    unusable_key: Option<Error>,
}

/// A key or a certificate, and what the file says of it.
#[derive(Clone)]
pub struct Stored<T> {
    pub(super) value: T,
    pub(super) friendly_name: Option<String>,
    pub(super) local_key_id: Option<Bytes>,
}

impl<T> Stored<T> {
    /// The key or certificate itself.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The name that people gave it (`friendlyName`), which Windows, Java and Key Vault show in lists.
    pub fn friendly_name(&self) -> Option<&str> {
        self.friendly_name.as_deref()
    }

    /// What a key and its certificate have in common (`localKeyID`); often the SHA-1 thumbprint, or a number.
    pub fn local_key_id(&self) -> Option<&[u8]> {
        self.local_key_id.as_deref()
    }
}

impl PfxStore {
    pub(super) fn new(unlocked: Unlocked) -> Self {
        let Unlocked { keys, certificates, unusable_key } = unlocked;
        Self { keys, certificates, unusable_key }
    }

    /// The private keys, in the order of the file. Keys of a kind that OpenSSL does not know are left out.
    pub fn keys(&self) -> &[Stored<PrivateKey>] {
        &self.keys
    }

    /// The certificates, in the order of the file.
    pub fn certificates(&self) -> &[Stored<Certificate>] {
        &self.certificates
    }

    /// Each private key that has a certificate here, with that certificate and all others; in the order of the keys.
    ///
    /// The certificate of a key is one with its public key; of several, as after a renewal, the one with the same
    /// `localKeyID`, else the first.
    ///
    /// Of a file with very many of them, the later ones have their other certificates in the order of the file.
    pub fn identities(&self) -> Vec<PfxContents> {
        let mut signatures = 4 * MAX_SIGNATURES;
        self.keys.iter().filter_map(|key| self.identity(key, &mut signatures)).collect()
    }

    /// The first of the [`identities`](Self::identities).
    ///
    /// # Errors
    /// - `NotFound`: there is no private key, or no certificate for any of them.
    /// - `Unsupported`: the only private keys are of a kind that OpenSSL does not know.
    pub fn into_contents(self) -> Result<PfxContents> {
        let mut signatures = MAX_SIGNATURES;
        if let Some(contents) = self.keys.iter().find_map(|key| self.identity(key, &mut signatures))
        {
            return Ok(contents);
        }
        if !self.keys.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "the PFX file holds no certificate for its private key",
            ));
        }
        Err(self.unusable_key.unwrap_or_else(|| {
            Error::new(ErrorKind::NotFound, "the PFX file holds no private key")
                .with_hint("export the certificate together with its private key")
        }))
    }

    /// The certificates alone: that of the first private key, if there is one, then the others.
    pub(super) fn into_certificates(self) -> Vec<Certificate> {
        let leaf = self.keys.iter().find_map(|key| self.index_of_leaf(key));
        let mut certificates: Vec<_> =
            self.certificates.into_iter().map(|stored| stored.value).collect();
        if let Some(first) = leaf.and_then(|leaf| certificates.get_mut(..=leaf)) {
            first.rotate_right(1);
        }
        certificates
    }

    fn identity(&self, key: &Stored<PrivateKey>, signatures: &mut usize) -> Option<PfxContents> {
        let leaf = self.index_of_leaf(key)?;
        let mut certificates = self.certificates.clone();
        let leaf = certificates.remove(leaf);
        let name = key.friendly_name.clone().or(leaf.friendly_name);
        let id = key.local_key_id.clone().or(leaf.local_key_id);
        let others = certificates.into_iter().map(|stored| stored.value).collect();
        Some(PfxContents::of_store(key.value.clone(), leaf.value, others, name, id, signatures))
    }

    fn index_of_leaf(&self, key: &Stored<PrivateKey>) -> Option<usize> {
        let mut fitting = self
            .certificates
            .iter()
            .enumerate()
            .filter(|(_, certificate)| certificate.value.matches_key(&key.value));
        let (first, stored) = fitting.next()?;
        let named = |stored: &Stored<Certificate>| {
            key.local_key_id.is_some() && stored.local_key_id == key.local_key_id
        };
        if named(stored) {
            return Some(first);
        }
        Some(fitting.find(|(_, other)| named(other)).map_or(first, |(index, _)| index))
    }
}

impl<T: fmt::Debug> fmt::Debug for Stored<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Stored")
            .field("value", &self.value)
            .field("friendly_name", &self.friendly_name)
            .finish_non_exhaustive()
    }
}

/// How many signatures are verified to put the certificates of one key in order: far above what real files take, one
/// for each authority, a few more where authorities have changed their keys. The slowest take ten milliseconds each.
const MAX_SIGNATURES: usize = 64;
