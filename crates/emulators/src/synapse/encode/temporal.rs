//! Dates and times. SQL Server counts days from year 1 (or 1900) and splits off the time of day;
//! Arrow counts one unit from 1970. What is finer than the column's scale is cut off.

use chrono::{DateTime, Offset, TimeZone};
use datafusion::arrow::{
    array::{ArrayRef, AsArray, Date32Array, PrimitiveArray, timezone::Tz},
    datatypes::{
        DataType, Date32Type, Int64Type, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
};

use super::{Unfit, put_bytes};
use crate::synapse::{metadata::Layout, sql_type::SqlType};

/// A column of dates.
#[derive(Debug)]
pub(super) struct DateCells {
    values: Date32Array,
}

impl DateCells {
    pub(super) fn new(array: &ArrayRef) -> Option<Self> {
        array.as_primitive_opt::<Date32Type>().cloned().map(|values| Self { values })
    }

    #[inline]
    pub(super) fn put(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let [a, b, c] = days_since_year_1(i64::from(self.values.value(row)))?;
        out.extend_from_slice(&[3, a, b, c]);
        Ok(())
    }
}

/// A column of times of day.
#[derive(Debug)]
pub(super) struct TimeCells {
    nanoseconds: PrimitiveArray<Time64NanosecondType>,
    time: TimeOfDay,
}

impl TimeCells {
    pub(super) fn new(scale: u8, array: &ArrayRef) -> Option<Self> {
        Some(Self {
            nanoseconds: array.as_primitive_opt()?.clone(),
            time: TimeOfDay::new(scale, TimeUnit::Nanosecond),
        })
    }

    pub(super) fn put(&self, row: usize, out: &mut Vec<u8>) {
        out.push(self.time.bytes as u8);
        self.time.put(self.nanoseconds.value(row), out);
    }
}

/// A column of points in time without a zone.
#[derive(Debug)]
pub(super) struct TimestampCells {
    instants: Instants,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    DateTime,
    DateTime2(TimeOfDay),
    SmallDateTime,
}

impl TimestampCells {
    pub(super) fn new(sql_type: SqlType, array: &ArrayRef) -> Option<Self> {
        let instants = Instants::new(array)?;
        let form = match sql_type {
            SqlType::DateTime => Form::DateTime,
            SqlType::DateTime2 { scale } => Form::DateTime2(TimeOfDay::new(scale, instants.unit)),
            SqlType::SmallDateTime => Form::SmallDateTime,
            _ => return None,
        };
        Some(Self { instants, form })
    }

    #[inline]
    pub(super) fn put(&self, row: usize, layout: Layout, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let (days, time) = self.instants.split(row);
        let per_second = per_second(self.instants.unit);
        match self.form {
            Form::DateTime2(time_of_day) => {
                out.push(time_of_day.bytes as u8 + 3);
                time_of_day.put(time, out);
                out.extend_from_slice(&days_since_year_1(days)?);
            }
            Form::DateTime => {
                // Three-hundredths of a second, rounded.
                let ticks = (time * 300 + per_second / 2) / per_second;
                let (days, ticks) = carry(days, ticks, 300 * SECONDS_PER_DAY);
                let days = i32::try_from(days + DAYS_TO_1900).map_err(|_| Unfit::Range)?;
                if !(DATETIME_FIRST_DAY..=DATETIME_LAST_DAY).contains(&days) {
                    return Err(Unfit::Range);
                }
                let [a, b, c, d] = days.to_le_bytes();
                let [e, f, g, h] = (ticks as u32).to_le_bytes();
                put_bytes([a, b, c, d, e, f, g, h], layout, out);
            }
            Form::SmallDateTime => {
                // From 29.999 seconds on, the minute is rounded up.
                let milliseconds = time.saturating_mul(1_000) / per_second;
                let minutes = (milliseconds + 30_001) / 60_000;
                let (days, minutes) = carry(days, minutes, 24 * 60);
                let days = u16::try_from(days + DAYS_TO_1900).map_err(|_| Unfit::Range)?;
                let [a, b] = days.to_le_bytes();
                let [c, d] = (minutes as u16).to_le_bytes();
                put_bytes([a, b, c, d], layout, out);
            }
        }
        Ok(())
    }
}

/// A column of points in time with a zone: the instant in UTC, then the offset at that instant.
#[derive(Debug)]
pub(super) struct DateTimeOffsetCells {
    instants: Instants,
    time: TimeOfDay,
    zone: Zone,
}

#[derive(Debug)]
enum Zone {
    /// Minutes east of Greenwich.
    Fixed(i16),
    Named(Tz),
}

impl DateTimeOffsetCells {
    pub(super) fn new(scale: u8, array: &ArrayRef) -> Option<Self> {
        let DataType::Timestamp(unit, Some(name)) = array.data_type() else { return None };
        let zone = name.parse::<Tz>().ok()?;
        let fixed = matches!(name.as_bytes(), [b'+' | b'-', ..] | b"UTC" | b"Z");
        let zone = if fixed { Zone::Fixed(minutes_at(&zone, 0)?) } else { Zone::Named(zone) };
        Some(Self { time: TimeOfDay::new(scale, *unit), instants: Instants::new(array)?, zone })
    }

    pub(super) fn put(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let (days, time) = self.instants.split(row);
        let minutes = match &self.zone {
            Zone::Fixed(minutes) => *minutes,
            Zone::Named(zone) => {
                let seconds = days * SECONDS_PER_DAY + time / per_second(self.instants.unit);
                minutes_at(zone, seconds).ok_or(Unfit::Range)?
            }
        };
        out.push(self.time.bytes as u8 + 5);
        self.time.put(time, out);
        out.extend_from_slice(&days_since_year_1(days)?);
        out.extend_from_slice(&minutes.to_le_bytes());
        Ok(())
    }
}

/// Points in time of any unit.
#[derive(Debug)]
struct Instants {
    values: PrimitiveArray<Int64Type>,
    unit: TimeUnit,
    per_day: i64,
}

impl Instants {
    fn new(array: &ArrayRef) -> Option<Self> {
        let DataType::Timestamp(unit, _) = array.data_type() else { return None };
        let values = match unit {
            TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.reinterpret_cast(),
            TimeUnit::Millisecond => {
                array.as_primitive_opt::<TimestampMillisecondType>()?.reinterpret_cast()
            }
            TimeUnit::Microsecond => {
                array.as_primitive_opt::<TimestampMicrosecondType>()?.reinterpret_cast()
            }
            TimeUnit::Nanosecond => {
                array.as_primitive_opt::<TimestampNanosecondType>()?.reinterpret_cast()
            }
        };
        Some(Self { values, unit: *unit, per_day: per_second(*unit) * SECONDS_PER_DAY })
    }

    /// The day from 1970 on, and the time of that day in the column's unit.
    #[inline]
    fn split(&self, row: usize) -> (i64, i64) {
        let value = self.values.value(row);
        (value.div_euclid(self.per_day), value.rem_euclid(self.per_day))
    }
}

/// How the time of a day is written: a number of 10^-scale seconds in three to five bytes.
#[derive(Debug, Clone, Copy)]
struct TimeOfDay {
    multiply: i64,
    divide: i64,
    bytes: usize,
}

impl TimeOfDay {
    fn new(scale: u8, unit: TimeUnit) -> Self {
        let digits = per_second(unit).ilog10();
        let scale = u32::from(scale);
        Self {
            multiply: 10_i64.pow(scale.saturating_sub(digits)),
            divide: 10_i64.pow(digits.saturating_sub(scale)),
            bytes: match scale {
                0..=2 => 3,
                3..=4 => 4,
                _ => 5,
            },
        }
    }

    #[inline]
    fn put(self, time: i64, out: &mut Vec<u8>) {
        let scaled = (time * self.multiply / self.divide).to_le_bytes();
        out.extend_from_slice(scaled.get(..self.bytes).unwrap_or_default());
    }
}

fn days_since_year_1(days: i64) -> Result<[u8; 3], Unfit> {
    let days = days + DAYS_TO_YEAR_1;
    if !(0..=LAST_DAY).contains(&days) {
        return Err(Unfit::Range);
    }
    let [a, b, c, ..] = days.to_le_bytes();
    Ok([a, b, c])
}

/// Rounding up the last moment of a day gives the first of the next.
fn carry(days: i64, time: i64, per_day: i64) -> (i64, i64) {
    if time == per_day { (days + 1, 0) } else { (days, time) }
}

/// How many minutes the zone is ahead of UTC then.
fn minutes_at(zone: &Tz, seconds: i64) -> Option<i16> {
    let instant = DateTime::from_timestamp(seconds, 0)?.naive_utc();
    let offset = zone.offset_from_utc_datetime(&instant).fix().local_minus_utc();
    i16::try_from(offset / 60).ok()
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

/// From 0001-01-01 to 1970-01-01.
const DAYS_TO_YEAR_1: i64 = 719_162;

/// 9999-12-31, counted from 0001-01-01.
const LAST_DAY: i64 = 3_652_058;

/// From 1900-01-01 to 1970-01-01.
const DAYS_TO_1900: i64 = 25_567;

/// 1753-01-01 and 9999-12-31, counted from 1900-01-01: what a datetime can hold.
const DATETIME_FIRST_DAY: i32 = -53_690;
const DATETIME_LAST_DAY: i32 = 2_958_463;
