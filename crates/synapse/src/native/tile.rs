//! The first pass over rows: where each value of up to 1,024 rows lies in the buffer.
//!
//! Nothing is decoded here. Once a tile is scanned, each column is decoded in a loop of its own.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/3840ef93-3b10-4aca-9fd1-a210b8bb8f5a>

use super::{
    cursor::Fault,
    metadata::Layout,
    token::{NBC_ROW, ROW},
};
use crate::decode::{Slot, Values};

/// Rows scanned before columns are decoded: their slots and bytes stay in a core's cache.
pub(super) const TILE_ROWS: usize = 1_024;

/// The distance from one column's slots to the next. A few slots more than a tile, as a distance
/// of a power of two would put the same row of all columns in the same few cache lines.
const STRIDE: usize = TILE_ROWS + 16;

/// The length that says the value comes in chunks of an unknown total.
const UNKNOWN_TOTAL: u64 = 0xFFFF_FFFF_FFFF_FFFE;
const NULL_TOTAL: u64 = 0xFFFF_FFFF_FFFF_FFFF;
const NULL_SHORT: u16 = 0xFFFF;

/// Rows found in a buffer.
#[derive(Debug)]
pub(super) struct Tile {
    layouts: Vec<Layout>,
    slots: Vec<Slot>,
    has_nulls: Vec<bool>,
    rows: usize,
    /// Values of the row being scanned that lie in more than one chunk: their column.
    scattered: Vec<usize>,
}

/// Where a scan stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Scan {
    /// The bytes of the rows found.
    pub(super) length: usize,
    pub(super) end: ScanEnd,
}

/// Why a scan stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ScanEnd {
    /// The tile is full.
    Full,
    /// The next row is not complete, or nothing follows yet.
    NeedsMore,
    /// What follows is no row.
    OtherToken,
}

impl Tile {
    pub(super) fn new(layouts: Vec<Layout>) -> Self {
        let columns = layouts.len();
        Self {
            layouts,
            slots: vec![Slot::NULL; columns * STRIDE],
            has_nulls: vec![false; columns],
            rows: 0,
            scattered: Vec::new(),
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The values of a column, lying in `data`, the buffer last scanned.
    pub(super) fn values<'a>(&'a self, column: usize, data: &'a [u8]) -> Values<'a> {
        let start = column * STRIDE;
        Values {
            data,
            slots: self.slots.get(start..start + self.rows).unwrap_or_default(),
            has_nulls: self.has_nulls.get(column).copied().unwrap_or(true),
        }
    }

    /// Finds up to `max_rows` whole rows at the front of `data`, forgetting those found before.
    ///
    /// Values that came in several chunks are pulled together within `data`.
    pub(super) fn scan(&mut self, data: &mut [u8], max_rows: usize) -> Result<Scan, Fault> {
        self.rows = 0;
        self.has_nulls.fill(false);
        let max_rows = max_rows.min(TILE_ROWS);
        let mut position = 0;
        let end = loop {
            if self.rows == max_rows {
                break ScanEnd::Full;
            }
            let next = match data.get(position) {
                None => break ScanEnd::NeedsMore,
                Some(&ROW) => self.scan_row(data, position + 1),
                Some(&NBC_ROW) => self.scan_row_with_bitmap(data, position + 1),
                Some(_) => break ScanEnd::OtherToken,
            };
            position = match next {
                Ok(next) => next,
                Err(Fault::Short) => break ScanEnd::NeedsMore,
                Err(fault) => return Err(fault),
            };
            // Only now is the row known to be whole, so that it will not be scanned again.
            if !self.scattered.is_empty() {
                self.gather(data)?;
            }
            self.rows += 1;
        };
        Ok(Scan { length: position, end })
    }

    /// Returns where the row ends.
    #[inline]
    fn scan_row(&mut self, data: &[u8], mut position: usize) -> Result<usize, Fault> {
        self.scattered.clear();
        let row = self.rows;
        for (column, layout) in self.layouts.iter().enumerate() {
            let (slot, next) = locate(data, position, *layout, &mut self.scattered, column)?;
            position = next;
            if slot.is_null() {
                self.has_nulls[column] = true;
            }
            self.slots[column * STRIDE + row] = slot;
        }
        Ok(position)
    }

    /// A row that begins with one bit for each column, set for NULL.
    #[inline]
    fn scan_row_with_bitmap(&mut self, data: &[u8], position: usize) -> Result<usize, Fault> {
        self.scattered.clear();
        let row = self.rows;
        let bitmap_bytes = self.layouts.len().div_ceil(8);
        let bitmap = data.get(position..position + bitmap_bytes).ok_or(Fault::Short)?;
        let mut position = position + bitmap_bytes;
        for (column, layout) in self.layouts.iter().enumerate() {
            let slot = if bitmap[column / 8] >> (column % 8) & 1 == 1 {
                Slot::NULL
            } else {
                let (slot, next) = locate(data, position, *layout, &mut self.scattered, column)?;
                position = next;
                slot
            };
            if slot.is_null() {
                self.has_nulls[column] = true;
            }
            self.slots[column * STRIDE + row] = slot;
        }
        Ok(position)
    }

    /// Pulls the chunks of the current row's values together.
    fn gather(&mut self, data: &mut [u8]) -> Result<(), Fault> {
        for column in self.scattered.drain(..) {
            let slot = &mut self.slots[column * STRIDE + self.rows];
            // The slot points at the first chunk's length.
            let start = slot.offset();
            let mut read = start;
            let mut write = start;
            loop {
                let length = chunk_length(data, read)?;
                read += 4;
                if length == 0 {
                    break;
                }
                if read + length > data.len() {
                    return Err(Fault::Short);
                }
                data.copy_within(read..read + length, write);
                read += length;
                write += length;
            }
            *slot = Slot::new(start, write - start)?;
        }
        Ok(())
    }
}

/// Finds one value; returns where it is and where the next one begins.
#[inline(always)]
fn locate(
    data: &[u8],
    position: usize,
    layout: Layout,
    scattered: &mut Vec<usize>,
    column: usize,
) -> Result<(Slot, usize), Fault> {
    match layout {
        Layout::Fixed(0) => Ok((Slot::NULL, position)),
        Layout::Fixed(length) => value(data, position, length.into()),
        Layout::ByteLength => match *data.get(position).ok_or(Fault::Short)? {
            0 => Ok((Slot::NULL, position + 1)),
            length => value(data, position + 1, length.into()),
        },
        Layout::ShortLength => match u16::from_le_bytes(array(data, position)?) {
            NULL_SHORT => Ok((Slot::NULL, position + 2)),
            length => value(data, position + 2, length.into()),
        },
        Layout::Chunked => locate_chunked(data, position, scattered, column),
        Layout::TextPointer => match *data.get(position).ok_or(Fault::Short)? {
            0 => Ok((Slot::NULL, position + 1)),
            pointer_length => {
                let at = position + 1 + usize::from(pointer_length) + 8;
                let length = u32::from_le_bytes(array(data, at)?);
                value(data, at + 4, to_usize(length.into())?)
            }
        },
        Layout::LongLength => match u32::from_le_bytes(array(data, position)?) {
            0 => Ok((Slot::NULL, position + 4)),
            length => value(data, position + 4, to_usize(length.into())?),
        },
    }
}

/// A value in chunks: a total (or that it is unknown), then chunks, then an empty chunk.
fn locate_chunked(
    data: &[u8],
    position: usize,
    scattered: &mut Vec<usize>,
    column: usize,
) -> Result<(Slot, usize), Fault> {
    let total = u64::from_le_bytes(array(data, position)?);
    let first = position + 8;
    if total == NULL_TOTAL {
        return Ok((Slot::NULL, first));
    }
    let mut at = first;
    let mut chunks = 0;
    let mut sum = 0_usize;
    loop {
        let length = chunk_length(data, at)?;
        at += 4;
        if length == 0 {
            break;
        }
        if data.len() - at < length {
            return Err(Fault::Short);
        }
        at += length;
        sum += length;
        chunks += 1;
    }
    if total != UNKNOWN_TOTAL && total != sum as u64 {
        let detail = format!("a value announced with {total} bytes has {sum}");
        return Err(Fault::Invalid(detail));
    }
    let slot = match chunks {
        0 => Slot::new(first, 0)?,
        1 => Slot::new(first + 4, sum)?,
        _ => {
            scattered.push(column);
            Slot::new(first, 0)?
        }
    };
    Ok((slot, at))
}

#[inline(always)]
fn value(data: &[u8], position: usize, length: usize) -> Result<(Slot, usize), Fault> {
    let end = position + length;
    if end > data.len() {
        return Err(Fault::Short);
    }
    Ok((Slot::new(position, length)?, end))
}

#[inline(always)]
fn array<const N: usize>(data: &[u8], position: usize) -> Result<[u8; N], Fault> {
    data.get(position..).and_then(|rest| rest.first_chunk()).copied().ok_or(Fault::Short)
}

fn chunk_length(data: &[u8], position: usize) -> Result<usize, Fault> {
    to_usize(u32::from_le_bytes(array(data, position)?).into())
}

fn to_usize(length: u64) -> Result<usize, Fault> {
    // Beyond what any buffer here may hold, and no sum of two of them overflows.
    if length > 1 << 31 {
        return Err(Fault::invalid(format!("a value of {length} bytes")));
    }
    usize::try_from(length).map_err(|_| Fault::invalid("a length above the address space"))
}

#[cfg(test)]
mod tests;
