//! From wire bytes to Arrow columns, one column at a time.

mod binary;
mod number;
mod temporal;
mod text;
mod validity;

use arrow::{array::ArrayRef, datatypes::DataType};

use crate::{
    native::{Charset, Column, Fault, SqlType},
    options::{DatetimeOffsetFormat, GuidFormat, QueryOptions, TimestampUnit},
};

/// Where a value lies in a buffer: below 4 GiB, or nowhere if it is NULL.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Slot {
    offset: u32,
    length: u32,
}

/// The values of one column in a tile of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) data: &'a [u8],
    pub(crate) slots: &'a [Slot],
    /// False only if none of them is NULL.
    pub(crate) has_nulls: bool,
}

/// Builds one Arrow column.
pub(crate) trait Decoder: Send {
    /// Appends all values of a tile.
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault>;

    /// The bytes that the column's buffers hold so far, without validity.
    fn byte_size(&self) -> usize;

    /// Takes what was appended as an array; the decoder is empty then.
    fn finish(&mut self) -> Result<ArrayRef, ValueFault>;
}

/// Why a value has no place in its column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ValueFault {
    /// The server sent what the type does not allow.
    Invalid(&'static str),
    /// The value is right, but outside of what the Arrow type can hold.
    OutOfRange(&'static str),
    /// The column's texts need more than Arrow's 2 GiB in one batch.
    TooLarge,
}

impl Slot {
    pub(crate) const NULL: Self = Self { offset: 0, length: u32::MAX };

    /// Refuses places beyond 4 GiB.
    #[inline(always)]
    pub(crate) fn new(offset: usize, length: usize) -> Result<Self, Fault> {
        match (u32::try_from(offset), u32::try_from(length)) {
            (Ok(offset), Ok(length)) if length != u32::MAX => Ok(Self { offset, length }),
            _ => Err(Fault::invalid("a row above 4 GiB")),
        }
    }

    #[inline(always)]
    pub(crate) fn is_null(self) -> bool {
        self.length == u32::MAX
    }

    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        self.offset as usize
    }

    /// The value's bytes; `None` if the slot is NULL or points outside.
    #[inline(always)]
    pub(crate) fn bytes(self, data: &[u8]) -> Option<&[u8]> {
        data.get(self.offset as usize..)?.get(..self.length as usize)
    }

    /// The value's bytes if there are exactly `N`.
    #[inline(always)]
    pub(crate) fn array<const N: usize>(self, data: &[u8]) -> Option<[u8; N]> {
        if self.length as usize != N {
            return None;
        }
        data.get(self.offset as usize..)?.first_chunk().copied()
    }
}

/// The Arrow type of a column and what decodes it.
///
/// `expected_rows`: how many rows a batch will have, for allocating once.
///
/// Fails with the name of the type or encoding that has no counterpart.
pub(crate) fn decoder(
    column: &Column,
    options: &QueryOptions,
    expected_rows: usize,
) -> Result<(DataType, Box<dyn Decoder>), String> {
    let unit = options.timestamp_unit;
    Ok(match column.sql_type {
        SqlType::Null => (DataType::Null, Box::new(number::Nulls::default())),
        SqlType::Bit => (DataType::Boolean, Box::new(number::Bits::new(expected_rows))),
        SqlType::TinyInt => (DataType::UInt8, number::tiny_int(expected_rows)),
        SqlType::SmallInt => (DataType::Int16, number::small_int(expected_rows)),
        SqlType::Int => (DataType::Int32, number::int(expected_rows)),
        SqlType::BigInt => (DataType::Int64, number::big_int(expected_rows)),
        SqlType::Real => (DataType::Float32, number::real(expected_rows)),
        SqlType::Float => (DataType::Float64, number::float(expected_rows)),
        SqlType::Decimal { precision, scale } => number::decimal(precision, scale, expected_rows),
        SqlType::Money => number::money(expected_rows),
        SqlType::SmallMoney => number::small_money(expected_rows),
        SqlType::Date => (DataType::Date32, temporal::date(expected_rows)),
        SqlType::Time { scale } => temporal::time(scale, expected_rows),
        SqlType::SmallDateTime => temporal::small_datetime(unit, expected_rows),
        SqlType::DateTime => temporal::datetime(unit, expected_rows),
        SqlType::DateTime2 { scale } => temporal::datetime2(scale, unit, expected_rows),
        SqlType::DateTimeOffset { scale } => match options.datetime_offset {
            DatetimeOffsetFormat::Utc => temporal::datetime_offset(scale, unit, expected_rows),
            DatetimeOffsetFormat::Text => {
                (DataType::Utf8, Box::new(temporal::OffsetText::new(scale, expected_rows)))
            }
        },
        SqlType::Guid => match options.guid {
            GuidFormat::Binary => {
                (DataType::FixedSizeBinary(16), Box::new(binary::Guids::new(expected_rows)))
            }
            GuidFormat::Text => (DataType::Utf8, Box::new(binary::GuidTexts::new(expected_rows))),
        },
        SqlType::Char(Charset::Utf8) => (DataType::Utf8, text::utf8(expected_rows)),
        SqlType::Char(Charset::CodePage(encoding)) => {
            (DataType::Utf8, text::code_page(encoding, expected_rows))
        }
        SqlType::Char(Charset::Unknown { lcid, sort_id }) => {
            return Err(format!(
                "the character encoding of locale {lcid:#06x}, sort order {sort_id}"
            ));
        }
        SqlType::NChar | SqlType::Xml => (DataType::Utf8, text::utf16(expected_rows)),
        SqlType::Binary => (DataType::Binary, Box::new(binary::Bytes::new(expected_rows))),
        SqlType::Unsupported(name) => return Err(name.to_owned()),
    })
}

impl TimestampUnit {
    fn data_type(self, zone: Option<&str>) -> DataType {
        let unit = match self {
            Self::Microsecond => arrow::datatypes::TimeUnit::Microsecond,
            Self::Nanosecond => arrow::datatypes::TimeUnit::Nanosecond,
        };
        DataType::Timestamp(unit, zone.map(Into::into))
    }
}

#[cfg(test)]
mod sample;
