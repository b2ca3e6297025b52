//! Which Arrow types columns are fetched as, and how they become those of the native backend.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, RecordBatch, StringBuilder},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
    error::ArrowError,
};
use odbc_api::{ColumnDescription, DataType as Odbc, ResultSetMetadata, sys::SqlDataType};

use super::diagnostics;
use crate::{
    error::{Error, ErrorKind, Operation},
    options::{DatetimeOffsetFormat, GuidFormat, QueryOptions, TimestampUnit},
};

// Types of the driver beyond the ODBC standard, from its header `msodbcsql.h`.
const GUID: SqlDataType = SqlDataType(-11);
const VARIANT: SqlDataType = SqlDataType(-150);
const UDT: SqlDataType = SqlDataType(-151);
const TIME2: SqlDataType = SqlDataType(-154);
const DATETIME_OFFSET: SqlDataType = SqlDataType(-155);

/// What happens to a fetched column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Keep,
    /// Text that Arrow can parse as the type wanted.
    Parse,
    GuidBytes,
    GuidText,
}

/// All columns of a result.
pub(super) struct Plan {
    fetched: SchemaRef,
    wanted: SchemaRef,
    steps: Vec<Step>,
}

impl Plan {
    pub(super) fn new(
        metadata: &mut impl ResultSetMetadata,
        options: &QueryOptions,
    ) -> Result<Self, Error> {
        let failed = |error| diagnostics::failure(Operation::Query, error);
        let count = u16::try_from(metadata.num_result_cols().map_err(failed)?).unwrap_or(0);
        let mut fetched = Vec::with_capacity(count.into());
        let mut wanted = Vec::with_capacity(count.into());
        let mut steps = Vec::with_capacity(count.into());
        let mut description = ColumnDescription::default();
        for number in 1..=count {
            metadata.describe_col(number, &mut description).map_err(failed)?;
            let mut name = description.name_to_string().unwrap_or_default();
            if name.is_empty() {
                name = format!("column_{number}");
            }
            let (fetch, want, step) = types(description.data_type, options).map_err(|what| {
                let detail = format!("no Arrow type for {what}");
                Error::new(ErrorKind::Unsupported, Operation::Query, detail)
                    .with_column(&name)
                    .with_hint("convert the column in the query with CAST")
            })?;
            let nullable = description.could_be_nullable();
            fetched.push(Field::new(&name, fetch, nullable));
            wanted.push(Field::new(&name, want, nullable));
            steps.push(step);
        }
        let (fetched, wanted) = (Schema::new(fetched), Schema::new(wanted));
        Ok(Self { fetched: Arc::new(fetched), wanted: Arc::new(wanted), steps })
    }

    /// The result's columns.
    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.wanted)
    }

    /// The columns as they are fetched.
    pub(super) fn fetched_schema(&self) -> SchemaRef {
        Arc::clone(&self.fetched)
    }

    pub(super) fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut arrays = Vec::with_capacity(self.steps.len());
        for ((array, step), field) in
            batch.columns().iter().zip(&self.steps).zip(self.wanted.fields())
        {
            arrays.push(match step {
                Step::Keep => Arc::clone(array),
                Step::Parse => {
                    let options = CastOptions { safe: false, ..CastOptions::default() };
                    cast_with_options(array, field.data_type(), &options)?
                }
                Step::GuidBytes => guid_bytes(array)?,
                Step::GuidText => guid_text(array),
            });
        }
        RecordBatch::try_new(self.schema(), arrays)
    }
}

/// The type to fetch, the type wanted, and what makes one of the other.
fn types(odbc: Odbc, options: &QueryOptions) -> Result<(DataType, DataType, Step), &'static str> {
    let unit = match options.timestamp_unit {
        TimestampUnit::Microsecond => TimeUnit::Microsecond,
        TimestampUnit::Nanosecond => TimeUnit::Nanosecond,
    };
    let same = |data_type: DataType| Ok((data_type.clone(), data_type, Step::Keep));
    match odbc {
        Odbc::Bit => same(DataType::Boolean),
        // SQL Server's `tinyint` is 0 to 255.
        Odbc::TinyInt => same(DataType::UInt8),
        Odbc::SmallInt => same(DataType::Int16),
        Odbc::Integer => same(DataType::Int32),
        Odbc::BigInt => same(DataType::Int64),
        Odbc::Real | Odbc::Float { precision: 0..=24 } => same(DataType::Float32),
        Odbc::Float { .. } | Odbc::Double => same(DataType::Float64),
        Odbc::Decimal { precision, scale } | Odbc::Numeric { precision, scale } => {
            match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(precision @ 1..=38), Ok(scale @ 0..)) => {
                    same(DataType::Decimal128(precision, scale))
                }
                _ => Err("a decimal of this precision"),
            }
        }
        Odbc::Date => same(DataType::Date32),
        Odbc::Timestamp { .. } => same(DataType::Timestamp(unit, None)),
        Odbc::Binary { .. } | Odbc::Varbinary { .. } | Odbc::LongVarbinary { .. } => {
            same(DataType::Binary)
        }
        Odbc::Time { precision } => Ok(time(precision)),
        Odbc::Other { data_type: TIME2, decimal_digits, .. } => Ok(time(decimal_digits)),
        Odbc::Other { data_type: DATETIME_OFFSET, .. } => match options.datetime_offset {
            DatetimeOffsetFormat::Text => same(DataType::Utf8),
            DatetimeOffsetFormat::Utc => {
                Ok((DataType::Utf8, DataType::Timestamp(unit, Some("UTC".into())), Step::Parse))
            }
        },
        Odbc::Other { data_type: GUID, .. } => Ok(match options.guid {
            GuidFormat::Binary => (DataType::Utf8, DataType::FixedSizeBinary(16), Step::GuidBytes),
            GuidFormat::Text => (DataType::Utf8, DataType::Utf8, Step::GuidText),
        }),
        Odbc::Other { data_type: VARIANT, .. } => Err("sql_variant"),
        Odbc::Other { data_type: UDT, .. } => Err("a CLR type such as geography or hierarchyid"),
        _ => same(DataType::Utf8),
    }
}

/// Drivers give times as text; the unit is that of the native backend.
fn time(digits: i16) -> (DataType, DataType, Step) {
    let unit = if digits > 6 { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
    (DataType::Utf8, DataType::Time64(unit), Step::Parse)
}

fn guid_bytes(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let texts = array.as_string::<i32>();
    let mut builder = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    for text in texts {
        match text {
            None => builder.append_null(),
            Some(text) => {
                let guid = uuid::Uuid::try_parse(text)
                    .map_err(|error| ArrowError::ParseError(error.to_string()))?;
                builder.append_value(guid.as_bytes())?;
            }
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn guid_text(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_string::<i32>();
    let mut builder = StringBuilder::with_capacity(texts.len(), texts.len() * 36);
    for text in texts {
        builder.append_option(text.map(str::to_ascii_lowercase));
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    fn convert(want: DataType, step: Step, values: Vec<Option<&str>>) -> ArrayRef {
        let plan = Plan {
            fetched: Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8, true)])),
            wanted: Arc::new(Schema::new(vec![Field::new("c", want, true)])),
            steps: vec![step],
        };
        let array = Arc::new(StringArray::from(values));
        let batch = RecordBatch::try_new(plan.fetched_schema(), vec![array]).unwrap();
        Arc::clone(plan.convert(&batch).unwrap().column(0))
    }

    #[test]
    fn guids_become_bytes_in_the_order_of_their_text() {
        let values = vec![Some("01234567-89AB-CDEF-0123-456789ABCDEF"), None];
        let array = convert(DataType::FixedSizeBinary(16), Step::GuidBytes, values.clone());
        assert_eq!(array.as_fixed_size_binary().value(0)[..4], [0x01, 0x23, 0x45, 0x67]);
        assert!(array.is_null(1));
        let array = convert(DataType::Utf8, Step::GuidText, values);
        let text = array.as_string::<i32>().value(0).to_owned();
        assert_eq!(text, "01234567-89ab-cdef-0123-456789abcdef");
    }

    #[test]
    fn times_and_offsets_are_parsed_from_the_drivers_text() {
        use arrow::datatypes::{Time64NanosecondType, TimestampMicrosecondType};
        let (_, want, step) = time(7);
        let array = convert(want, step, vec![Some("13:45:30.1234567"), None]);
        assert_eq!(array.as_primitive::<Time64NanosecondType>().value(0), 49_530_123_456_700);
        let want = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let array =
            convert(want, Step::Parse, vec![Some("2024-02-29 19:15:30.1234567 +05:30"), None]);
        let expected = 1_709_214_330_123_456;
        assert_eq!(array.as_primitive::<TimestampMicrosecondType>().value(0), expected);
        assert!(array.is_null(1));
    }
}
