//! How far a transfer is.

mod rate;

use std::{fmt, sync::Arc, time::Duration};

pub(crate) use self::rate::Rate;
use self::rate::time_left;

/// A moment of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that have arrived where they should be.
    pub bytes_done: u64,
    /// Bytes that there are, if that is known.
    pub bytes_total: Option<u64>,
    /// How fast it goes, in bytes a second, averaged over the last seconds; `None` at the start.
    pub bytes_per_second: Option<u64>,
    /// How long the rest takes at that rate, if both are known.
    pub time_left: Option<Duration>,
}

/// Called as a transfer advances, from whichever task advanced it. It must return quickly.
///
/// ```
/// # use azconnect_lake::{DownloadOptions, ProgressHook};
/// let options = DownloadOptions::default()
///     .with_progress(ProgressHook::new(|p| eprintln!("{} bytes", p.bytes_done)));
/// ```
#[derive(Clone)]
pub struct ProgressHook(Arc<dyn Fn(Progress) + Send + Sync>);

impl ProgressHook {
    /// Calls `hook` on every advance.
    pub fn new(hook: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hook))
    }

    pub(crate) fn call(
        &self,
        bytes_done: u64,
        bytes_total: Option<u64>,
        bytes_per_second: Option<u64>,
    ) {
        let left = bytes_total.map(|total| total.saturating_sub(bytes_done));
        let time_left = left.zip(bytes_per_second).and_then(|(left, speed)| time_left(left, speed));
        (self.0)(Progress { bytes_done, bytes_total, bytes_per_second, time_left });
    }
}

impl fmt::Debug for ProgressHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressHook")
    }
}
