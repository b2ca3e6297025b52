//! The one place where the program reads its environment.

use std::ffi::OsString;

use secrecy::SecretString;

/// The process environment, as a value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Environment;

impl Environment {
    /// The variable's value, or `None` if it is unset, empty or not Unicode.
    #[expect(
        clippy::disallowed_methods,
        reason = "programs read the environment here and nowhere else"
    )]
    #[expect(clippy::unused_self, reason = "a value, so that it is passed and not reached for")]
    pub(crate) fn get(self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    /// A variable that holds a secret.
    pub(crate) fn secret(self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }

    /// A variable that holds paths.
    #[expect(clippy::unused_self, reason = "a value, so that it is passed and not reached for")]
    pub(crate) fn os(self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    /// Every variable whose name and value are Unicode.
    #[expect(clippy::unused_self, reason = "a value, so that it is passed and not reached for")]
    pub(crate) fn all(self) -> impl Iterator<Item = (String, SecretString)> {
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, SecretString::from(value.into_string().ok()?)))
        })
    }
}
