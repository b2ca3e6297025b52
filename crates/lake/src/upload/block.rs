//! One block: gathered from pieces without copying them, and checked by the service on arrival.

use bytes::{Bytes, BytesMut};

use crate::{
    checksum::{Crc64, Integrity},
    wire::Body,
};

/// Pieces that will be one request's body.
#[derive(Debug, Default)]
pub(super) struct Block {
    pieces: Vec<Bytes>,
    /// Small pieces are copied together: a request of thousands of pieces costs more than that.
    small: BytesMut,
    length: usize,
}

impl Block {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        if piece.len() < SMALL_PIECE {
            self.small.extend_from_slice(&piece);
        } else {
            self.end_small();
            self.pieces.push(piece);
        }
    }

    /// The pieces and their checksum, if it is wanted.
    pub(super) fn into_body(mut self, integrity: Integrity) -> (Body, Option<Crc64>) {
        self.end_small();
        let sum = match integrity {
            Integrity::Checked => Some(Crc64::of(self.pieces.iter().map(AsRef::as_ref))),
            Integrity::Unchecked => None,
        };
        (Body::pieces(self.pieces), sum)
    }

    fn end_small(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }
}

/// The header with the CRC-64 of a body, which the service computes too and compares.
///
/// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block#request-headers>
pub(super) const X_MS_CONTENT_CRC64: &str = "x-ms-content-crc64";

const SMALL_PIECE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc64_nvme_whatever_the_pieces() {
        // Check value of CRC-64/NVME in the catalogue of parametrized CRC algorithms:
        // https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-64-nvme
        let expected = Some(Crc64::new(0xae8b_1486_0a79_9888, 9));
        for pieces in [&["123456789"][..], &["1234", "56789"], &["1", "", "2345678", "9"]] {
            let mut block = Block::default();
            for piece in pieces {
                block.push(Bytes::from_static(piece.as_bytes()));
            }
            assert_eq!(block.len(), 9);
            assert_eq!(block.into_body(Integrity::Checked).1, expected);
        }
    }

    #[test]
    fn order_is_kept_between_small_and_large_pieces() {
        let large = Bytes::from(vec![b'L'; SMALL_PIECE]);
        let mut block = Block::default();
        for piece in [Bytes::from_static(b"a"), "b".into(), large.clone(), "c".into()] {
            block.push(piece);
        }
        let (Body::Pieces { pieces, length }, _) = block.into_body(Integrity::Checked) else {
            panic!("a block has a body");
        };
        assert_eq!(length, SMALL_PIECE as u64 + 3);
        assert_eq!(*pieces, [Bytes::from_static(b"ab"), large.clone(), "c".into()]);
        assert_eq!(pieces[1].as_ptr(), large.as_ptr(), "large pieces are not copied");
    }
}
