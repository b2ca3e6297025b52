//! Moments as the service writes them: entity tags, HTTP dates, Windows file times.
//!
//! One moment gives an entry its entity tag, its `Last-Modified` and the file's time of change on
//! disk, so a restart finds the entity tags of files unchanged.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

/// A moment, in ticks of 100 ns since 1 January of the year 1, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

/// Gives out moments, each later than the one before, so that no two entity tags are equal.
#[derive(Debug, Default)]
pub(crate) struct StampClock {
    last: AtomicU64,
    /// How far a test has put it forward, in ticks.
    ahead: AtomicU64,
}

impl StampClock {
    /// The present moment, or the first later one not yet given out.
    pub(crate) fn next(&self) -> Stamp {
        let now = self.now().0;
        let before = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)))
            .unwrap_or_else(|last| last);
        Stamp(now.max(before + 1))
    }

    /// The present moment.
    pub(crate) fn now(&self) -> Stamp {
        let ahead = self.ahead.load(Ordering::SeqCst);
        Stamp(Stamp::from_system_time(SystemTime::now()).0.saturating_add(ahead))
    }

    /// Puts the clock forward, so that what takes time has taken it.
    pub(crate) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(ticks(by), Ordering::SeqCst);
    }
}

impl Stamp {
    /// The moment of a file's time of change; one before 1970 counts as 1970.
    pub(crate) fn from_system_time(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let ticks = u64::try_from(since_epoch.as_nanos() / 100).unwrap_or(u64::MAX / 2);
        Self(TICKS_AT_UNIX_EPOCH + ticks)
    }

    /// The same moment for the file system.
    pub(crate) fn to_system_time(self) -> SystemTime {
        let ticks = self.0.saturating_sub(TICKS_AT_UNIX_EPOCH);
        UNIX_EPOCH
            + Duration::new(ticks / TICKS_PER_SECOND, (ticks % TICKS_PER_SECOND) as u32 * 100)
    }

    /// The moment of whole seconds since 1970; one before counts as 1970.
    pub(crate) fn from_unix_seconds(seconds: i64) -> Self {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        Self(TICKS_AT_UNIX_EPOCH.saturating_add(seconds.saturating_mul(TICKS_PER_SECOND)))
    }

    /// The moment so much later.
    pub(crate) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(ticks(span)))
    }

    /// How much later this is than `other`; nothing if it is earlier.
    pub(crate) fn since(self, other: Self) -> Duration {
        let ticks = self.0.saturating_sub(other.0);
        Duration::new(ticks / TICKS_PER_SECOND, (ticks % TICKS_PER_SECOND) as u32 * 100)
    }

    /// The entity tag without its quotes, as listings spell it.
    pub(crate) fn bare_etag(self) -> String {
        format!("0x{:X}", self.0)
    }

    /// The entity tag with its quotes, as headers spell it.
    pub(crate) fn etag(self) -> String {
        format!("\"0x{:X}\"", self.0)
    }

    /// The moment as `Last-Modified` spells it.
    pub(crate) fn http_date(self) -> String {
        http_date(
            OffsetDateTime::from_unix_timestamp(self.unix_seconds())
                .unwrap_or(OffsetDateTime::UNIX_EPOCH),
        )
    }

    /// Ticks since 1601, which listings give as the time of creation.
    pub(crate) fn file_time(self) -> u64 {
        self.0.saturating_sub(TICKS_AT_FILE_TIME_EPOCH)
    }

    /// Whole seconds since 1970: conditions compare no finer, for HTTP dates carry no more.
    pub(crate) fn unix_seconds(self) -> i64 {
        (self.0.saturating_sub(TICKS_AT_UNIX_EPOCH) / TICKS_PER_SECOND) as i64
    }
}

/// Formats a moment as HTTP wants it: `Sun, 06 Nov 1994 08:49:37 GMT`.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub(crate) fn http_date(moment: OffsetDateTime) -> String {
    moment.format(HTTP_DATE).unwrap_or_default()
}

/// Parses an HTTP date, in the one form that senders may use, to seconds since 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    time::PrimitiveDateTime::parse(text, HTTP_DATE)
        .ok()
        .map(|moment| moment.assume_utc().unix_timestamp())
}

fn ticks(span: Duration) -> u64 {
    u64::try_from(span.as_nanos() / 100).unwrap_or(u64::MAX / 4)
}

const HTTP_DATE: &[BorrowedFormatItem<'static>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const TICKS_PER_SECOND: u64 = 10_000_000;
const TICKS_AT_UNIX_EPOCH: u64 = 621_355_968_000_000_000;
const TICKS_AT_FILE_TIME_EPOCH: u64 = 504_911_232_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    // The example date of RFC 9110, section 5.6.7.
    #[test]
    fn http_dates_are_read_and_written_as_the_rfc_shows() {
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse_http_date(text), Some(784_111_777));
        assert_eq!(http_date(OffsetDateTime::from_unix_timestamp(784_111_777).unwrap()), text);
        assert_eq!(parse_http_date("1994-11-06T08:49:37Z"), None);
    }

    // Ticks by .NET: `new DateTime(1994, 11, 6, 8, 49, 37, DateTimeKind.Utc).Ticks`.
    #[test]
    fn a_stamp_survives_the_way_through_a_file_time() {
        let stamp = Stamp::from_system_time(UNIX_EPOCH + Duration::from_secs(784_111_777));
        assert_eq!(stamp.0, 629_197_085_770_000_000);
        assert_eq!(Stamp::from_system_time(stamp.to_system_time()), stamp);
        assert_eq!(stamp.etag(), "\"0x8BB5B6A77082680\"");
    }

    #[test]
    fn a_clock_put_forward_is_later_by_that_much() {
        let clock = StampClock::default();
        let before = clock.now();
        clock.advance(Duration::from_secs(60));
        let rest = clock.now().since(before).saturating_sub(Duration::from_secs(60));
        assert!(rest < Duration::from_secs(30), "{rest:?}");
        assert!(clock.next() > before.after(Duration::from_secs(59)));
    }

    #[test]
    fn no_two_stamps_are_equal() {
        let clock = StampClock::default();
        let stamps: Vec<_> = (0..1000).map(|_| clock.next()).collect();
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
