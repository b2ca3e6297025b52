//! Bounds-checked reading of little-endian fields.

/// Why bytes could not be read as what they should be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The field goes on beyond the bytes at hand: read more and try again.
    Short,
    /// No further bytes can make this valid; the text says what is wrong.
    Invalid(String),
}

impl Fault {
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid(detail.into())
    }
}

/// A position in a slice of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    /// How many bytes were read so far.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    #[cfg(test)]
    pub(crate) fn is_at_end(&self) -> bool {
        self.position == self.data.len()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let rest = self.data.get(self.position..).ok_or(Fault::Short)?;
        let bytes = rest.get(..length).ok_or(Fault::Short)?;
        self.position += length;
        Ok(bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes(N)?.first_chunk().copied().ok_or(Fault::Short)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u16_be(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A field whose length in bytes stands before it in 16 bits.
    pub(crate) fn short_block(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u16()?;
        self.bytes(length.into())
    }

    /// A field whose length in bytes stands before it in 32 bits.
    pub(crate) fn long_block(&mut self) -> Result<&'a [u8], Fault> {
        let length = self.u32()?;
        self.bytes(usize::try_from(length).map_err(|_| Fault::invalid("a length above 4 GiB"))?)
    }

    /// UTF-16 text whose length in characters stands before it in 8 bits (`B_VARCHAR`).
    pub(crate) fn byte_text(&mut self) -> Result<String, Fault> {
        let characters = self.u8()?;
        self.text(characters.into())
    }

    /// UTF-16 text whose length in characters stands before it in 16 bits (`US_VARCHAR`).
    pub(crate) fn short_text(&mut self) -> Result<String, Fault> {
        let characters = self.u16()?;
        self.text(characters.into())
    }

    fn text(&mut self, characters: usize) -> Result<String, Fault> {
        let bytes = self.bytes(characters * 2)?;
        let (pairs, _) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair));
        Ok(char::decode_utf16(units)
            .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect())
    }
}
