//! Parameters of remote procedure calls: their types and values as a client sends them.
//!
//! Spec: MS-TDS 2.2.5.4, 2.2.5.5 and 2.2.6.6

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use datafusion::arrow::datatypes::{DataType, TimeUnit};

use super::{
    collation::Collation,
    cursor::{Cursor, ProtocolError, utf16},
    metadata::token,
};

/// A parameter of a call.
pub(super) struct Parameter {
    /// With its `@`; empty if parameters are given by position.
    pub(super) name: String,
    pub(super) value: TypedValue,
}

/// A value with the type it is to have within a statement.
#[derive(Clone)]
pub(super) struct TypedValue {
    pub(super) data_type: DataType,
    pub(super) content: Content,
}

/// A value as text that can be cast to its type, or as bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    Null,
    Text(String),
}

impl Parameter {
    pub(super) fn parse(request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let name = request.b_varchar()?;
        let _status = request.u8()?;
        Ok(Self { name, value: TypedValue::parse(request)? })
    }
}

impl TypedValue {
    pub(super) fn null(data_type: DataType) -> Self {
        Self { data_type, content: Content::Null }
    }

    fn text(data_type: DataType, text: impl fmt::Display) -> Self {
        Self { data_type, content: Content::Text(text.to_string()) }
    }

    /// The text of a text parameter: a statement, a list of parameters.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) if self.data_type == DataType::Utf8 => Some(text),
            _ => None,
        }
    }

    /// The number of an integer parameter: a handle, an option.
    pub(super) fn as_int(&self) -> Option<i64> {
        match &self.content {
            Content::Text(text) if self.data_type.is_integer() => text.parse().ok(),
            _ => None,
        }
    }

    fn parse(request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        match request.u8()? {
            NULL => Ok(Self::null(DataType::Null)),
            fixed @ (0x30 | 0x32 | 0x34 | 0x38 | 0x3a..=0x3e | 0x7a | 0x7f) => {
                Self::fixed(fixed, request)
            }
            nullable
            @ (token::INT | token::BIT | token::FLOAT | token::MONEY | token::DATETIME) => {
                let width = request.u8()?;
                let fixed = fixed_type(nullable, width)?;
                Ok(match request.u8()? {
                    0 => Self::null(type_of(fixed)?),
                    length if length == width => Self::fixed(fixed, request)?,
                    _ => return Err(WRONG_LENGTH),
                })
            }
            token::DECIMAL | NUMERIC => Self::decimal(request),
            token::GUID => {
                let _width = request.u8()?;
                Self::guid(request)
            }
            token::DATE => Ok(match request.u8()? {
                0 => Self::null(DataType::Date32),
                3 => Self::text(DataType::Date32, date(request)?),
                _ => return Err(WRONG_LENGTH),
            }),
            temporal @ (token::TIME | token::DATETIME2 | token::DATETIMEOFFSET) => {
                let scale = request.u8()?;
                if scale > 7 {
                    return Err(ProtocolError("a time has more than seven decimal places"));
                }
                Self::time(temporal, scale, request)
            }
            token::NVARCHAR | token::NCHAR => {
                let most = request.u16()?;
                request.bytes(COLLATION_BYTES)?;
                Self::of_text(variable(most, request)?, utf16)
            }
            token::BIG_VARCHAR | token::BIG_CHAR => {
                let most = request.u16()?;
                let collation = collation(request)?;
                Self::of_text(variable(most, request)?, |bytes| {
                    Ok(Collation::decode(collation, bytes))
                })
            }
            token::BIG_VARBINARY | token::BIG_BINARY => {
                let most = request.u16()?;
                Ok(Self::of_bytes(variable(most, request)?))
            }
            NTEXT => {
                request.u32()?;
                request.bytes(COLLATION_BYTES)?;
                Self::of_text(long(request)?, utf16)
            }
            TEXT => {
                request.u32()?;
                let collation = collation(request)?;
                Self::of_text(long(request)?, |bytes| Ok(Collation::decode(collation, bytes)))
            }
            IMAGE => {
                request.u32()?;
                Ok(Self::of_bytes(long(request)?))
            }
            _ => Err(ProtocolError("a parameter is of a type that is not supported")),
        }
    }

    /// A value of a type whose length is known from its token.
    fn fixed(token: u8, request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let data_type = type_of(token)?;
        Ok(match token {
            0x30 => Self::text(data_type, request.u8()?),
            0x32 => Self::text(data_type, request.u8()? != 0),
            0x34 => Self::text(data_type, request.i16()?),
            0x38 => Self::text(data_type, request.i32()?),
            0x7f => Self::text(data_type, request.i64()?),
            0x3b => Self::text(data_type, format_args!("{:e}", request.f32()?)),
            0x3e => Self::text(data_type, format_args!("{:e}", request.f64()?)),
            0x3c => {
                let high = i64::from(request.i32()?);
                let low = i64::from(request.u32()?);
                Self::text(data_type, Unscaled { value: i128::from(high << 32 | low), scale: 4 })
            }
            0x7a => {
                let value = i128::from(request.i32()?);
                Self::text(data_type, Unscaled { value, scale: 4 })
            }
            0x3d => {
                let days = i64::from(request.i32()?);
                // Three-hundredths of a second, shown as the nearest millisecond.
                let ticks = i64::from(request.u32()?);
                let time = TimeDelta::milliseconds((ticks * 10 + 1) / 3);
                Self::text(data_type, instant(YEAR_1900, days, time)?)
            }
            0x3a => {
                let days = i64::from(request.u16()?);
                let time = TimeDelta::minutes(i64::from(request.u16()?));
                Self::text(data_type, instant(YEAR_1900, days, time)?)
            }
            _ => return Err(ProtocolError("a parameter is of a type that is not supported")),
        })
    }

    fn decimal(request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let _width = request.u8()?;
        let precision = request.u8()?;
        let scale = request.u8()?;
        if !(1..=38).contains(&precision) || scale > precision {
            return Err(ProtocolError("a decimal has an impossible precision"));
        }
        let data_type = DataType::Decimal128(precision, scale.cast_signed());
        let length = request.u8()?;
        let Some(bytes) = length.checked_sub(1) else { return Ok(Self::null(data_type)) };
        let negative = request.u8()? == 0;
        let mut magnitude = [0; 16];
        magnitude
            .get_mut(..usize::from(bytes))
            .ok_or(WRONG_LENGTH)?
            .copy_from_slice(request.bytes(usize::from(bytes))?);
        let magnitude = i128::from_le_bytes(magnitude);
        if !(0..10_i128.pow(u32::from(precision))).contains(&magnitude) {
            return Err(ProtocolError("a decimal has more digits than its precision"));
        }
        let value = if negative { -magnitude } else { magnitude };
        Ok(Self::text(data_type, Unscaled { value, scale }))
    }

    fn guid(request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let data_type = DataType::FixedSizeBinary(16);
        Ok(match request.u8()? {
            0 => Self::null(data_type),
            16 => {
                let bytes = request.bytes(16)?.try_into().map_err(|_| WRONG_LENGTH)?;
                let guid = uuid::Uuid::from_bytes_le(bytes);
                Self { data_type, content: Content::Bytes(guid.as_bytes().to_vec()) }
            }
            _ => return Err(WRONG_LENGTH),
        })
    }

    fn time(token: u8, scale: u8, request: &mut Cursor<'_>) -> Result<Self, ProtocolError> {
        let unit = match (token, scale) {
            (token::TIME, _) | (_, 7) => TimeUnit::Nanosecond,
            _ => TimeUnit::Microsecond,
        };
        let data_type = match token {
            token::TIME => DataType::Time64(unit),
            token::DATETIME2 => DataType::Timestamp(unit, None),
            _ => DataType::Timestamp(unit, Some("+00:00".into())),
        };
        let length = request.u8()?;
        if length == 0 {
            return Ok(Self::null(data_type));
        }
        let time_bytes = match scale {
            0..=2 => 3,
            3..=4 => 4,
            _ => 5,
        };
        let expected = time_bytes
            + match token {
                token::TIME => 0,
                token::DATETIME2 => 3,
                _ => 5,
            };
        if usize::from(length) != expected {
            return Err(WRONG_LENGTH);
        }
        let ticks = request.uint(time_bytes)?;
        let nanoseconds = i64::try_from(ticks)
            .ok()
            .and_then(|ticks| ticks.checked_mul(10_i64.pow(9 - u32::from(scale))))
            .filter(|nanoseconds| *nanoseconds < NANOSECONDS_PER_DAY)
            .ok_or(ProtocolError("a time is later than its day"))?;
        let time = TimeDelta::nanoseconds(nanoseconds);
        if token == token::TIME {
            return Ok(Self::text(data_type, NaiveTime::MIN + time));
        }
        let days = request.uint(3)?.cast_signed();
        if token == token::DATETIMEOFFSET {
            // What is sent is in UTC already.
            request.i16()?;
        }
        let text = instant(YEAR_1, days, time)?;
        Ok(match data_type {
            DataType::Timestamp(_, Some(_)) => Self::text(data_type, format_args!("{text}Z")),
            _ => Self::text(data_type, text),
        })
    }

    fn of_text(
        bytes: Option<Vec<u8>>,
        decode: impl FnOnce(&[u8]) -> Result<String, ProtocolError>,
    ) -> Result<Self, ProtocolError> {
        Ok(match bytes {
            None => Self::null(DataType::Utf8),
            Some(bytes) => {
                Self { data_type: DataType::Utf8, content: Content::Text(decode(&bytes)?) }
            }
        })
    }

    fn of_bytes(bytes: Option<Vec<u8>>) -> Self {
        Self { data_type: DataType::Binary, content: bytes.map_or(Content::Null, Content::Bytes) }
    }
}

/// Values are the user's data, and show up in no log.
impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.value.data_type)
    }
}

impl fmt::Debug for TypedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.data_type)
    }
}

/// The bytes of a value of at most `most` bytes, or of any number if that is 0xffff.
fn variable(most: u16, request: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, ProtocolError> {
    if most == u16::MAX {
        return chunked(request);
    }
    match request.u16()? {
        u16::MAX => Ok(None),
        length if length > most => Err(WRONG_LENGTH),
        length => request.bytes(usize::from(length)).map(|bytes| Some(bytes.to_vec())),
    }
}

fn chunked(request: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, ProtocolError> {
    let total = request.u64()?;
    if total == u64::MAX {
        return Ok(None);
    }
    let mut value = Vec::new();
    loop {
        let chunk = request.l_varbyte()?;
        if chunk.is_empty() {
            break;
        }
        value.extend_from_slice(chunk);
    }
    if total != UNKNOWN_LENGTH && total != value.len() as u64 {
        return Err(WRONG_LENGTH);
    }
    Ok(Some(value))
}

/// The value of a type from before the `max` types.
fn long(request: &mut Cursor<'_>) -> Result<Option<Vec<u8>>, ProtocolError> {
    match request.clone().u32()? {
        u32::MAX => {
            request.u32()?;
            Ok(None)
        }
        _ => request.l_varbyte().map(|bytes| Some(bytes.to_vec())),
    }
}

fn collation(request: &mut Cursor<'_>) -> Result<[u8; COLLATION_BYTES], ProtocolError> {
    request.bytes(COLLATION_BYTES)?.try_into().map_err(|_| WRONG_LENGTH)
}

/// The token that a nullable type of this width stands for.
fn fixed_type(nullable: u8, width: u8) -> Result<u8, ProtocolError> {
    Ok(match (nullable, width) {
        (token::INT, 1) => 0x30,
        (token::BIT, 1) => 0x32,
        (token::INT, 2) => 0x34,
        (token::INT, 4) => 0x38,
        (token::INT, 8) => 0x7f,
        (token::FLOAT, 4) => 0x3b,
        (token::FLOAT, 8) => 0x3e,
        (token::MONEY, 4) => 0x7a,
        (token::MONEY, 8) => 0x3c,
        (token::DATETIME, 4) => 0x3a,
        (token::DATETIME, 8) => 0x3d,
        _ => return Err(WRONG_LENGTH),
    })
}

fn type_of(fixed: u8) -> Result<DataType, ProtocolError> {
    Ok(match fixed {
        0x30 => DataType::UInt8,
        0x32 => DataType::Boolean,
        0x34 => DataType::Int16,
        0x38 => DataType::Int32,
        0x7f => DataType::Int64,
        0x3b => DataType::Float32,
        0x3e => DataType::Float64,
        0x3c => DataType::Decimal128(19, 4),
        0x7a => DataType::Decimal128(10, 4),
        0x3a => DataType::Timestamp(TimeUnit::Second, None),
        0x3d => DataType::Timestamp(TimeUnit::Millisecond, None),
        _ => return Err(ProtocolError("a parameter is of a type that is not supported")),
    })
}

fn date(request: &mut Cursor<'_>) -> Result<NaiveDate, ProtocolError> {
    let days = request.uint(3)?.cast_signed();
    day(YEAR_1, days)
}

fn day(first: i64, days: i64) -> Result<NaiveDate, ProtocolError> {
    days.checked_add(first)
        .and_then(|days| DateTime::from_timestamp(days.checked_mul(86_400)?, 0))
        .map(|instant| instant.date_naive())
        .ok_or(ProtocolError("a date is out of range"))
}

/// As ISO 8601, with as many decimal places as it needs.
fn instant(first: i64, days: i64, time: TimeDelta) -> Result<String, ProtocolError> {
    day(first, days)?
        .and_time(NaiveTime::MIN)
        .checked_add_signed(time)
        .map(|instant| instant.format("%Y-%m-%dT%H:%M:%S%.f").to_string())
        .ok_or(ProtocolError("a date is out of range"))
}

/// A decimal number, written with its decimal point.
struct Unscaled {
    value: i128,
    scale: u8,
}

impl fmt::Display for Unscaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.value < 0 { "-" } else { "" };
        let scale = usize::from(self.scale);
        let digits = format!("{:0>width$}", self.value.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        match fraction {
            "" => write!(f, "{sign}{whole}"),
            fraction => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

const WRONG_LENGTH: ProtocolError =
    ProtocolError("a parameter has a length that is not its type's");

const NULL: u8 = 0x1f;
const IMAGE: u8 = 0x22;
const TEXT: u8 = 0x23;
const NTEXT: u8 = 0x63;
const NUMERIC: u8 = 0x6c;

const COLLATION_BYTES: usize = 5;

/// The length of a chunked value that is not known before its end.
const UNKNOWN_LENGTH: u64 = 0xffff_ffff_ffff_fffe;

/// 0001-01-01 and 1900-01-01 in days from 1970.
const YEAR_1: i64 = -719_162;
const YEAR_1900: i64 = -25_567;

const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], data_type: &DataType, expected: Option<&str>) {
        let mut cursor = Cursor::new(bytes);
        let value = TypedValue::parse(&mut cursor).unwrap();
        assert!(cursor.is_empty());
        assert_eq!(&value.data_type, data_type);
        let expected = expected.map_or(Content::Null, |text| Content::Text(text.into()));
        assert!(value.content == expected, "{bytes:?}");
        // A value that is cut short must not be taken for another one.
        for length in 0..bytes.len() {
            assert!(TypedValue::parse(&mut Cursor::new(&bytes[..length])).is_err());
        }
    }

    #[test]
    fn numbers_are_read() {
        check(&[0x26, 4, 4, 0xfe, 255, 255, 255], &DataType::Int32, Some("-2"));
        check(&[0x26, 8, 0], &DataType::Int64, None);
        check(&[0x26, 1, 1, 200], &DataType::UInt8, Some("200"));
        check(&[0x68, 1, 1, 1], &DataType::Boolean, Some("true"));
        check(&[0x38, 5, 0, 0, 0], &DataType::Int32, Some("5"));
        let mut float = vec![0x6d, 8, 8];
        float.extend(1e300_f64.to_le_bytes());
        check(&float, &DataType::Float64, Some("1e300"));
        check(&[0x6a, 17, 5, 2, 5, 0, 1, 0, 0, 0], &DataType::Decimal128(5, 2), Some("-0.01"));
        check(&[0x6c, 17, 5, 0, 5, 1, 7, 0, 0, 0], &DataType::Decimal128(5, 0), Some("7"));
        check(
            &[0x6e, 8, 8, 255, 255, 255, 255, 255, 255, 255, 255],
            &DataType::Decimal128(19, 4),
            Some("-0.0001"),
        );
    }

    #[test]
    fn text_is_read_whatever_its_kind() {
        check(&[0xe7, 8, 0, 9, 4, 0xd0, 0, 0x34, 2, 0, 0xe9, 0], &DataType::Utf8, Some("é"));
        check(&[0xe7, 8, 0, 9, 4, 0xd0, 0, 0x34, 0xff, 0xff], &DataType::Utf8, None);
        check(&[0xa7, 8, 0, 9, 4, 0xd0, 0, 0x34, 1, 0, 0x80], &DataType::Utf8, Some("€"));
        let mut ntext = vec![0x63, 2, 0, 0, 0, 9, 4, 0xd0, 0, 0x34, 2, 0, 0, 0];
        ntext.extend(b"x\0");
        check(&ntext, &DataType::Utf8, Some("x"));
        let mut chunks = vec![0xe7, 0xff, 0xff, 9, 4, 0xd0, 0, 0x34];
        chunks.extend(UNKNOWN_LENGTH.to_le_bytes());
        chunks.extend(b"\x02\0\0\0a\0\x02\0\0\0b\0\0\0\0\0");
        check(&chunks, &DataType::Utf8, Some("ab"));
    }

    #[test]
    fn dates_and_times_are_read() {
        let micro = TimeUnit::Microsecond;
        check(&[0x28, 3, 0x3a, 0xf9, 0x0a], &DataType::Date32, Some("1970-01-01"));
        check(
            &[0x29, 3, 4, 0xdc, 0x05, 0, 0],
            &DataType::Time64(TimeUnit::Nanosecond),
            Some("00:00:01.500"),
        );
        check(
            &[0x2a, 6, 8, 0xff, 0x5f, 0xd7, 0x1d, 0x14, 0x39, 0xf9, 0x0a],
            &DataType::Timestamp(micro, None),
            Some("1969-12-31T23:59:59.999999"),
        );
        check(
            &[0x2b, 0, 8, 1, 0, 0, 0x3a, 0xf9, 0x0a, 60, 0],
            &DataType::Timestamp(micro, Some("+00:00".into())),
            Some("1970-01-01T00:00:01Z"),
        );
        check(
            &[0x6f, 8, 8, 1, 0, 0, 0, 0x2c, 1, 0, 0],
            &DataType::Timestamp(TimeUnit::Millisecond, None),
            Some("1900-01-02T00:00:01"),
        );
    }

    #[test]
    fn impossible_values_are_refused() {
        for bytes in [
            &[0x26, 3, 3, 1, 1, 1][..],
            &[0x6a, 17, 39, 0, 0],
            &[0x6a, 17, 5, 2, 5, 1, 255, 255, 255, 255],
            &[0x6a, 17, 38, 2, 40, 1],
            &[0x29, 8, 0],
            &[0x29, 0, 3, 0xff, 0xff, 0xff],
            &[0xe7, 2, 0, 9, 4, 0xd0, 0, 0x34, 4, 0, 1, 0, 1, 0],
            &[0x28, 3, 0xff, 0xff, 0xff][..4],
            &[0xf0, 1],
        ] {
            assert!(TypedValue::parse(&mut Cursor::new(bytes)).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_guid_is_in_the_order_it_is_written() {
        let mut bytes = vec![0x24, 16, 16];
        bytes.extend(0..16);
        let value = TypedValue::parse(&mut Cursor::new(&bytes)).unwrap();
        let Content::Bytes(guid) = value.content else { panic!() };
        assert_eq!(guid[..8], [3, 2, 1, 0, 5, 4, 7, 6]);
    }
}
