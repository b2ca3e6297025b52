//! Dates and times.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/786f5b8a-f87d-4980-9070-b9b7274c681d>

use arrow::array::ArrayRef;
use arrow::datatypes::{
    DataType, Date32Type, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampNanosecondType,
};

use super::{
    Decoder, ValueFault, Values,
    number::{Convert, Primitive, WRONG_LENGTH},
    text::TextBuffer,
};
use crate::options::TimestampUnit;

/// From 0001-01-01, day 0 of `date`, to 1970-01-01, day 0 of Arrow.
const EPOCH_IN_DATE_DAYS: i64 = 719_162;
/// 9999-12-31, counted from 0001-01-01.
const LAST_DATE_DAY: i64 = 3_652_058;
/// From 1970-01-01 back to 1900-01-01, day 0 of `datetime`.
const DATETIME_EPOCH_DAY: i64 = -25_567;

const OUTSIDE_CALENDAR: ValueFault =
    ValueFault::Invalid("the server sent a time that is in no calendar");
const OUTSIDE_NANOSECONDS: ValueFault =
    ValueFault::OutOfRange("a time before 1677-09-21 or after 2262-04-11 has no nanoseconds");

pub(super) fn date(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<3, Date32Type, _>::new(DataType::Date32, rows, Dates::default()))
}

/// `time(n)`: nanoseconds if it has seven digits, else microseconds.
pub(super) fn time(scale: u8, rows: usize) -> (DataType, Box<dyn Decoder>) {
    let data_type = DataType::Time64(match scale {
        7 => TimeUnit::Nanosecond,
        _ => TimeUnit::Microsecond,
    });
    let clock = Clock::new(scale, if scale == 7 { 9 } else { 6 });
    let convert = Times { clock, wrong: false };
    let of_type = data_type.clone();
    let decoder: Box<dyn Decoder> = match scale {
        0..=2 => Box::new(Primitive::<3, Time64MicrosecondType, _>::new(of_type, rows, convert)),
        3..=4 => Box::new(Primitive::<4, Time64MicrosecondType, _>::new(of_type, rows, convert)),
        5..=6 => Box::new(Primitive::<5, Time64MicrosecondType, _>::new(of_type, rows, convert)),
        _ => Box::new(Primitive::<5, Time64NanosecondType, _>::new(of_type, rows, convert)),
    };
    (data_type, decoder)
}

/// `smalldatetime`: days since 1900 and minutes.
pub(super) fn small_datetime(unit: TimestampUnit, rows: usize) -> (DataType, Box<dyn Decoder>) {
    timestamps::<4, _>(unit, None, rows, |bytes| {
        let days = u16::from_le_bytes([bytes[0], bytes[1]]);
        let minutes = i64::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        let day = DATETIME_EPOCH_DAY + i64::from(days);
        (minutes < 24 * 60).then_some(Instant { day, nanoseconds: minutes * 60_000_000_000 })
    })
}

/// `datetime`: days since 1900 and three-hundredths of a second.
///
/// SQL Server shows these rounded to milliseconds (.000, .003, .007); so does this.
pub(super) fn datetime(unit: TimestampUnit, rows: usize) -> (DataType, Box<dyn Decoder>) {
    timestamps::<8, _>(unit, None, rows, |bytes| {
        let [a, b, c, d, e, f, g, h] = bytes;
        let day = DATETIME_EPOCH_DAY + i64::from(i32::from_le_bytes([a, b, c, d]));
        let ticks = i64::from(u32::from_le_bytes([e, f, g, h]));
        let milliseconds = (ticks * 10 + 1) / 3;
        (ticks < 86_400 * 300).then_some(Instant { day, nanoseconds: milliseconds * 1_000_000 })
    })
}

/// `datetime2(n)`: a time of 3 to 5 bytes, then a date of 3.
pub(super) fn datetime2(
    scale: u8,
    unit: TimestampUnit,
    rows: usize,
) -> (DataType, Box<dyn Decoder>) {
    let clock = Clock::new(scale, 9);
    match time_bytes(scale) {
        3 => timestamps::<6, _>(unit, None, rows, move |bytes| clock.instant::<6, 3>(&bytes)),
        4 => timestamps::<7, _>(unit, None, rows, move |bytes| clock.instant::<7, 4>(&bytes)),
        _ => timestamps::<8, _>(unit, None, rows, move |bytes| clock.instant::<8, 5>(&bytes)),
    }
}

/// `datetimeoffset(n)`: as `datetime2(n)`, in UTC, then the offset it was written with.
pub(super) fn datetime_offset(
    scale: u8,
    unit: TimestampUnit,
    rows: usize,
) -> (DataType, Box<dyn Decoder>) {
    let clock = Clock::new(scale, 9);
    let zone = Some("UTC");
    match time_bytes(scale) {
        3 => timestamps::<8, _>(unit, zone, rows, move |bytes| clock.instant::<8, 3>(&bytes)),
        4 => timestamps::<9, _>(unit, zone, rows, move |bytes| clock.instant::<9, 4>(&bytes)),
        _ => timestamps::<10, _>(unit, zone, rows, move |bytes| clock.instant::<10, 5>(&bytes)),
    }
}

fn time_bytes(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// A day since 1970 and the nanoseconds since its midnight.
#[derive(Clone, Copy, Debug)]
struct Instant {
    day: i64,
    nanoseconds: i64,
}

fn timestamps<const N: usize, F>(
    unit: TimestampUnit,
    zone: Option<&str>,
    rows: usize,
    read: F,
) -> (DataType, Box<dyn Decoder>)
where
    F: Fn([u8; N]) -> Option<Instant> + Send + 'static,
{
    let data_type = unit.data_type(zone);
    let of_type = data_type.clone();
    let decoder: Box<dyn Decoder> = match unit {
        TimestampUnit::Microsecond => {
            let convert = Timestamps { read, nanoseconds: false, wrong: false, outside: false };
            Box::new(Primitive::<N, TimestampMicrosecondType, _>::new(of_type, rows, convert))
        }
        TimestampUnit::Nanosecond => {
            let convert = Timestamps { read, nanoseconds: true, wrong: false, outside: false };
            Box::new(Primitive::<N, TimestampNanosecondType, _>::new(of_type, rows, convert))
        }
    };
    (data_type, decoder)
}

struct Timestamps<F> {
    read: F,
    nanoseconds: bool,
    wrong: bool,
    outside: bool,
}

impl<const N: usize, F> Convert<N, i64> for Timestamps<F>
where
    F: Fn([u8; N]) -> Option<Instant> + Send,
{
    #[inline(always)]
    fn convert(&mut self, bytes: [u8; N]) -> i64 {
        let Some(Instant { day, nanoseconds }) = (self.read)(bytes) else {
            self.wrong = true;
            return 0;
        };
        self.wrong |= !(-EPOCH_IN_DATE_DAYS..=LAST_DATE_DAY - EPOCH_IN_DATE_DAYS).contains(&day);
        if self.nanoseconds {
            let midnight = i128::from(day) * 86_400_000_000_000;
            i64::try_from(midnight + i128::from(nanoseconds)).unwrap_or_else(|_| {
                self.outside = true;
                0
            })
        } else {
            // At most 2^33 days of 2^37 microseconds: no overflow, even for wrong days.
            day.wrapping_mul(86_400_000_000).wrapping_add(nanoseconds / 1_000)
        }
    }

    fn verdict(&self) -> Result<(), ValueFault> {
        if self.wrong {
            Err(OUTSIDE_CALENDAR)
        } else if self.outside {
            Err(OUTSIDE_NANOSECONDS)
        } else {
            Ok(())
        }
    }
}

/// Reads times that count units of ten to the minus `scale` seconds.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ticks_per_day: i64,
    factor: i64,
}

impl Clock {
    /// `digits`: those of the unit read into, 6 or 9; at least `scale`.
    fn new(scale: u8, digits: u8) -> Self {
        let power = |exponent: u8| 10_i64.pow(exponent.into());
        Self { ticks_per_day: 86_400 * power(scale), factor: power(digits - scale) }
    }

    #[inline(always)]
    fn time(&self, ticks: i64) -> Option<i64> {
        (ticks < self.ticks_per_day).then_some(ticks * self.factor)
    }

    /// A time of `T` bytes, then a date of three; what follows is ignored.
    #[inline(always)]
    fn instant<const N: usize, const T: usize>(&self, bytes: &[u8; N]) -> Option<Instant> {
        let ticks = little_endian(bytes.first_chunk::<T>()?);
        let date = little_endian(bytes.get(T..)?.first_chunk::<3>()?);
        let nanoseconds = self.time(ticks)?;
        Some(Instant { day: date - EPOCH_IN_DATE_DAYS, nanoseconds })
    }
}

/// A number of up to seven bytes.
#[inline(always)]
fn little_endian<const N: usize>(bytes: &[u8; N]) -> i64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(bytes);
    i64::from_le_bytes(wide)
}

struct Times {
    clock: Clock,
    wrong: bool,
}

impl<const N: usize> Convert<N, i64> for Times {
    fn convert(&mut self, bytes: [u8; N]) -> i64 {
        self.clock.time(little_endian(&bytes)).unwrap_or_else(|| {
            self.wrong = true;
            0
        })
    }

    fn verdict(&self) -> Result<(), ValueFault> {
        if self.wrong { Err(OUTSIDE_CALENDAR) } else { Ok(()) }
    }
}

#[derive(Default)]
struct Dates {
    wrong: bool,
}

impl Convert<3, i32> for Dates {
    fn convert(&mut self, bytes: [u8; 3]) -> i32 {
        let days = little_endian(&bytes);
        self.wrong |= days > LAST_DATE_DAY;
        // Three bytes minus a constant fit.
        (days - EPOCH_IN_DATE_DAYS) as i32
    }

    fn verdict(&self) -> Result<(), ValueFault> {
        if self.wrong { Err(OUTSIDE_CALENDAR) } else { Ok(()) }
    }
}

/// `datetimeoffset(n)` as text, with the offset it was written with.
pub(super) struct OffsetText {
    scale: u8,
    clock: Clock,
    buffer: TextBuffer,
}

impl OffsetText {
    pub(super) fn new(scale: u8, rows: usize) -> Self {
        Self { scale, clock: Clock::new(scale, 9), buffer: TextBuffer::new(rows) }
    }

    fn read(&self, bytes: &[u8]) -> Option<(Instant, i64)> {
        let clock = &self.clock;
        let (instant, offset) = match bytes.len() - 5 {
            3 => (clock.instant::<8, 3>(bytes.first_chunk()?)?, bytes.last_chunk()?),
            4 => (clock.instant::<9, 4>(bytes.first_chunk()?)?, bytes.last_chunk()?),
            _ => (clock.instant::<10, 5>(bytes.first_chunk()?)?, bytes.last_chunk()?),
        };
        let offset = i64::from(i16::from_le_bytes(*offset));
        // SQL Server allows 14 hours either way.
        (offset.abs() <= 14 * 60).then_some((instant, offset))
    }
}

impl Decoder for OffsetText {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        let expected = time_bytes(self.scale) + 5;
        for slot in values.slots {
            if !slot.is_null() {
                let bytes = slot.bytes(values.data).ok_or(WRONG_LENGTH)?;
                if bytes.len() != expected {
                    return Err(WRONG_LENGTH);
                }
                let (instant, offset) = self.read(bytes).ok_or(OUTSIDE_CALENDAR)?;
                let text = format_local(instant, offset, self.scale).ok_or(OUTSIDE_CALENDAR)?;
                self.buffer.bytes_mut().extend_from_slice(text.as_bytes());
            }
            self.buffer.close_value()?;
        }
        self.buffer.append_validity(values);
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.buffer.byte_size()
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        self.buffer.finish()
    }
}

fn format_local(utc: Instant, offset_minutes: i64, scale: u8) -> Option<String> {
    const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;
    let local = utc.nanoseconds + offset_minutes * 60_000_000_000;
    let day = utc.day + local.div_euclid(NANOSECONDS_PER_DAY);
    let time = local.rem_euclid(NANOSECONDS_PER_DAY);
    let (year, month, day) = civil_date(day)?;
    let seconds = time / 1_000_000_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}");
    if scale > 0 {
        let fraction = time % 1_000_000_000 / 10_i64.pow(9 - u32::from(scale));
        text.push_str(&format!(".{fraction:0width$}", width = scale.into()));
    }
    let sign = if offset_minutes < 0 { '-' } else { '+' };
    let minutes = offset_minutes.abs();
    text.push_str(&format!(" {sign}{:02}:{:02}", minutes / 60, minutes % 60));
    Some(text)
}

/// Year, month and day of a day since 1970, for the years 1 to 9999.
///
/// Counts in 400-year cycles of years that begin in March, so that the leap day comes last.
fn civil_date(day: i64) -> Option<(i64, i64, i64)> {
    let since_march_0000 = day + 719_468;
    let cycle = since_march_0000.div_euclid(146_097);
    let day_of_cycle = since_march_0000.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = cycle * 400 + year_of_cycle + i64::from(month <= 2);
    (1..=9_999).contains(&year).then_some((year, month, day))
}

#[cfg(test)]
mod tests;
