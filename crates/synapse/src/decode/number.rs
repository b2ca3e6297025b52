//! Numbers: integers, floats, bits, decimals and money.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BooleanArray, BooleanBufferBuilder, NullArray, PrimitiveArray},
    datatypes::{
        ArrowPrimitiveType, DataType, Decimal128Type, Float32Type, Float64Type, Int16Type,
        Int32Type, Int64Type, UInt8Type,
    },
};

use super::{Decoder, ValueFault, Values, validity::Validity};

/// A column whose values have `N` bytes each on the wire and one Arrow value each.
pub(super) struct Primitive<const N: usize, A: ArrowPrimitiveType, C> {
    values: Vec<A::Native>,
    validity: Validity,
    data_type: DataType,
    expected_rows: usize,
    convert: C,
}

/// Converts wire bytes; what is wrong with them is told once, after the loop.
pub(super) trait Convert<const N: usize, T>: Send {
    fn convert(&mut self, bytes: [u8; N]) -> T;

    /// Whether a value converted so far was wrong.
    fn verdict(&self) -> Result<(), ValueFault> {
        Ok(())
    }
}

/// Conversions that cannot fail.
impl<const N: usize, T, F: FnMut([u8; N]) -> T + Send> Convert<N, T> for F {
    fn convert(&mut self, bytes: [u8; N]) -> T {
        self(bytes)
    }
}

impl<const N: usize, A, C> Primitive<N, A, C>
where
    A: ArrowPrimitiveType,
    C: Convert<N, A::Native>,
{
    pub(super) fn new(data_type: DataType, expected_rows: usize, convert: C) -> Self {
        Self {
            values: Vec::with_capacity(expected_rows),
            validity: Validity::new(expected_rows),
            data_type,
            expected_rows,
            convert,
        }
    }
}

impl<const N: usize, A, C> Decoder for Primitive<N, A, C>
where
    A: ArrowPrimitiveType,
    C: Convert<N, A::Native>,
{
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        let mut wrong_length = false;
        let convert = &mut self.convert;
        if values.has_nulls {
            self.values.extend(values.slots.iter().map(|slot| match slot.array(values.data) {
                Some(bytes) => convert.convert(bytes),
                None => {
                    wrong_length |= !slot.is_null();
                    A::Native::default()
                }
            }));
        } else {
            self.values.extend(values.slots.iter().map(|slot| match slot.array(values.data) {
                Some(bytes) => convert.convert(bytes),
                None => {
                    wrong_length = true;
                    A::Native::default()
                }
            }));
        }
        self.validity.append(values);
        if wrong_length {
            return Err(WRONG_LENGTH);
        }
        self.convert.verdict()
    }

    fn byte_size(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(self.expected_rows));
        let array = PrimitiveArray::<A>::new(values.into(), self.validity.finish());
        Ok(Arc::new(array.with_data_type(self.data_type.clone())))
    }
}

pub(super) const WRONG_LENGTH: ValueFault =
    ValueFault::Invalid("the server sent a value whose length does not fit its type");

pub(super) fn tiny_int(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<1, UInt8Type, _>::new(DataType::UInt8, rows, u8::from_le_bytes))
}

pub(super) fn small_int(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<2, Int16Type, _>::new(DataType::Int16, rows, i16::from_le_bytes))
}

pub(super) fn int(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<4, Int32Type, _>::new(DataType::Int32, rows, i32::from_le_bytes))
}

pub(super) fn big_int(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<8, Int64Type, _>::new(DataType::Int64, rows, i64::from_le_bytes))
}

pub(super) fn real(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<4, Float32Type, _>::new(DataType::Float32, rows, f32::from_le_bytes))
}

pub(super) fn float(rows: usize) -> Box<dyn Decoder> {
    Box::new(Primitive::<8, Float64Type, _>::new(DataType::Float64, rows, f64::from_le_bytes))
}

/// `money`: ten-thousandths in 64 bits, the upper half first.
pub(super) fn money(rows: usize) -> (DataType, Box<dyn Decoder>) {
    let data_type = DataType::Decimal128(19, 4);
    let convert = |bytes: [u8; 8]| {
        let halves = i64::from_le_bytes(bytes);
        i128::from(halves.rotate_left(32))
    };
    (data_type.clone(), Box::new(Primitive::<8, Decimal128Type, _>::new(data_type, rows, convert)))
}

pub(super) fn small_money(rows: usize) -> (DataType, Box<dyn Decoder>) {
    let data_type = DataType::Decimal128(10, 4);
    let convert = |bytes: [u8; 4]| i128::from(i32::from_le_bytes(bytes));
    (data_type.clone(), Box::new(Primitive::<4, Decimal128Type, _>::new(data_type, rows, convert)))
}

pub(super) fn decimal(precision: u8, scale: u8, rows: usize) -> (DataType, Box<dyn Decoder>) {
    // The scale is at most the precision, which is at most 38.
    let data_type = DataType::Decimal128(precision, scale as i8);
    let decoder = Decimals {
        values: Vec::with_capacity(rows),
        validity: Validity::new(rows),
        data_type: data_type.clone(),
        expected_rows: rows,
        limit: 10_u128.pow(precision.into()),
    };
    (data_type, Box::new(decoder))
}

/// `decimal`: a byte for the sign (1 is positive), then the magnitude in 4, 8, 12 or 16 bytes.
struct Decimals {
    values: Vec<i128>,
    validity: Validity,
    data_type: DataType,
    expected_rows: usize,
    /// The first magnitude that the precision excludes.
    limit: u128,
}

impl Decoder for Decimals {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        let mut wrong_length = false;
        let mut largest = 0;
        self.values.extend(values.slots.iter().map(|slot| {
            let Some((sign, magnitude)) = slot.bytes(values.data).and_then(magnitude) else {
                wrong_length |= !slot.is_null();
                return 0;
            };
            largest = largest.max(magnitude);
            // Magnitudes from 2^127 on are refused below.
            let value = magnitude as i128;
            if sign == 0 { value.wrapping_neg() } else { value }
        }));
        self.validity.append(values);
        if wrong_length {
            return Err(WRONG_LENGTH);
        }
        if largest >= self.limit {
            return Err(ValueFault::Invalid("the server sent a decimal beyond its precision"));
        }
        Ok(())
    }

    fn byte_size(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        let values = std::mem::replace(&mut self.values, Vec::with_capacity(self.expected_rows));
        let array = PrimitiveArray::<Decimal128Type>::new(values.into(), self.validity.finish());
        Ok(Arc::new(array.with_data_type(self.data_type.clone())))
    }
}

#[inline(always)]
fn magnitude(bytes: &[u8]) -> Option<(u8, u128)> {
    let (&sign, magnitude) = bytes.split_first()?;
    let magnitude = match magnitude.len() {
        4 => u32::from_le_bytes(*magnitude.first_chunk()?).into(),
        8 => u64::from_le_bytes(*magnitude.first_chunk()?).into(),
        12 => {
            let low = u64::from_le_bytes(*magnitude.first_chunk()?);
            let high = u32::from_le_bytes(*magnitude.last_chunk()?);
            u128::from(high) << 64 | u128::from(low)
        }
        16 => u128::from_le_bytes(*magnitude.first_chunk()?),
        _ => return None,
    };
    Some((sign, magnitude))
}

/// `bit`.
pub(super) struct Bits {
    values: BooleanBufferBuilder,
    validity: Validity,
}

impl Bits {
    pub(super) fn new(expected_rows: usize) -> Self {
        let values = BooleanBufferBuilder::new(expected_rows);
        Self { values, validity: Validity::new(expected_rows) }
    }
}

impl Decoder for Bits {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        for slot in values.slots {
            match slot.array::<1>(values.data) {
                Some([byte]) => self.values.append(byte != 0),
                None if slot.is_null() => self.values.append(false),
                None => return Err(WRONG_LENGTH),
            }
        }
        self.validity.append(values);
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.values.len().div_ceil(8)
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        Ok(Arc::new(BooleanArray::new(self.values.finish(), self.validity.finish())))
    }
}

/// The untyped NULL.
#[derive(Default)]
pub(super) struct Nulls {
    rows: usize,
}

impl Decoder for Nulls {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        self.rows += values.slots.len();
        Ok(())
    }

    fn byte_size(&self) -> usize {
        0
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        Ok(Arc::new(NullArray::new(std::mem::take(&mut self.rows))))
    }
}

#[cfg(test)]
mod tests;
