//! OpenSSL's algorithm providers, loaded once.

use std::sync::OnceLock;

use openssl::{error::ErrorStack, provider::Provider};

use crate::error::{Error, Result};

/// Makes the algorithms of older PFX files (RC2, single DES, RC4) available beside the current ones.
///
/// The providers stay loaded for the life of the process: unloading "default" would leave every later digest of
/// the process, our own and those of other users of OpenSSL in it, without an implementation.
pub(crate) fn load() -> Result<()> {
    static PROVIDERS: OnceLock<Result<[Provider; 2], ErrorStack>> = OnceLock::new();
    // Loading any provider switches off the implicit loading of "default", so it comes first.
    let providers = PROVIDERS
        .get_or_init(|| Ok([Provider::load(None, "default")?, Provider::load(None, "legacy")?]));
    match providers {
        Ok(_) => Ok(()),
        Err(stack) => {
            Err(Error::crypto("cannot load OpenSSL's algorithms for PFX files", stack.clone()))
        }
    }
}
