//! The names of secrets, and the percent-encoding they arrive in.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;

use super::failure::Failure;

/// A name that a secret can have. Names compare without case; this one keeps its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretName(String);

impl SecretName {
    /// Spec: <https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret>, the
    /// pattern of `secret-name`.
    pub(super) fn parse(name: &str) -> Result<Self, Failure> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(Failure::InvalidName(name.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// What names are compared by.
    pub(super) fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The segments of a path, each decoded after the path was split, so that an encoded slash stays
/// part of a name, where it is refused.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, str>> {
    // Clients send `/secrets/<name>/` when no version is given.
    path.trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy())
        .collect()
}

/// Whether the segment after a name is a version; the service takes any other for an operation.
pub(super) fn is_version(segment: &str) -> bool {
    segment.len() == VERSION_BYTES && segment.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const MAX_NAME_BYTES: usize = 127;

const VERSION_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_127_letters_digits_and_hyphens() {
        let longest = "a".repeat(127);
        for name in ["a", "A-0", "-", longest.as_str()] {
            assert_eq!(SecretName::parse(name).unwrap().as_str(), name);
        }
        let too_long = "a".repeat(128);
        for name in ["", "a_b", "a.b", "a b", "..", "a/b", "ä", "a\0", too_long.as_str()] {
            let failure = SecretName::parse(name).unwrap_err();
            assert!(matches!(&failure, Failure::InvalidName(wrong) if wrong == name), "{failure}");
        }
    }

    #[test]
    fn an_encoded_slash_stays_in_its_segment() {
        assert_eq!(segments("/secrets/a%2Fb/"), ["secrets", "a/b"]);
        assert_eq!(segments("//secrets/%2e%2e/versions"), ["secrets", "..", "versions"]);
        assert_eq!(segments("/secrets/%41"), ["secrets", "A"]);
        assert_eq!(segments("/secrets//versions"), ["secrets", "", "versions"]);
        assert_eq!(segments("/secrets/%ff"), ["secrets", "\u{fffd}"]);
    }

    #[test]
    fn a_version_has_32_hexadecimal_digits() {
        assert!(is_version("0123456789abcdef0123456789ABCDEF"));
        for other in ["latest", "0123456789abcdef", "0123456789abcdef0123456789abcdeg"] {
            assert!(!is_version(other), "{other}");
        }
    }
}
