//! Decimals and money. The numbers that look the same in Arrow need no code of their own.

use datafusion::arrow::{
    array::{ArrayRef, AsArray, Decimal128Array},
    datatypes::{DECIMAL128_MAX_PRECISION, Decimal128Type},
};

use super::{Unfit, put_bytes};
use crate::synapse::{
    metadata::{Layout, decimal_bytes},
    sql_type::SqlType,
};

/// A column of decimals or of money.
#[derive(Debug)]
pub(super) struct DecimalCells {
    values: Decimal128Array,
    form: Form,
    /// One more than the largest magnitude that the column's precision allows.
    limit: u128,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    /// With this many bytes, sign included.
    Decimal(u8),
    Money,
    SmallMoney,
}

impl DecimalCells {
    pub(super) fn new(sql_type: SqlType, array: &ArrayRef) -> Option<Self> {
        let values = array.as_primitive_opt::<Decimal128Type>()?.clone();
        let (form, limit) = match sql_type {
            SqlType::Decimal { precision, .. } => {
                let precision = precision.min(DECIMAL128_MAX_PRECISION);
                (Form::Decimal(decimal_bytes(precision)), 10_u128.pow(u32::from(precision)))
            }
            SqlType::Money => (Form::Money, 1 << 63),
            SqlType::SmallMoney => (Form::SmallMoney, 1 << 31),
            _ => return None,
        };
        Some(Self { values, form, limit })
    }

    #[inline]
    pub(super) fn put(&self, row: usize, layout: Layout, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let value = self.values.value(row);
        let magnitude = value.unsigned_abs();
        if magnitude >= self.limit {
            return Err(Unfit::Range);
        }
        match self.form {
            Form::Decimal(bytes) => {
                out.push(bytes);
                out.push(u8::from(value >= 0));
                let magnitude = magnitude.to_le_bytes();
                out.extend_from_slice(magnitude.get(..usize::from(bytes) - 1).ok_or(Unfit::Range)?);
            }
            Form::Money => {
                // The upper half comes first.
                let [a, b, c, d, e, f, g, h] = (value as i64).to_le_bytes();
                put_bytes([e, f, g, h, a, b, c, d], layout, out);
            }
            Form::SmallMoney => put_bytes((value as i32).to_le_bytes(), layout, out),
        }
        Ok(())
    }
}
