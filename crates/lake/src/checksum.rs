//! CRC-64/NVME, the checksum that the service knows, of pieces that may come in any order.

use base64::{Engine, engine::general_purpose::STANDARD};
use crc64fast_nvme::Digest;

/// Whether checksums accompany the bytes of a transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Integrity {
    /// Every byte is covered by a CRC-64 on its way, as far as the service can, and the file by
    /// one that is stored with it.
    #[default]
    Checked,
    /// Only lengths are compared. It saves about 0.12 CPU seconds a GiB.
    Unchecked,
}

/// The checksum of a run of bytes, and how many they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crc64 {
    value: u64,
    length: u64,
}

impl Crc64 {
    pub(crate) fn new(value: u64, length: u64) -> Self {
        Self { value, length }
    }

    pub(crate) fn of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut digest = Digest::new();
        let mut length = 0;
        for piece in pieces {
            digest.write(piece);
            length += piece.len() as u64;
        }
        Self { value: digest.sum64(), length }
    }

    pub(crate) fn value(self) -> u64 {
        self.value
    }

    pub(crate) fn length(self) -> u64 {
        self.length
    }

    /// The checksum of these bytes with those of `next` behind them, without looking at either.
    pub(crate) fn then(self, next: Self) -> Self {
        // A byte appended multiplies the remainder by x^8.
        let shifted = multiply(power_of_x(next.length), self.value);
        Self { value: shifted ^ next.value, length: self.length + next.length }
    }

    /// As the service writes it: base64 of eight bytes, the lowest first.
    pub(crate) fn base64(self) -> String {
        STANDARD.encode(self.value.to_le_bytes())
    }

    /// Whether `text`, in the service's spelling, is this checksum.
    pub(crate) fn is(self, text: &str) -> bool {
        STANDARD.decode(text.trim()).is_ok_and(|bytes| bytes == self.value.to_le_bytes())
    }

    /// The value of the metadata that a file carries: checksum and length, for other programs may
    /// append to the file and leave the metadata as they are.
    pub(crate) fn to_metadata(self) -> String {
        [self.base64().as_str(), "/", &self.length.to_string()].concat()
    }

    pub(crate) fn from_metadata(text: &str) -> Option<Self> {
        // The alphabet of base64 has a slash of its own.
        let (value, length) = text.rsplit_once('/')?;
        let value = STANDARD.decode(value).ok()?.try_into().ok()?;
        Some(Self { value: u64::from_le_bytes(value), length: length.parse().ok()? })
    }
}

/// The name of the metadata that holds the checksum of a whole file, `azconnect_crc64`.
pub(crate) const X_MS_META_CRC64: &str = "x-ms-meta-azconnect_crc64";

/// x^(8 n) modulo the polynomial.
fn power_of_x(bytes: u64) -> u64 {
    let (mut power, mut square, mut left) = (ONE, X_TO_THE_8, bytes);
    while left > 0 {
        if left & 1 == 1 {
            power = multiply(square, power);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    power
}

/// The product of two polynomials over GF(2), modulo the one of CRC-64/NVME. The highest bit is
/// the coefficient of x^0.
fn multiply(a: u64, b: u64) -> u64 {
    let (mut product, mut factor) = (0, b);
    for bit in (0..64).rev() {
        if a >> bit & 1 == 1 {
            product ^= factor;
        }
        factor = (factor >> 1) ^ if factor & 1 == 1 { POLYNOMIAL } else { 0 };
    }
    product
}

const ONE: u64 = 1 << 63;
const X_TO_THE_8: u64 = 1 << 55;

/// Reflected.
///
/// Source: <https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme>
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_combine_to_the_whole() {
        // The check value of the catalogue.
        let whole = Crc64::new(0xae8b_1486_0a79_9888, 9);
        assert_eq!(Crc64::of([&b"123456789"[..]]), whole);
        for cut in 0..=9 {
            let (one, other) = b"123456789".split_at(cut);
            assert_eq!(Crc64::of([one]).then(Crc64::of([other])), whole, "{cut}");
        }
        let long = vec![0xa5; 3_000_001];
        let parts = long.chunks(65_537).map(|part| Crc64::of([part]));
        assert_eq!(parts.fold(Crc64::default(), Crc64::then), Crc64::of([&long[..]]));
    }

    #[test]
    fn metadata_is_read_or_left_alone() {
        let sum = Crc64::of([&b"x"[..]]);
        assert_eq!(Crc64::from_metadata(&sum.to_metadata()), Some(sum));
        let slashes = Crc64::new(u64::MAX, 7);
        assert_eq!(Crc64::from_metadata(&slashes.to_metadata()), Some(slashes));
        for bad in ["", "/", "AAAAAAAAAAA=", "AAAAAAAAAAA=/x", "AAAA/1", "AAAAAAAAAAA=/-1"] {
            assert_eq!(Crc64::from_metadata(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_spelling_is_the_services() {
        let sum = Crc64::of([&b"123456789"[..]]);
        assert!(sum.is("iJh5CoYUi64="));
        assert!(!sum.is("iJh5CoYUi68=") && !sum.is("") && !sum.is("iJh5"));
    }
}
