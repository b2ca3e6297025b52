//! Reads what a client sent, piece by piece and within its bounds: every length in it may be a lie.

use std::fmt;

use zeroize::Zeroizing;

/// What a client sent breaks the protocol; the connection is closed on it, as SQL Server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProtocolError(pub(super) &'static str);

/// A position in bytes that were received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which stays.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ProtocolError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtocolError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ProtocolError> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_le_bytes)
    }

    /// The one big-endian number of the protocol's messages: offsets in PRELOGIN.
    pub(super) fn u16_be(&mut self) -> Result<u16, ProtocolError> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, ProtocolError> {
        self.array().map(i16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ProtocolError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, ProtocolError> {
        self.array().map(i32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ProtocolError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, ProtocolError> {
        self.array().map(i64::from_le_bytes)
    }

    pub(super) fn f32(&mut self) -> Result<f32, ProtocolError> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, ProtocolError> {
        self.array().map(f64::from_le_bytes)
    }

    /// An unsigned little-endian number of up to eight bytes.
    pub(super) fn uint(&mut self, bytes: usize) -> Result<u64, ProtocolError> {
        let mut wide = [0; 8];
        wide.get_mut(..bytes).ok_or(TOO_SHORT)?.copy_from_slice(self.bytes(bytes)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// Text whose length in UTF-16 units stands before it in one byte.
    pub(super) fn b_varchar(&mut self) -> Result<String, ProtocolError> {
        let units = self.u8()?;
        utf16(self.bytes(usize::from(units) * 2)?)
    }

    /// Bytes whose count stands before them in four bytes.
    pub(super) fn l_varbyte(&mut self) -> Result<&'a [u8], ProtocolError> {
        let length = self.u32()?;
        self.bytes(usize::try_from(length).map_err(|_| TOO_SHORT)?)
    }
}

/// Text of little-endian UTF-16. A lone surrogate becomes U+FFFD, as no string of ours can hold it.
pub(super) fn utf16(bytes: &[u8]) -> Result<String, ProtocolError> {
    let (units, odd) = bytes.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(ProtocolError("UTF-16 text has an odd number of bytes"));
    }
    let units = units.iter().map(|unit| u16::from_le_bytes(*unit));
    Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// As [`utf16`], for text that is wiped once it is not needed any more.
pub(super) fn secret_utf16(bytes: &[u8]) -> Result<Zeroizing<String>, ProtocolError> {
    utf16(bytes).map(Zeroizing::new)
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ProtocolError {}

const TOO_SHORT: ProtocolError = ProtocolError("a message ends before what it announces");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let mut cursor = Cursor::new(&[5, 0, 0, 0, b'a']);
        assert_eq!(cursor.l_varbyte(), Err(TOO_SHORT));
        let mut cursor = Cursor::new(&[2, b'a', 0]);
        assert_eq!(cursor.b_varchar(), Err(TOO_SHORT));
        let mut cursor = Cursor::new(&[1, 2, 3]);
        assert_eq!(cursor.u32(), Err(TOO_SHORT));
        assert_eq!(cursor.uint(9), Err(TOO_SHORT));
        assert_eq!(cursor.uint(3), Ok(0x03_02_01));
        assert!(cursor.is_empty());
    }

    #[test]
    fn a_lone_surrogate_is_replaced_and_an_odd_byte_refused() {
        assert_eq!(utf16(&[0x00, 0xd8, b'x', 0]).unwrap(), "\u{fffd}x");
        assert_eq!(utf16(&[0x3d, 0xd8, 0x00, 0xde]).unwrap(), "😀");
        assert!(utf16(b"x").is_err());
    }
}
