//! Rows, straight from Arrow arrays: each column of a batch is brought to one type once, then every
//! row is written with one branch per value.
//!
//! Spec: MS-TDS 2.2.7.19 and 2.2.7.14

mod binary;
mod number;
mod temporal;
mod text;

#[cfg(test)]
mod tests;

use datafusion::arrow::{
    array::{
        Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, Int16Array, Int32Array,
        Int64Array, RecordBatch, UInt8Array,
    },
    buffer::NullBuffer,
    compute::{CastOptions, cast_with_options},
    datatypes::{Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type},
    util::display::FormatOptions,
};

use self::{
    binary::BinaryCells,
    number::DecimalCells,
    temporal::{DateCells, DateTimeOffsetCells, TimeCells, TimestampCells},
    text::TextCells,
};
use super::{
    metadata::{Column, Layout},
    sql_error::SqlError,
    sql_type::SqlType,
};

/// A batch, ready to be written row by row.
#[derive(Debug)]
pub(super) struct BatchEncoder<'a> {
    columns: &'a [Column],
    cells: Vec<Cells>,
    rows: usize,
    has_nulls: bool,
    bitmap: Vec<u8>,
    scratch: Vec<u8>,
}

/// The values of one column.
#[derive(Debug)]
struct Cells {
    layout: Layout,
    nulls: Option<NullBuffer>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    BigInt(Int64Array),
    Binary(BinaryCells),
    Bit(BooleanArray),
    Date(DateCells),
    DateTimeOffset(DateTimeOffsetCells),
    Decimal(DecimalCells),
    Float(Float64Array),
    Int(Int32Array),
    Real(Float32Array),
    SmallInt(Int16Array),
    Text(TextCells),
    Time(TimeCells),
    Timestamp(TimestampCells),
    TinyInt(UInt8Array),
}

/// Why a value cannot be sent; its column is known to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    /// A NULL in a column that was described as having none.
    Null,
    /// Outside of what the type can hold.
    Range,
    /// Longer than the column was described.
    TooLong,
}

impl<'a> BatchEncoder<'a> {
    /// Brings the columns of `batch` to the types that `columns` announced.
    pub(super) fn new(columns: &'a [Column], batch: &RecordBatch) -> Result<Self, SqlError> {
        if batch.num_columns() != columns.len() {
            return Err(SqlError::new(8180, "The engine returned another number of columns."));
        }
        let cells = columns
            .iter()
            .zip(batch.columns())
            .map(|(column, array)| Cells::new(column, array))
            .collect::<Result<Vec<_>, _>>()?;
        let has_nulls = cells.iter().any(|cells| cells.nulls.is_some());
        Ok(Self {
            columns,
            bitmap: vec![0; columns.len().div_ceil(8)],
            cells,
            rows: batch.num_rows(),
            has_nulls,
            scratch: Vec::new(),
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Appends one row: as ROW, or as NBCROW if that is shorter for its NULLs. Of a row that cannot
    /// be sent nothing is left in `out`.
    pub(super) fn row(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), SqlError> {
        let start = out.len();
        self.put(row, out).inspect_err(|_| out.truncate(start))
    }

    fn put(&mut self, row: usize, out: &mut Vec<u8>) -> Result<(), SqlError> {
        if self.has_nulls && self.nulls_are_worth_a_bitmap(row) {
            out.push(NBC_ROW);
            out.extend_from_slice(&self.bitmap);
            for (cells, column) in self.cells.iter().zip(self.columns) {
                if !cells.is_null(row) {
                    cells.put(row, out, &mut self.scratch).map_err(|unfit| unfit.of(column))?;
                }
            }
        } else {
            out.push(ROW);
            for (cells, column) in self.cells.iter().zip(self.columns) {
                let written = if cells.is_null(row) {
                    cells.put_null(out)
                } else {
                    cells.put(row, out, &mut self.scratch)
                };
                written.map_err(|unfit| unfit.of(column))?;
            }
        }
        Ok(())
    }

    /// Fills the bitmap of the row's NULLs; tells whether it is shorter than writing each NULL.
    fn nulls_are_worth_a_bitmap(&mut self, row: usize) -> bool {
        self.bitmap.fill(0);
        let mut spared = 0;
        for (cells, byte) in self.cells.chunks(8).zip(&mut self.bitmap) {
            for (position, cells) in cells.iter().enumerate() {
                if cells.is_null(row) {
                    *byte |= 1 << position;
                    spared += cells.null_bytes();
                }
            }
        }
        spared > self.bitmap.len()
    }
}

impl Cells {
    fn new(column: &Column, array: &ArrayRef) -> Result<Self, SqlError> {
        let wanted = column.sql_type.arrow_type(array.data_type());
        let cast;
        let array = if *array.data_type() == wanted {
            array
        } else {
            cast = cast_with_options(array, &wanted, &STRICT)?;
            &cast
        };
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        if nulls.is_some() && !column.nullable {
            return Err(Unfit::Null.of(column));
        }
        let values = Values::new(column.sql_type, array).ok_or_else(|| {
            SqlError::new(8180, format!("The engine returned another type for '{}'.", column.name))
        })?;
        Ok(Self { layout: column.layout(), nulls, values })
    }

    #[inline]
    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// How many bytes a NULL has in a ROW.
    fn null_bytes(&self) -> usize {
        match self.layout {
            Layout::Fixed => 0,
            Layout::ByteLength => 1,
            Layout::ShortLength => 2,
            Layout::Chunked => 8,
        }
    }

    fn put_null(&self, out: &mut Vec<u8>) -> Result<(), Unfit> {
        match self.layout {
            Layout::Fixed => return Err(Unfit::Null),
            Layout::ByteLength => out.push(0),
            Layout::ShortLength => out.extend_from_slice(&[0xff; 2]),
            Layout::Chunked => out.extend_from_slice(&[0xff; 8]),
        }
        Ok(())
    }

    #[inline]
    fn put(&self, row: usize, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<(), Unfit> {
        match &self.values {
            Values::BigInt(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
            Values::Binary(cells) => return cells.put(row, self.layout, out),
            Values::Bit(values) => self.put_bytes([u8::from(values.value(row))], out),
            Values::Date(cells) => return cells.put(row, out),
            Values::DateTimeOffset(cells) => return cells.put(row, out),
            Values::Decimal(cells) => return cells.put(row, self.layout, out),
            Values::Float(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
            Values::Int(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
            Values::Real(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
            Values::SmallInt(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
            Values::Text(cells) => return cells.put(row, out, scratch),
            Values::Time(cells) => cells.put(row, out),
            Values::Timestamp(cells) => return cells.put(row, self.layout, out),
            Values::TinyInt(values) => self.put_bytes(values.value(row).to_le_bytes(), out),
        }
        Ok(())
    }

    #[inline]
    fn put_bytes<const N: usize>(&self, bytes: [u8; N], out: &mut Vec<u8>) {
        put_bytes(bytes, self.layout, out);
    }
}

/// Appends a value of a type that is laid out as `Fixed` or with its length in one byte.
#[inline]
fn put_bytes<const N: usize>(bytes: [u8; N], layout: Layout, out: &mut Vec<u8>) {
    if layout != Layout::Fixed {
        out.push(N as u8);
    }
    out.extend_from_slice(&bytes);
}

/// Appends bytes in chunks, as the `max` types have them.
fn put_chunks(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    for chunk in bytes.chunks(CHUNK_BYTES) {
        out.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&[0; 4]);
}

impl Values {
    /// `None` if the array is of another type than the one that belongs to `sql_type`.
    fn new(sql_type: SqlType, array: &ArrayRef) -> Option<Self> {
        Some(match sql_type {
            SqlType::BigInt => Self::BigInt(array.as_primitive_opt::<Int64Type>()?.clone()),
            SqlType::Binary { .. } | SqlType::UniqueIdentifier | SqlType::VarBinary { .. } => {
                Self::Binary(BinaryCells::new(sql_type, array)?)
            }
            SqlType::Bit => Self::Bit(array.as_boolean_opt()?.clone()),
            SqlType::Char { .. }
            | SqlType::NChar { .. }
            | SqlType::NVarChar { .. }
            | SqlType::VarChar { .. } => Self::Text(TextCells::new(sql_type, array)?),
            SqlType::Date => Self::Date(DateCells::new(array)?),
            SqlType::DateTime | SqlType::DateTime2 { .. } | SqlType::SmallDateTime => {
                Self::Timestamp(TimestampCells::new(sql_type, array)?)
            }
            SqlType::DateTimeOffset { scale } => {
                Self::DateTimeOffset(DateTimeOffsetCells::new(scale, array)?)
            }
            SqlType::Decimal { .. } | SqlType::Money | SqlType::SmallMoney => {
                Self::Decimal(DecimalCells::new(sql_type, array)?)
            }
            SqlType::Float => Self::Float(array.as_primitive_opt::<Float64Type>()?.clone()),
            SqlType::Int => Self::Int(array.as_primitive_opt::<Int32Type>()?.clone()),
            SqlType::Real => Self::Real(array.as_primitive_opt::<Float32Type>()?.clone()),
            SqlType::SmallInt => Self::SmallInt(array.as_primitive_opt::<Int16Type>()?.clone()),
            SqlType::Time { scale } => Self::Time(TimeCells::new(scale, array)?),
            SqlType::TinyInt => Self::TinyInt(array.as_primitive_opt::<UInt8Type>()?.clone()),
        })
    }
}

impl Unfit {
    fn of(self, column: &Column) -> SqlError {
        let Column { name, sql_type, .. } = column;
        match self {
            Self::Null => SqlError::new(
                515,
                format!("Column '{name}' does not allow NULL, but its data has one."),
            ),
            Self::Range => SqlError::new(
                8115,
                format!("Arithmetic overflow error converting column '{name}' to {sql_type}."),
            ),
            Self::TooLong => SqlError::new(
                8152,
                format!("String or binary data would be truncated: column '{name}' is {sql_type}."),
            ),
        }
    }
}

/// Values that do not fit are errors, not NULLs.
const STRICT: CastOptions<'static> =
    CastOptions { safe: false, format_options: FormatOptions::new() };

const ROW: u8 = 0xd1;
const NBC_ROW: u8 = 0xd2;

/// The size of the chunks of a `max` value. SQL Server's differ from version to version.
const CHUNK_BYTES: usize = 32 * 1024;
