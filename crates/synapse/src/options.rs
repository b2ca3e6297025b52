//! How one query's result is shaped.

/// Options of one query; [`Default`] suits most.
#[derive(Clone, Debug)]
pub struct QueryOptions {
    pub(crate) batch_rows: usize,
    pub(crate) max_batch_bytes: usize,
    pub(crate) prefetch_batches: usize,
    pub(crate) guid: GuidFormat,
    pub(crate) datetime_offset: DatetimeOffsetFormat,
    pub(crate) timestamp_unit: TimestampUnit,
}

/// How `uniqueidentifier` columns arrive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GuidFormat {
    /// `FixedSizeBinary(16)`, bytes in the order in which the text form shows them (RFC 9562),
    /// which is not the order SQL Server stores them in.
    #[default]
    Binary,
    /// `Utf8`, lower case with hyphens.
    Text,
}

/// How `datetimeoffset` columns arrive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DatetimeOffsetFormat {
    /// `Timestamp(…, "UTC")`: the instant; the offset it was written with is dropped.
    #[default]
    Utc,
    /// `Utf8` such as `2024-02-29 13:45:30.1234567 +05:30`: nothing is dropped.
    Text,
}

/// The unit of `datetime2`, `datetime`, `smalldatetime` and `datetimeoffset` columns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TimestampUnit {
    /// Covers the years 1 to 9999; the seventh digit of `datetime2(7)` is cut off.
    #[default]
    Microsecond,
    /// Keeps all seven digits; a value outside of 1677-09-21 to 2262-04-11 is an error.
    Nanosecond,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self {
            batch_rows: 8_192,
            max_batch_bytes: 32 << 20,
            prefetch_batches: 2,
            guid: GuidFormat::default(),
            datetime_offset: DatetimeOffsetFormat::default(),
            timestamp_unit: TimestampUnit::default(),
        }
    }
}

impl QueryOptions {
    /// Most rows in a batch: 1 or more, default 8,192; 0 counts as 1.
    #[must_use]
    pub fn with_batch_rows(mut self, rows: usize) -> Self {
        self.batch_rows = rows.max(1);
        self
    }

    /// Closes a batch early once its Arrow buffers hold this many bytes (default 32 MiB, at most
    /// 1 GiB). A batch may exceed it by what one read from the network brought, or by one row.
    #[must_use]
    pub fn with_max_batch_bytes(mut self, bytes: usize) -> Self {
        self.max_batch_bytes = bytes.min(1 << 30);
        self
    }

    /// How many finished batches may wait for the consumer (default 2, at least 1); with all of
    /// them waiting, the server is made to wait too.
    #[must_use]
    pub fn with_prefetch_batches(mut self, batches: usize) -> Self {
        self.prefetch_batches = batches.max(1);
        self
    }

    /// How `uniqueidentifier` columns arrive.
    #[must_use]
    pub fn with_guid(mut self, format: GuidFormat) -> Self {
        self.guid = format;
        self
    }

    /// How `datetimeoffset` columns arrive.
    #[must_use]
    pub fn with_datetime_offset(mut self, format: DatetimeOffsetFormat) -> Self {
        self.datetime_offset = format;
        self
    }

    /// The unit of timestamps.
    #[must_use]
    pub fn with_timestamp_unit(mut self, unit: TimestampUnit) -> Self {
        self.timestamp_unit = unit;
        self
    }
}
