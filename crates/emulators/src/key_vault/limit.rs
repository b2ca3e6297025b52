//! How many requests a vault takes within some seconds, and how long it sends the others away.
//!
//! The service counts transactions by vault and region; a request that it throttles is none. It
//! does not say whether one without a good token is. Here it is not, nor is one from behind the
//! firewall: strangers cannot use up what a vault's own callers may ask.
//!
//! Spec: <https://learn.microsoft.com/azure/key-vault/general/service-limits>,
//! <https://learn.microsoft.com/azure/key-vault/general/overview-throttling>

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::failure::Failure;
use crate::config::{RequestLimitConfig, VaultConfig};

/// The limit of every vault, in the order of the configuration.
#[derive(Debug)]
pub(super) struct Limits(Vec<(String, RequestLimit)>);

#[derive(Debug)]
struct RequestLimit {
    requests: usize,
    window: Duration,
    /// When those came that were let in within the window, the oldest first.
    let_in: Mutex<VecDeque<Instant>>,
}

impl Limits {
    pub(super) fn new(vaults: &[VaultConfig]) -> Self {
        let limit = |vault: &VaultConfig| {
            (vault.name.to_ascii_lowercase(), RequestLimit::new(vault.request_limit))
        };
        Self(vaults.iter().map(limit).collect())
    }

    /// Whether the vault takes one more request that comes now; counts it if so.
    pub(super) fn take(&self, vault: &str, now: Instant) -> Result<(), Failure> {
        let Some((_, limit)) = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(vault))
        else {
            return Ok(());
        };
        limit
            .take(now)
            .map_err(|wait| Failure::Throttled { retry_after_seconds: whole_seconds(wait) })
    }
}

impl RequestLimit {
    fn new(config: RequestLimitConfig) -> Self {
        Self {
            requests: usize::try_from(config.requests.get()).unwrap_or(usize::MAX),
            window: Duration::from_secs(config.seconds.get().into()),
            let_in: Mutex::default(),
        }
    }

    /// Lets a request in that comes now, or says how long it takes until the next one may.
    fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut let_in = self.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |then: &Instant| now.saturating_duration_since(*then);
        while let_in.front().is_some_and(|oldest| age(oldest) >= self.window) {
            let_in.pop_front();
        }
        match let_in.front() {
            Some(oldest) if let_in.len() >= self.requests => Err(self.window - age(oldest)),
            _ => {
                let_in.push_back(now);
                Ok(())
            }
        }
    }
}

/// Rounded up: whoever waits so long is let in. At least one.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limit(requests: u32, seconds: u32) -> RequestLimitConfig {
        RequestLimitConfig {
            requests: NonZeroU32::new(requests).unwrap(),
            seconds: NonZeroU32::new(seconds).unwrap(),
        }
    }

    #[test]
    fn a_window_slides_and_those_sent_away_do_not_count() {
        let limits = Limits::new(&[VaultConfig {
            name: "KV-demo".into(),
            request_limit: limit(2, 10),
            ..VaultConfig::default()
        }]);
        let start = Instant::now();
        let after = |milliseconds| match limits
            .take("kv-Demo", start + Duration::from_millis(milliseconds))
        {
            Ok(()) => 0,
            Err(Failure::Throttled { retry_after_seconds }) => retry_after_seconds,
            Err(other) => panic!("{other}"),
        };
        assert_eq!(after(0), 0);
        assert_eq!(after(4_000), 0);
        assert_eq!(after(4_000), 6);
        assert_eq!(after(4_001), 6, "rounded up");
        assert_eq!(after(9_000), 1);
        assert_eq!(after(9_999), 1, "at least one");
        assert_eq!(after(10_000), 0, "the first is 10 seconds ago");
        assert_eq!(after(10_001), 4, "the second is not");
        assert_eq!(after(14_000), 0);
        assert_eq!(after(14_000), 6);
    }

    #[test]
    fn each_vault_has_its_own_limit_and_4000_in_10_seconds_without_one() {
        let named = |name: &str| VaultConfig { name: name.into(), ..VaultConfig::default() };
        let limits = Limits::new(&[
            VaultConfig { request_limit: limit(1, 1), ..named("small") },
            named("usual"),
        ]);
        let now = Instant::now();
        limits.take("small", now).unwrap();
        limits.take("small", now).unwrap_err();
        for _ in 0..4_000 {
            limits.take("usual", now).unwrap();
        }
        let failure = limits.take("usual", now).unwrap_err();
        assert!(matches!(failure, Failure::Throttled { retry_after_seconds: 10 }), "{failure}");
        limits.take("usual", now + Duration::from_secs(10)).unwrap();
    }
}
