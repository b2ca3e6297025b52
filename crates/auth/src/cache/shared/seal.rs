//! Encryption of the shared tokens, and names of files that tell nothing.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf, hmac,
};
use zeroize::Zeroizing;

/// Two keys made from the one of the folder.
pub(super) struct Seal {
    tokens: RandomizedNonceKey,
    names: hmac::Key,
}

impl Seal {
    /// `key`: the folder's own. Tokens are bound to the current boot of this machine as well.
    pub(super) fn new(key: &[u8]) -> Result<Self, Unspecified> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"azconnect shared token cache 1");
        let derive = |material: &[u8], purpose: &[u8]| {
            let mut derived = Zeroizing::new([0; 32]);
            salt.extract(material)
                .expand(&[purpose], hkdf::HKDF_SHA256)?
                .fill(derived.as_mut_slice())?;
            Ok::<_, Unspecified>(derived)
        };
        let mut of_this_boot = Zeroizing::new(key.to_vec());
        of_this_boot.extend(boot_id());
        Ok(Self {
            tokens: RandomizedNonceKey::new(
                &AES_256_GCM,
                derive(&of_this_boot, b"tokens")?.as_slice(),
            )?,
            // Not of the boot: tokens of an earlier one are overwritten instead of left lying about.
            names: hmac::Key::new(hmac::HMAC_SHA256, derive(key, b"names")?.as_slice()),
        })
    }

    /// The name of a file for what is described by `parts`.
    pub(super) fn name(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.names);
        for part in parts {
            // The length keeps ("a", "bc") apart from ("ab", "c").
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Nonce and ciphertext; good under this name only.
    pub(super) fn seal(&self, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        // Room for the tag, so that the plain text is never copied to another place.
        let mut bytes = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
        bytes.extend_from_slice(plain);
        let nonce =
            self.tokens.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut *bytes).ok()?;
        Some([nonce.as_ref().as_slice(), bytes.as_slice()].concat())
    }

    /// The plain text, unless somebody changed, renamed or made the file without the key.
    pub(super) fn open(&self, name: &str, sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut bytes = Zeroizing::new(ciphertext.to_vec());
        let length = self
            .tokens
            .open_in_place(Nonce::from(nonce), Aad::from(name.as_bytes()), &mut bytes)
            .ok()?
            .len();
        bytes.truncate(length);
        Some(bytes)
    }
}

/// Changes with every start of the machine; nothing on systems that have none.
fn boot_id() -> Vec<u8> {
    std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}
