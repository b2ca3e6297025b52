//! Text: UTF-16, UTF-8 and code pages, all into UTF-8.
//!
//! What is not text in its encoding (an unpaired surrogate, a byte no code page knows) becomes
//! U+FFFD, as in Microsoft's drivers: a table may hold such values, and one of them should not
//! make the rest unreadable.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, StringArray},
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
};
use encoding_rs::{CoderResult, Encoding};

use super::{Decoder, ValueFault, Values, number::WRONG_LENGTH, validity::Validity};

/// A text column being built.
#[derive(Debug)]
pub(super) struct TextBuffer {
    bytes: Vec<u8>,
    offsets: Vec<i32>,
    validity: Validity,
    expected_rows: usize,
    /// How large the last batch was, to allocate the next one at once.
    expected_bytes: usize,
}

impl TextBuffer {
    pub(super) fn new(expected_rows: usize) -> Self {
        Self {
            bytes: Vec::new(),
            offsets: first_offset(expected_rows),
            validity: Validity::new(expected_rows),
            expected_rows,
            expected_bytes: 0,
        }
    }

    /// Where to append the bytes of the value that is open.
    #[inline(always)]
    pub(super) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the value that is open; without bytes it is empty (or NULL).
    #[inline(always)]
    pub(super) fn close_value(&mut self) -> Result<(), ValueFault> {
        let end = i32::try_from(self.bytes.len()).map_err(|_| ValueFault::TooLarge)?;
        self.offsets.push(end);
        Ok(())
    }

    pub(super) fn append_validity(&mut self, values: Values<'_>) {
        self.validity.append(values);
    }

    pub(super) fn byte_size(&self) -> usize {
        self.bytes.len() + size_of_val(self.offsets.as_slice())
    }

    pub(super) fn parts(
        &mut self,
    ) -> (OffsetBuffer<i32>, Buffer, Option<arrow::buffer::NullBuffer>) {
        self.expected_bytes = self.bytes.len();
        let room = self.expected_bytes + self.expected_bytes / 16;
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(room));
        let offsets = std::mem::replace(&mut self.offsets, first_offset(self.expected_rows));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        (offsets, Buffer::from_vec(bytes), self.validity.finish())
    }

    pub(super) fn finish(&mut self) -> Result<ArrayRef, ValueFault> {
        let (offsets, bytes, nulls) = self.parts();
        let array = StringArray::try_new(offsets, bytes, nulls)
            .map_err(|_| ValueFault::Invalid("a decoded text is no UTF-8"))?;
        Ok(Arc::new(array))
    }
}

fn first_offset(expected_rows: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(expected_rows + 1);
    offsets.push(0);
    offsets
}

/// `nchar`, `nvarchar`, `ntext`, `xml`.
pub(super) fn utf16(expected_rows: usize) -> Box<dyn Decoder> {
    Box::new(Texts { buffer: TextBuffer::new(expected_rows), transcode: append_utf16 })
}

/// `char`, `varchar` with a UTF-8 collation.
pub(super) fn utf8(expected_rows: usize) -> Box<dyn Decoder> {
    Box::new(Texts { buffer: TextBuffer::new(expected_rows), transcode: append_utf8 })
}

/// `char`, `varchar`, `text` with any other collation.
pub(super) fn code_page(encoding: &'static Encoding, expected_rows: usize) -> Box<dyn Decoder> {
    let transcode = move |bytes: &[u8], text: &mut Vec<u8>| {
        if bytes.is_ascii() {
            text.extend_from_slice(bytes);
        } else {
            append_encoded(encoding, bytes, text);
        }
        true
    };
    Box::new(Texts { buffer: TextBuffer::new(expected_rows), transcode })
}

/// A text column; `transcode` appends a value as UTF-8, or returns false if its length is wrong.
struct Texts<F> {
    buffer: TextBuffer,
    transcode: F,
}

impl<F: Fn(&[u8], &mut Vec<u8>) -> bool + Send> Decoder for Texts<F> {
    fn append(&mut self, values: Values<'_>) -> Result<(), ValueFault> {
        for slot in values.slots {
            if !slot.is_null() {
                let bytes = slot.bytes(values.data).ok_or(WRONG_LENGTH)?;
                if !(self.transcode)(bytes, self.buffer.bytes_mut()) {
                    return Err(WRONG_LENGTH);
                }
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

#[inline]
fn append_utf8(bytes: &[u8], text: &mut Vec<u8>) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(valid) => text.extend_from_slice(valid.as_bytes()),
        Err(_) => text.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes()),
    }
    true
}

/// Most text in databases is ASCII: copy every other byte, and look once whether that was right.
#[inline]
fn append_utf16(bytes: &[u8], text: &mut Vec<u8>) -> bool {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return false;
    }
    let start = text.len();
    let mut outside_ascii = 0_u8;
    text.extend(units.iter().map(|&[low, high]| {
        outside_ascii |= high | low & 0x80;
        low
    }));
    if outside_ascii != 0 {
        text.truncate(start);
        append_wide_utf16(units, text);
    }
    true
}

fn append_wide_utf16(units: &[[u8; 2]], text: &mut Vec<u8>) {
    // Three bytes of UTF-8 are the most that one unit can become.
    text.reserve(units.len() * 3);
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        let mut buffer = [0; 4];
        text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
}

fn append_encoded(encoding: &'static Encoding, bytes: &[u8], text: &mut Vec<u8>) {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    // None only if the length overflows, which bytes in memory cannot make it.
    let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3);
    let start = text.len();
    text.resize(start + room, 0);
    let (result, _, written, _) = decoder.decode_to_utf8(bytes, &mut text[start..], true);
    debug_assert_eq!(result, CoderResult::InputEmpty);
    text.truncate(start + written);
}

#[cfg(test)]
mod tests;
