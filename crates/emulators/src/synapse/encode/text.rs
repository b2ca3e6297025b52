//! Text: UTF-16 for the n-types, a collation's spelling for the others.

use datafusion::arrow::{
    array::{ArrayRef, AsArray, LargeStringArray, StringArray, StringViewArray},
    datatypes::DataType,
};

use super::{Unfit, put_chunks};
use crate::synapse::{
    collation::Collation,
    sql_type::{Length, SqlType},
};

/// A column of text.
#[derive(Debug)]
pub(super) struct TextCells {
    values: TextArray,
    form: Form,
}

#[derive(Debug)]
enum TextArray {
    Large(LargeStringArray),
    Utf8(StringArray),
    View(StringViewArray),
}

/// How the text is spelled, and the most bytes it may have.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// Filled up with blanks.
    Char(u16, Collation),
    /// Filled up with blanks.
    NChar(u16),
    NVarChar(u16),
    NVarCharMax,
    VarChar(u16, Collation),
    VarCharMax(Collation),
}

impl TextCells {
    pub(super) fn new(sql_type: SqlType, array: &ArrayRef) -> Option<Self> {
        let values = match array.data_type() {
            DataType::Utf8 => TextArray::Utf8(array.as_string_opt()?.clone()),
            DataType::LargeUtf8 => TextArray::Large(array.as_string_opt()?.clone()),
            DataType::Utf8View => TextArray::View(array.as_string_view_opt()?.clone()),
            _ => return None,
        };
        let form = match sql_type {
            SqlType::Char { length, collation } => Form::Char(length, collation),
            SqlType::NChar { length } => Form::NChar(length * 2),
            SqlType::NVarChar { length: Length::Limited(length) } => Form::NVarChar(length * 2),
            SqlType::NVarChar { length: Length::Max } => Form::NVarCharMax,
            SqlType::VarChar { length: Length::Limited(length), collation } => {
                Form::VarChar(length, collation)
            }
            SqlType::VarChar { length: Length::Max, collation } => Form::VarCharMax(collation),
            _ => return None,
        };
        Some(Self { values, form })
    }

    #[inline]
    pub(super) fn put(
        &self,
        row: usize,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let text = match &self.values {
            TextArray::Large(values) => values.value(row),
            TextArray::Utf8(values) => values.value(row),
            TextArray::View(values) => values.value(row),
        };
        match self.form {
            Form::NVarChar(limit) => put_short(limit, out, |out| put_utf16(text, out)).map(drop),
            Form::VarChar(limit, collation) => {
                put_short(limit, out, |out| collation.encode(text, out)).map(drop)
            }
            Form::Char(length, collation) => {
                let short = put_short(length, out, |out| collation.encode(text, out))?;
                pad(length, short, b" ", out);
                Ok(())
            }
            Form::NChar(length) => {
                let short = put_short(length, out, |out| put_utf16(text, out))?;
                pad(length, short, b" \0", out);
                Ok(())
            }
            Form::NVarCharMax => {
                scratch.clear();
                put_utf16(text, scratch);
                put_chunks(scratch, out);
                Ok(())
            }
            Form::VarCharMax(collation) => {
                scratch.clear();
                collation.encode(text, scratch);
                put_chunks(scratch, out);
                Ok(())
            }
        }
    }
}

/// Appends what `put` appends, with its length in two bytes before it; returns that length.
#[inline]
fn put_short(limit: u16, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) -> Result<u16, Unfit> {
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    put(out);
    let length = u16::try_from(out.len() - at - 2).map_err(|_| Unfit::TooLong)?;
    if length > limit {
        return Err(Unfit::TooLong);
    }
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(length)
}

/// Fills up the value that ends `out` and has `short` bytes to `length`.
fn pad(length: u16, short: u16, blank: &[u8], out: &mut Vec<u8>) {
    let at = out.len() - usize::from(short) - 2;
    let end = at + 2 + usize::from(length);
    out.extend(blank.iter().cycle().take(end - out.len()));
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

#[inline]
fn put_utf16(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        let at = out.len();
        out.resize(at + text.len() * 2, 0);
        let (units, _) = out.get_mut(at..).unwrap_or_default().as_chunks_mut::<2>();
        for (unit, byte) in units.iter_mut().zip(text.as_bytes()) {
            unit[0] = *byte;
        }
    } else {
        for unit in text.encode_utf16() {
            out.extend_from_slice(&unit.to_le_bytes());
        }
    }
}
