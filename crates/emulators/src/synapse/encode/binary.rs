//! Bytes, and GUIDs, whose first three groups SQL Server writes the other way round.

use datafusion::arrow::{
    array::{
        ArrayRef, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray,
    },
    datatypes::DataType,
};

use super::{Unfit, put_bytes, put_chunks};
use crate::synapse::{
    metadata::Layout,
    sql_type::{Length, SqlType},
};

/// A column of bytes.
#[derive(Debug)]
pub(super) struct BinaryCells {
    values: ByteArray,
    form: Form,
}

#[derive(Debug)]
enum ByteArray {
    Binary(BinaryArray),
    Fixed(FixedSizeBinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// Filled up with zeros.
    Binary(u16),
    Guid,
    VarBinary(u16),
    VarBinaryMax,
}

impl BinaryCells {
    pub(super) fn new(sql_type: SqlType, array: &ArrayRef) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Binary => ByteArray::Binary(array.as_binary_opt()?.clone()),
            DataType::BinaryView => ByteArray::View(array.as_binary_view_opt()?.clone()),
            DataType::FixedSizeBinary(_) => {
                ByteArray::Fixed(array.as_fixed_size_binary_opt()?.clone())
            }
            DataType::LargeBinary => ByteArray::Large(array.as_binary_opt()?.clone()),
            _ => return None,
        };
        let form = match sql_type {
            SqlType::Binary { length } => Form::Binary(length),
            SqlType::UniqueIdentifier => Form::Guid,
            SqlType::VarBinary { length: Length::Limited(length) } => Form::VarBinary(length),
            SqlType::VarBinary { length: Length::Max } => Form::VarBinaryMax,
            _ => return None,
        };
        Some(Self { values, form })
    }

    pub(super) fn put(&self, row: usize, layout: Layout, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let bytes = match &self.values {
            ByteArray::Binary(values) => values.value(row),
            ByteArray::Fixed(values) => values.value(row),
            ByteArray::Large(values) => values.value(row),
            ByteArray::View(values) => values.value(row),
        };
        match self.form {
            Form::Guid => {
                let [a, b, c, d, e, f, g, h, rest @ ..] =
                    <[u8; 16]>::try_from(bytes).map_err(|_| Unfit::TooLong)?;
                let [i, j, k, l, m, n, o, p] = rest;
                put_bytes([d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p], layout, out);
            }
            Form::VarBinaryMax => put_chunks(bytes, out),
            Form::VarBinary(limit) => {
                let length = u16::try_from(bytes.len()).map_err(|_| Unfit::TooLong)?;
                if length > limit {
                    return Err(Unfit::TooLong);
                }
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(bytes);
            }
            Form::Binary(length) => {
                let blank = usize::from(length).checked_sub(bytes.len()).ok_or(Unfit::TooLong)?;
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(bytes);
                out.extend(std::iter::repeat_n(0, blank));
            }
        }
        Ok(())
    }
}
