//! What a PKCS#12 file holds, and how it is written as PKCS#12 or PEM.

use bytes::Bytes;
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::write::{Content, Protection, write};
use crate::{
    certificate::Certificate,
    error::{Error, ErrorKind, Result},
    key::PrivateKey,
    thumbprint::ThumbprintAlgorithm,
};

/// A private key, its certificate (the leaf), and the certificates of the authorities above it (the chain).
#[derive(Clone, Debug)]
pub struct PfxContents {
    key: PrivateKey,
    leaf: Certificate,
    chain: Vec<Certificate>,
    friendly_name: Option<String>,
    local_key_id: Option<Bytes>,
}

/// How [`PfxContents::encode_opts`] writes a file.
#[derive(Clone, Debug)]
pub struct EncodeOptions {
    friendly_name: Option<String>,
    local_key_id: Option<Vec<u8>>,
    rounds: u32,
    protection: Protection,
}

/// How [`PfxContents::to_pem_opts`] writes the private key.
#[derive(Clone, Debug, Default)]
pub struct PemOptions {
    traditional: bool,
    password: Option<SecretString>,
}

impl PfxContents {
    /// Puts a key and its certificate together.
    ///
    /// `chain`: the issuer of `leaf`, then the issuer's own, and so on; may be empty, and the root may be left out.
    ///
    /// # Errors
    /// - `KeyMismatch`: `leaf` is the certificate of another key.
    pub fn new(key: PrivateKey, leaf: Certificate, chain: Vec<Certificate>) -> Result<Self> {
        if !leaf.matches_key(&key) {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!("the private key does not belong to the certificate `{}`", leaf.subject()),
            ));
        }
        Ok(Self { key, leaf, chain, friendly_name: None, local_key_id: None })
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The certificate of the key.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// The other certificates: each issuer after what it issued, then those that belong to no chain of the leaf.
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The name that people gave the key (`friendlyName`), where the contents are those of a file that has one.
    pub fn friendly_name(&self) -> Option<&str> {
        self.friendly_name.as_deref()
    }

    /// What the key and its certificate have in common (`localKeyID`), where the contents are those of a file that
    /// says it.
    pub fn local_key_id(&self) -> Option<&[u8]> {
        self.local_key_id.as_deref()
    }

    /// Takes the parts: key, leaf, chain.
    pub fn into_parts(self) -> (PrivateKey, Certificate, Vec<Certificate>) {
        (self.key, self.leaf, self.chain)
    }

    /// Writes a PKCS#12 file as current tools do: [`encode_opts`](Self::encode_opts) with default options.
    ///
    /// # Errors
    /// Those of `encode_opts`.
    pub fn encode(&self, password: &SecretString) -> Result<Vec<u8>> {
        self.encode_opts(password, &EncodeOptions::default())
    }

    /// Writes a PKCS#12 file: by default PBES2 with AES-256-CBC, and a MAC with HMAC-SHA-256.
    ///
    /// OpenSSL 1.1 and later, Windows 10 (1709) and later, Key Vault and the Azure SDKs read such files.
    ///
    /// `password`: may be empty, as Key Vault does it; the file is then protected by its place alone.
    ///
    /// # Errors
    /// - `InvalidInput`: the password or the friendly name has a NUL in it, the `localKeyID` is empty, or the rounds
    ///   are outside their limits.
    /// - `Crypto`: OpenSSL could not encrypt.
    pub fn encode_opts(&self, password: &SecretString, options: &EncodeOptions) -> Result<Vec<u8>> {
        super::check_password(password)?;
        options.check()?;
        super::providers::load()?;
        let own_name = self.friendly_name.as_ref().filter(|name| !name.contains('\0'));
        let own_id = self.local_key_id.as_deref().filter(|id| !id.is_empty());
        let thumbprint = self.leaf.thumbprint(ThumbprintAlgorithm::Sha1)?;
        let content = Content {
            key: &self.key,
            leaf: &self.leaf,
            chain: &self.chain,
            friendly_name: options.friendly_name.as_ref().or(own_name).map(String::as_str),
            local_key_id: options
                .local_key_id
                .as_deref()
                .or(own_id)
                .unwrap_or(thumbprint.as_bytes()),
        };
        write(&content, options.protection, password, options.rounds)
    }

    /// Writes everything as PEM: the key as unencrypted PKCS#8, then the leaf, then the chain.
    ///
    /// The order matters: azure-identity takes the thumbprint of the first certificate it finds.
    ///
    /// # Errors
    /// - `Crypto`: OpenSSL could not encode one of them.
    pub fn to_pem(&self) -> Result<Zeroizing<String>> {
        self.to_pem_opts(&PemOptions::default())
    }

    /// Writes the private key alone as PEM, as `options` say.
    ///
    /// # Errors
    /// Those of [`to_pem_opts`](Self::to_pem_opts).
    pub fn key_to_pem(&self, options: &PemOptions) -> Result<Zeroizing<String>> {
        match &options.password {
            Some(password) => self.key.to_encrypted_pem(password),
            None if options.traditional => self.key.to_traditional_pem(),
            None => self.key.to_pkcs8_pem(),
        }
    }

    /// Writes everything as PEM, the key as `options` say, then the leaf, then the chain.
    ///
    /// # Errors
    /// - `InvalidInput`: the password is empty.
    /// - `Unsupported`: keys of this kind have no traditional form.
    /// - `Crypto`: OpenSSL could not encode one of them.
    pub fn to_pem_opts(&self, options: &PemOptions) -> Result<Zeroizing<String>> {
        let key = self.key_to_pem(options)?;
        let mut certificates = self.leaf.to_pem()?;
        for certificate in &self.chain {
            certificates.push_str(&certificate.to_pem()?);
        }
        // Room for all of it at once: growing would leave copies of the key behind.
        let mut pem = Zeroizing::new(String::with_capacity(key.len() + certificates.len()));
        pem.push_str(&key);
        pem.push_str(&certificates);
        Ok(pem)
    }

    /// Takes what a file holds, where `leaf` is already known to be the certificate of `key`.
    ///
    /// `signatures`: how many may be verified to find out who issued what; those that were are taken off.
    pub(super) fn of_store(
        key: PrivateKey,
        leaf: Certificate,
        others: Vec<Certificate>,
        friendly_name: Option<String>,
        local_key_id: Option<Bytes>,
        signatures: &mut usize,
    ) -> Self {
        let chain = in_order_of_issue(&leaf, others, signatures);
        Self { key, leaf, chain, friendly_name, local_key_id }
    }
}

impl PemOptions {
    /// Writes the key in the form of its own kind, PKCS#1 for RSA. Default: PKCS#8. An encrypted key is PKCS#8.
    #[must_use]
    pub fn with_traditional_key(mut self) -> Self {
        self.traditional = true;
        self
    }

    /// Encrypts the key with `password`. Default: it is not encrypted.
    #[must_use]
    pub fn with_password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }
}

impl EncodeOptions {
    /// The algorithms that Windows Server 2016, Windows before 10 (1709), macOS before 11 and Java before 8u301
    /// read: 3DES by PKCS#12's own derivation, with 2,048 rounds and a SHA-1 MAC. Weak: give a random password.
    #[must_use]
    pub fn legacy() -> Self {
        Self { rounds: 2048, protection: Protection::Legacy, ..Self::default() }
    }

    /// Sets the friendly name, which Windows and Key Vault show in lists. Default: that of the file that the
    /// contents were read from, if any.
    #[must_use]
    pub fn with_friendly_name(mut self, name: impl Into<String>) -> Self {
        self.friendly_name = Some(name.into());
        self
    }

    /// Sets what ties the key to its certificate (`localKeyID`). Default: that of the file that the contents were
    /// read from, else the certificate's SHA-1 thumbprint, as OpenSSL does it.
    #[must_use]
    pub fn with_local_key_id(mut self, id: impl Into<Vec<u8>>) -> Self {
        self.local_key_id = Some(id.into());
        self
    }

    /// Sets the key-derivation rounds of each part: 1 to 10,000,000. Default: 100,000.
    ///
    /// They slow down guessing a weak password; a random one needs few.
    #[must_use]
    pub fn with_rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds;
        self
    }

    fn check(&self) -> Result<()> {
        if !(1..=10_000_000).contains(&self.rounds) {
            return Err(Error::invalid(format!(
                "a PFX file cannot be written with {} key-derivation rounds: 1 to 10000000 are possible",
                self.rounds
            )));
        }
        if self.friendly_name.as_ref().is_some_and(|name| name.contains('\0')) {
            return Err(Error::invalid(
                "the friendly name of a PFX file cannot have a NUL character in it",
            ));
        }
        if self.local_key_id.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::invalid("the `localKeyID` of a PFX file cannot be empty"));
        }
        Ok(())
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self {
            friendly_name: None,
            local_key_id: None,
            rounds: 100_000,
            protection: Protection::Modern,
        }
    }
}

/// Puts each issuer after the certificate it issued, starting at `leaf`; what is left over keeps its order.
///
/// Signatures cost time, and a file may hold thousands of certificates of one name: after so many of them the rest
/// counts as left over.
fn in_order_of_issue(
    leaf: &Certificate,
    mut others: Vec<Certificate>,
    signatures: &mut usize,
) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::with_capacity(others.len());
    while let Some(index) = others.iter().position(|other| {
        let last = chain.last().unwrap_or(leaf);
        if *signatures == 0 || !last.names_as_issuer(other) {
            return false;
        }
        *signatures -= 1;
        last.is_signed_by(other)
    }) {
        let issuer = others.remove(index);
        chain.push(issuer);
    }
    chain.append(&mut others);
    chain
}
