//! The platform's own cache: Azure gives a machine the same token again until shortly before it
//! ends, so that a new role or a new group can take a day to show.
//!
//! Spec: <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations>

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use time::{Duration, OffsetDateTime};

use super::managed::{LIFETIME, TokenAnswer};
use crate::error::Result;

/// Answers by what was asked for.
#[derive(Default)]
pub(crate) struct TokenCache(Mutex<HashMap<Key, Cached>>);

/// What a token is good for.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) object_id: String,
    pub(crate) resource: String,
    pub(crate) capabilities: Vec<String>,
}

struct Cached {
    answer: TokenAnswer,
    until: OffsetDateTime,
}

impl TokenCache {
    /// The answer given before if it still serves, else the one that `sign` makes.
    ///
    /// `stale`: the SHA-256 digest, in hex, of a token that was revoked, and must not be this one.
    pub(crate) fn get(
        &self,
        key: Key,
        now: OffsetDateTime,
        stale: Option<&str>,
        sign: impl FnOnce() -> Result<TokenAnswer>,
    ) -> Result<TokenAnswer> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + LIFETIME - MARGIN;
        match cached.entry(key) {
            Entry::Vacant(entry) => {
                Ok(entry.insert(Cached { answer: sign()?, until }).answer.clone())
            }
            Entry::Occupied(mut entry) => {
                if !entry.get().serves(now, stale) {
                    entry.insert(Cached { answer: sign()?, until });
                }
                Ok(entry.get().answer.clone())
            }
        }
    }
}

impl Cached {
    fn serves(&self, now: OffsetDateTime, stale: Option<&str>) -> bool {
        let is_stale = || {
            let digest = digest(&SHA256, self.answer.access_token.as_bytes());
            let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            stale.is_some_and(|stale| stale.eq_ignore_ascii_case(&digest))
        };
        now < self.until && !is_stale()
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").finish_non_exhaustive()
    }
}

/// How long before its end a token is replaced, so that no caller gets one that ends at once.
const MARGIN: Duration = Duration::minutes(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn key(resource: &str) -> Key {
        Key { object_id: "o".into(), resource: resource.into(), capabilities: Vec::new() }
    }

    #[test]
    fn a_token_is_given_again_until_shortly_before_its_end() {
        let cache = TokenCache::default();
        let start = OffsetDateTime::UNIX_EPOCH;
        let get = |resource, after: Duration, stale: Option<&str>, made: &str| {
            let sign = || Ok(TokenAnswer::sample(made));
            cache.get(key(resource), start + after, stale, sign).unwrap().access_token
        };
        assert_eq!(get("a", Duration::ZERO, None, "1"), "1");
        assert_eq!(get("b", Duration::ZERO, None, "2"), "2");
        assert_eq!(get("a", Duration::minutes(24 * 60 - 11), None, "3"), "1");
        assert_eq!(get("a", Duration::minutes(24 * 60 - 10), None, "4"), "4");
        // `printf 4 | sha256sum`
        let digest = "4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a";
        assert_eq!(get("a", Duration::DAY, Some("00"), "5"), "4");
        assert_eq!(get("a", Duration::DAY, Some(digest), "6"), "6");
        assert_eq!(get("a", Duration::DAY, Some(digest), "7"), "6", "that one is replaced already");
    }
}
