//! Bytes and GUIDs.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, BinaryArray, FixedSizeBinaryArray},
    buffer::Buffer,
};

use super::{
    Decoder, ValueFault, Values, number::WRONG_LENGTH, text::TextBuffer, validity::Validity,
};

/// `binary`, `varbinary`, `image`, `rowversion`.
pub(super) struct Bytes {
    buffer: TextBuffer,
}

impl Bytes {
    pub(super) fn new(expected_rows: usize) -> Self {
        Self { buffer: TextBuffer::new(expected_rows) }
    }
}

impl Decoder for Bytes {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        for slot in values.slots {
            if !slot.is_null() {
                let bytes = slot.bytes(values.data).ok_or(WRONG_LENGTH)?;
                self.buffer.bytes_mut().extend_from_slice(bytes);
            }
            self.buffer.close_value()?;
        }
        self.buffer.append_validity(values);
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.buffer.byte_size()
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        let (offsets, bytes, nulls) = self.buffer.parts();
        Ok(Arc::new(BinaryArray::new(offsets, bytes, nulls)))
    }
}

/// `uniqueidentifier` as 16 bytes.
pub(super) struct Guids {
    bytes: Vec<u8>,
    validity: Validity,
    expected_rows: usize,
}

impl Guids {
    pub(super) fn new(expected_rows: usize) -> Self {
        let bytes = Vec::with_capacity(expected_rows * 16);
        Self { bytes, validity: Validity::new(expected_rows), expected_rows }
    }
}

impl Decoder for Guids {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        for slot in values.slots {
            match slot.array(values.data) {
                Some(wire) => self.bytes.extend_from_slice(&in_text_order(wire)),
                None if slot.is_null() => self.bytes.extend_from_slice(&[0; 16]),
                None => return Err(WRONG_LENGTH),
            }
        }
        self.validity.append(values);
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.bytes.len()
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        let room = Vec::with_capacity(self.expected_rows * 16);
        let bytes = Buffer::from_vec(std::mem::replace(&mut self.bytes, room));
        Ok(Arc::new(FixedSizeBinaryArray::new(16, bytes, self.validity.finish())))
    }
}

/// `uniqueidentifier` as text.
pub(super) struct GuidTexts {
    buffer: TextBuffer,
}

impl GuidTexts {
    pub(super) fn new(expected_rows: usize) -> Self {
        Self { buffer: TextBuffer::new(expected_rows) }
    }
}

impl Decoder for GuidTexts {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        for slot in values.slots {
            match slot.array(values.data) {
                Some(wire) => {
                    let mut text = [0; 36];
                    let guid = uuid::Uuid::from_bytes(in_text_order(wire));
                    let text = guid.hyphenated().encode_lower(&mut text);
                    self.buffer.bytes_mut().extend_from_slice(text.as_bytes());
                }
                None if slot.is_null() => {}
                None => return Err(WRONG_LENGTH),
            }
            self.buffer.close_value()?;
        }
        self.buffer.append_validity(values);
        Ok(())
    }

    fn byte_size(&self) -> usize {
        self.buffer.byte_size()
    }

    fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        self.buffer.finish()
    }
}

/// On the wire the first three groups are little-endian.
///
/// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-dtyp/001eec5a-7f8b-4293-9e21-ca349392db40>
#[inline(always)]
fn in_text_order(wire: [u8; 16]) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = wire;
    let [i, j, k, l, m, n, o, p] = rest;
    [d, c, b, a, f, e, h, g, i, j, k, l, m, n, o, p]
}

#[cfg(test)]
mod tests;
