//! Packets: the header, and taking headers out of a stream of bytes.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/e5ea8520-1ea3-4a75-a2a9-c17e63e9ee19>

/// The size of every packet's header.
pub(super) const HEADER_BYTES: usize = 8;

/// The bit of the status byte that marks a message's last packet.
const END_OF_MESSAGE: u8 = 0x01;

/// What a packet is part of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(super) enum PacketType {
    SqlBatch = 0x01,
    TabularResult = 0x04,
    Login7 = 0x10,
    Prelogin = 0x12,
}

/// The header of a packet to send.
pub(super) struct PacketHeader {
    kind: PacketType,
    last: bool,
    payload_length: usize,
    number: u8,
}

impl PacketHeader {
    /// `index`: the packet's place in its message, from 0; `payload_length`: at most 65,527.
    pub(super) fn new(kind: PacketType, index: usize, last: bool, payload_length: usize) -> Self {
        // The server counts modulo 256 and ignores the number.
        let [low, ..] = index.wrapping_add(1).to_le_bytes();
        Self { kind, last, payload_length, number: low }
    }

    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let length = u16::try_from(self.payload_length + HEADER_BYTES).unwrap_or(u16::MAX);
        let [high, low] = length.to_be_bytes();
        let status = if self.last { END_OF_MESSAGE } else { 0 };
        [self.kind as u8, status, high, low, 0, 0, self.number, 0]
    }

    /// How much follows a header received; `None` if it says less than its own size.
    pub(super) fn payload_length(header: &[u8; HEADER_BYTES]) -> Option<usize> {
        let length = u16::from_be_bytes([header[2], header[3]]);
        usize::from(length).checked_sub(HEADER_BYTES)
    }
}

/// Splits a message into packets of at most `packet_bytes`, header included.
pub(super) fn split(kind: PacketType, message: &[u8], packet_bytes: usize) -> Vec<u8> {
    let piece_bytes = packet_bytes - HEADER_BYTES;
    let pieces = message.len().div_ceil(piece_bytes).max(1);
    let mut packets = Vec::with_capacity(message.len() + pieces * HEADER_BYTES);
    for index in 0..pieces {
        let start = index * piece_bytes;
        let end = message.len().min(start + piece_bytes);
        let header = PacketHeader::new(kind, index, index + 1 == pieces, end - start);
        packets.extend_from_slice(&header.encode());
        packets.extend_from_slice(&message[start..end]);
    }
    packets
}

/// Takes the headers out of the server's stream of packets, whatever pieces it arrives in.
#[derive(Debug, Default)]
pub(super) struct Unpacker {
    header: [u8; HEADER_BYTES],
    header_length: usize,
    payload_left: usize,
    last: bool,
    ended: bool,
}

impl Unpacker {
    /// Whether the message's last packet was taken whole.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Appends the payload in `bytes` to `payload`.
    pub(super) fn take(
        &mut self,
        mut bytes: &[u8],
        payload: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            if self.ended {
                return Err("the server went on after the end of its reply");
            }
            if self.payload_left == 0 {
                let wanted = HEADER_BYTES - self.header_length;
                let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
                self.header[self.header_length..self.header_length + piece.len()]
                    .copy_from_slice(piece);
                self.header_length += piece.len();
                bytes = rest;
                if self.header_length < HEADER_BYTES {
                    return Ok(());
                }
                self.start_packet()?;
            } else {
                let (piece, rest) = bytes.split_at(self.payload_left.min(bytes.len()));
                payload.extend_from_slice(piece);
                self.payload_left -= piece.len();
                bytes = rest;
            }
            if self.payload_left == 0 && self.header_length == 0 {
                self.ended = self.last;
            }
        }
        Ok(())
    }

    fn start_packet(&mut self) -> Result<(), &'static str> {
        if self.header[0] != PacketType::TabularResult as u8 {
            return Err("the server sent a packet that is no reply");
        }
        self.payload_left = PacketHeader::payload_length(&self.header)
            .ok_or("the server sent a packet shorter than its header")?;
        self.last = self.header[1] & END_OF_MESSAGE != 0;
        self.header_length = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(payload: &[u8], last: bool) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        let mut packet = vec![4, u8::from(last), length[0], length[1], 0, 51, 1, 0];
        packet.extend_from_slice(payload);
        packet
    }

    #[test]
    fn payload_is_the_same_in_whatever_pieces_packets_arrive() {
        let bytes = [reply(b"abc", false), reply(b"", false), reply(b"defgh", true)].concat();
        for size in 1..=bytes.len() {
            let mut unpacker = Unpacker::default();
            let mut payload = Vec::new();
            for piece in bytes.chunks(size) {
                assert!(!unpacker.ended());
                unpacker.take(piece, &mut payload).unwrap();
            }
            assert_eq!(payload, b"abcdefgh", "pieces of {size}");
            assert!(unpacker.ended());
        }
    }

    #[test]
    fn an_empty_last_packet_ends_the_message() {
        let mut unpacker = Unpacker::default();
        let mut payload = Vec::new();
        unpacker.take(&[reply(b"abc", false), reply(b"", true)].concat(), &mut payload).unwrap();
        assert!(unpacker.ended());
        assert_eq!(payload, b"abc");
    }

    #[test]
    fn packets_no_server_sends_are_refused() {
        let after_end = [reply(b"abc", true), reply(b"x", true)].concat();
        for bytes in [&after_end[..], &[4, 1, 0, 7, 0, 0, 1, 0], &[1, 1, 0, 8, 0, 0, 1, 0]] {
            Unpacker::default().take(bytes, &mut Vec::new()).unwrap_err();
        }
    }

    #[test]
    fn a_message_is_split_at_the_packet_size() {
        let packets = split(PacketType::SqlBatch, b"abcdefg", 12);
        assert_eq!(
            packets,
            [&[1, 0, 0, 12, 0, 0, 1, 0][..], b"abcd", &[1, 1, 0, 11, 0, 0, 2, 0], b"efg",].concat()
        );
        assert_eq!(split(PacketType::SqlBatch, b"", 12), [1, 1, 0, 8, 0, 0, 1, 0]);
    }
}
