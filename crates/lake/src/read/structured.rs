//! Takes apart a structured body: content in segments, each with a CRC-64 behind it.
//!
//! Content leaves as slices of what came. It is only to be relied on when the end of its segment
//! has been reported.
//!
//! Spec: <https://learn.microsoft.com/rest/api/storageservices/structured-body-format>

use bytes::{Buf, Bytes};
use crc64fast_nvme::Digest;

use crate::checksum::Crc64;

/// A body being taken apart.
pub(super) struct Decoder {
    state: State,
    /// The fixed parts may come in pieces.
    fixed: Fixed,
    content_length: u64,
    segments: u16,
    segment: u16,
    message_length: u64,
    /// Bytes of the message so far, frames and all.
    taken: u64,
    checked: Crc64,
}

/// What has come next.
#[derive(Debug)]
pub(super) enum Piece {
    Content(Bytes),
    /// All content since the last report has this checksum, and so it had at the service.
    Checked(Crc64),
}

/// What is wrong with a body.
pub(super) type Broken = String;

enum State {
    Header,
    SegmentHeader,
    Content { length: u64, left: u64, digest: Box<Digest> },
    SegmentChecksum(Crc64),
    Trailer,
    End,
}

#[derive(Default)]
struct Fixed {
    bytes: [u8; HEADER],
    filled: usize,
}

impl Decoder {
    /// Of a body with `content_length` bytes of content.
    pub(super) fn new(content_length: u64) -> Self {
        Self {
            state: State::Header,
            fixed: Fixed::default(),
            content_length,
            segments: 0,
            segment: 0,
            message_length: 0,
            taken: 0,
            checked: Crc64::default(),
        }
    }

    /// The next piece in `bytes`, which it is taken from; `None` if more bytes are needed.
    pub(super) fn next(&mut self, bytes: &mut Bytes) -> Result<Option<Piece>, Broken> {
        loop {
            let before = bytes.len();
            let piece = self.step(bytes);
            self.taken += (before - bytes.len()) as u64;
            match piece? {
                Step::Piece(piece) => return Ok(Some(piece)),
                Step::More => return Ok(None),
                Step::Again => {}
            }
        }
    }

    /// Whether all of it has come. A body that ends before is a connection that broke.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.state, State::End)
    }

    fn step(&mut self, bytes: &mut Bytes) -> Result<Step, Broken> {
        match &mut self.state {
            State::Header => {
                let Some(header) = self.fixed.fill::<HEADER>(bytes) else { return Ok(Step::More) };
                self.header(header)?;
            }
            State::SegmentHeader => {
                let Some(header) = self.fixed.fill::<SEGMENT_HEADER>(bytes) else {
                    return Ok(Step::More);
                };
                self.segment_header(header)?;
            }
            State::Content { length, left: 0, digest } => {
                self.state = State::SegmentChecksum(Crc64::new(digest.sum64(), *length));
            }
            State::Content { left, digest, .. } => {
                if bytes.is_empty() {
                    return Ok(Step::More);
                }
                let now = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let content = bytes.split_to(now);
                digest.write(&content);
                *left -= now as u64;
                return Ok(Step::Piece(Piece::Content(content)));
            }
            State::SegmentChecksum(found) => {
                let found = *found;
                let Some(sent) = self.fixed.fill::<CHECKSUM>(bytes) else { return Ok(Step::More) };
                if sent != found.value().to_le_bytes() {
                    return Err(format!(
                        "the CRC-64 of segment {} of {} is not that of its {} bytes",
                        self.segment,
                        self.segments,
                        found.length()
                    ));
                }
                self.checked = self.checked.then(found);
                let last = self.segment == self.segments;
                self.state = if last { State::Trailer } else { State::SegmentHeader };
                return Ok(Step::Piece(Piece::Checked(found)));
            }
            State::Trailer => {
                let Some(sent) = self.fixed.fill::<CHECKSUM>(bytes) else { return Ok(Step::More) };
                if sent != self.checked.value().to_le_bytes() {
                    return Err("its last CRC-64 is not that of all segments".to_owned());
                }
                if self.checked.length() != self.content_length {
                    return Err(format!(
                        "it has {} bytes of content in place of {}",
                        self.checked.length(),
                        self.content_length
                    ));
                }
                self.state = State::End;
            }
            State::End if bytes.is_empty() => return Ok(Step::More),
            State::End => return Err(format!("{} bytes follow its end", bytes.len())),
        }
        Ok(Step::Again)
    }

    fn header(&mut self, header: [u8; HEADER]) -> Result<(), Broken> {
        let mut header = &header[..];
        let version = header.get_u8();
        self.message_length = header.get_u64_le();
        let flags = header.get_u16_le();
        self.segments = header.get_u16_le();
        if version != 1 {
            return Err(format!("it is of version {version}, not 1"));
        }
        if flags != CRC64 {
            return Err(format!("its flags are {flags:#06x}, not {CRC64:#06x}"));
        }
        let frames = (HEADER + CHECKSUM) as u64
            + u64::from(self.segments) * (SEGMENT_HEADER + CHECKSUM) as u64;
        if self.segments == 0 || self.message_length != frames.saturating_add(self.content_length) {
            return Err(format!(
                "a message of {} bytes in {} segments cannot hold {} bytes of content",
                self.message_length, self.segments, self.content_length
            ));
        }
        self.state = State::SegmentHeader;
        Ok(())
    }

    fn segment_header(&mut self, header: [u8; SEGMENT_HEADER]) -> Result<(), Broken> {
        let mut header = &header[..];
        let number = header.get_u16_le();
        let length = header.get_u64_le();
        self.segment += 1;
        if number != self.segment {
            return Err(format!("segment {number} came where {} was due", self.segment));
        }
        let left = self.content_length - self.checked.length();
        if length > left {
            return Err(format!(
                "segment {number} has {length} bytes where {left} are left in the message"
            ));
        }
        self.state = State::Content { length, left: length, digest: Box::new(Digest::new()) };
        Ok(())
    }
}

enum Step {
    Piece(Piece),
    Again,
    More,
}

impl Fixed {
    /// The next `N` bytes, as soon as all of them have come.
    fn fill<const N: usize>(&mut self, bytes: &mut Bytes) -> Option<[u8; N]> {
        let room = self.bytes.get_mut(self.filled..N)?;
        let now = room.len().min(bytes.len());
        let (room, _) = room.split_at_mut(now);
        bytes.copy_to_slice(room);
        self.filled += now;
        if self.filled < N {
            return None;
        }
        self.filled = 0;
        self.bytes.first_chunk::<N>().copied()
    }
}

/// Asks for a structured body, and tells of one.
pub(super) const X_MS_STRUCTURED_BODY: &str = "x-ms-structured-body";
/// How many bytes of content there are in a structured body.
pub(super) const X_MS_STRUCTURED_CONTENT_LENGTH: &str = "x-ms-structured-content-length";
pub(super) const STRUCTURED_BODY: &str = "XSM/1.0; properties=crc64";

const HEADER: usize = 13;
const SEGMENT_HEADER: usize = 10;
const CHECKSUM: usize = 8;
const CRC64: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Written out by hand after the specification, apart from the decoder.
    fn message(segments: &[&[u8]]) -> Vec<u8> {
        let content: usize = segments.iter().map(|segment| segment.len()).sum();
        let total = 13 + segments.len() * 18 + content + 8;
        let mut bytes = vec![1];
        bytes.extend_from_slice(&(total as u64).to_le_bytes());
        bytes.extend_from_slice(&[1, 0]);
        bytes.extend_from_slice(&(segments.len() as u16).to_le_bytes());
        for (index, segment) in segments.iter().enumerate() {
            bytes.extend_from_slice(&(index as u16 + 1).to_le_bytes());
            bytes.extend_from_slice(&(segment.len() as u64).to_le_bytes());
            bytes.extend_from_slice(segment);
            bytes.extend_from_slice(&crc(segment).to_le_bytes());
        }
        bytes.extend_from_slice(&crc(&segments.concat()).to_le_bytes());
        bytes
    }

    fn crc(bytes: &[u8]) -> u64 {
        let mut digest = Digest::new();
        digest.write(bytes);
        digest.sum64()
    }

    fn decode(message: &[u8], content: u64, step: usize) -> Result<(Vec<u8>, u64, bool), Broken> {
        let mut decoder = Decoder::new(content);
        let (mut out, mut checked) = (Vec::new(), 0);
        for chunk in message.chunks(step) {
            let mut chunk = Bytes::copy_from_slice(chunk);
            while let Some(piece) = decoder.next(&mut chunk)? {
                match piece {
                    Piece::Content(bytes) => out.extend_from_slice(&bytes),
                    Piece::Checked(sum) => checked += sum.length(),
                }
            }
            assert!(chunk.is_empty());
        }
        Ok((out, checked, decoder.is_whole()))
    }

    #[test]
    fn content_comes_out_whatever_the_cuts() {
        for segments in [&[&b"1234"[..], b"56789"][..], &[b""], &[b"x"], &[b"", b"abc", b""]] {
            let (bytes, content) = (message(segments), segments.concat());
            for step in [1, 2, 7, 13, 1000] {
                let found = decode(&bytes, content.len() as u64, step).unwrap();
                assert_eq!(found, (content.clone(), content.len() as u64, true));
            }
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let good = message(&[b"1234", b"56789"]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let noticed = match decode(&bad, 9, 5) {
                Err(_) => true,
                // A segment that claims to be longer swallows what follows and is never whole.
                Ok((_, _, whole)) => !whole,
            };
            assert!(noticed, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_message_is_not_whole_and_a_long_one_is_refused() {
        let good = message(&[b"1234", b"56789"]);
        for length in 0..good.len() {
            assert!(!decode(&good[..length], 9, 3).unwrap().2, "{length}");
        }
        assert!(decode(&[&good[..], b"x"].concat(), 9, 100).is_err());
        assert!(decode(&good, 8, 100).is_err(), "another length was announced");
    }
}
