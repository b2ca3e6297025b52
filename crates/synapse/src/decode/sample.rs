//! Values laid out as a tile would find them, for tests.

use arrow::array::ArrayRef;

use super::{Decoder, Slot, ValueFault, Values};

/// Decodes values one tile at a time, in two tiles, and returns the column.
pub(crate) fn decode(
    mut decoder: Box<dyn Decoder>,
    values: &[Option<&[u8]>],
) -> Result<ArrayRef, ValueFault> {
    let (front, back) = values.split_at(values.len() / 2);
    for values in [front, back] {
        // Something before the first value, so that offsets matter.
        let mut data = vec![0xEE; 3];
        let mut slots = Vec::new();
        for value in values {
            slots.push(match value {
                None => Slot::NULL,
                Some(bytes) => Slot::new(data.len(), bytes.len()).unwrap(),
            });
            data.extend_from_slice(value.unwrap_or_default());
        }
        let has_nulls = values.iter().any(Option::is_none);
        decoder.append(Values { data: &data, slots: &slots, has_nulls })?;
    }
    let array = decoder.finish()?;
    assert_eq!(decoder.finish()?.len(), 0, "a finished decoder starts anew");
    Ok(array)
}
