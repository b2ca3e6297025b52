//! Packets: messages are received whole, replies are cut to the negotiated packet size.
//!
//! Spec: MS-TDS 2.2.3, <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/>

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::cursor::ProtocolError;

/// A message of a client: its type byte and the payload of its packets, one after the other.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) payload: Vec<u8>,
}

/// The types of messages that a client sends.
pub(super) mod kind {
    pub(crate) const SQL_BATCH: u8 = 0x01;
    pub(crate) const RPC: u8 = 0x03;
    pub(crate) const REPLY: u8 = 0x04;
    pub(crate) const ATTENTION: u8 = 0x06;
    pub(crate) const FEDAUTH_TOKEN: u8 = 0x08;
    pub(crate) const TRANSACTION_MANAGER: u8 = 0x0e;
    pub(crate) const LOGIN7: u8 = 0x10;
    pub(crate) const PRELOGIN: u8 = 0x12;
}

pub(super) const HEADER_BYTES: usize = 8;

/// The packet size before a login has negotiated another.
pub(super) const DEFAULT_PACKET_BYTES: usize = 4096;

/// "This is the last packet of the message", in the status byte.
pub(super) const END_OF_MESSAGE: u8 = 0x01;

/// "Forget this message", in the status byte of its last packet.
const IGNORE: u8 = 0x02;

/// Receives messages.
#[derive(Debug)]
pub(super) struct MessageReader<R> {
    stream: R,
    input: BytesMut,
    kind: Option<u8>,
    payload: Vec<u8>,
    limit: usize,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// `limit`: the most bytes a message may have.
    pub(super) fn new(stream: R, limit: usize) -> Self {
        Self { stream, input: BytesMut::new(), kind: None, payload: Vec::new(), limit }
    }

    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The next message, or `None` once the client has closed the connection between two.
    ///
    /// Cancel safe: what was received of a message is kept for the next call.
    pub(super) async fn next(&mut self) -> io::Result<Option<Message>> {
        loop {
            while let Some(complete) = self.take_packet()? {
                if let Some(message) = complete {
                    return Ok(Some(message));
                }
            }
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return if self.input.is_empty() && self.kind.is_none() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Takes one packet out of the input if it is there: `Some(None)` if it was not the last of
    /// its message.
    fn take_packet(&mut self) -> io::Result<Option<Option<Message>>> {
        let Some(header) = self.input.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
        let [kind, status, high, low, ..] = *header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body =
            length.checked_sub(HEADER_BYTES).ok_or_else(|| invalid("a packet is too short"))?;
        if *self.kind.get_or_insert(kind) != kind {
            return Err(invalid("a packet of another type stands within a message"));
        }
        if self.payload.len() + body > self.limit {
            return Err(invalid("a message is too long"));
        }
        if self.input.len() < length {
            return Ok(None);
        }
        self.input.advance(HEADER_BYTES);
        self.payload.extend_from_slice(&self.input.split_to(body));
        if status & END_OF_MESSAGE == 0 {
            return Ok(Some(None));
        }
        self.kind = None;
        let payload = std::mem::take(&mut self.payload);
        Ok(Some((status & IGNORE == 0).then_some(Message { kind, payload })))
    }

    /// Gives the stream back. Fails if the client has sent more than it was asked for: before TLS,
    /// that would be a way to slip a plain message into the encrypted ones.
    pub(super) fn into_inner(self) -> io::Result<R> {
        if self.input.is_empty() {
            Ok(self.stream)
        } else {
            Err(invalid("data follows a message that has to be answered first"))
        }
    }
}

/// Sends replies through one buffer that is used again and again.
///
/// Tokens go to [`MessageWriter::payload`]; [`MessageWriter::send_full_packets`] sends what fills
/// packets, [`MessageWriter::finish`] the rest and the end of the message.
#[derive(Debug)]
pub(super) struct MessageWriter<W> {
    stream: W,
    packet_bytes: usize,
    next_packet: u8,
    payload: Vec<u8>,
    wire: Vec<u8>,
    cut_after: Option<u64>,
}

impl<W: AsyncWrite + Unpin> MessageWriter<W> {
    pub(super) fn new(stream: W) -> Self {
        Self {
            stream,
            packet_bytes: DEFAULT_PACKET_BYTES,
            next_packet: 1,
            payload: Vec::new(),
            wire: Vec::new(),
            cut_after: None,
        }
    }

    /// Takes effect with the next message.
    pub(super) fn set_packet_bytes(&mut self, packet_bytes: usize) {
        self.packet_bytes = packet_bytes;
    }

    /// Closes the connection, by an error, once this many more bytes have been sent.
    pub(super) fn cut_after(&mut self, bytes: Option<u64>) {
        self.cut_after = bytes;
    }

    /// Where the tokens of the message are appended.
    pub(super) fn payload(&mut self) -> &mut Vec<u8> {
        &mut self.payload
    }

    /// Whether enough is waiting to be worth a write.
    pub(super) fn is_full(&self) -> bool {
        self.payload.len() >= WRITE_BYTES
    }

    /// Sends all full packets but the last, which `finish` may have to mark as such.
    ///
    /// Not cancel safe: a message would have a hole.
    pub(super) async fn send_full_packets(&mut self) -> io::Result<()> {
        let body = self.packet_bytes - HEADER_BYTES;
        let packets = self.payload.len().saturating_sub(1) / body;
        for packet in self.payload.chunks_exact(body).take(packets) {
            frame(&mut self.wire, kind::REPLY, 0, self.next_packet, packet);
            self.next_packet = self.next_packet.wrapping_add(1);
        }
        self.payload.drain(..packets * body);
        self.write().await
    }

    /// Sends the rest of the message.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        self.send_full_packets().await?;
        frame(&mut self.wire, kind::REPLY, END_OF_MESSAGE, self.next_packet, &self.payload);
        self.payload.clear();
        self.next_packet = 1;
        self.write().await?;
        self.stream.flush().await
    }

    async fn write(&mut self) -> io::Result<()> {
        let mut wire = self.wire.as_slice();
        if let Some(left) = &mut self.cut_after {
            let sent = usize::try_from(*left).unwrap_or(usize::MAX).min(wire.len());
            *left -= sent as u64;
            wire = wire.get(..sent).unwrap_or_default();
        }
        self.stream.write_all(wire).await?;
        self.wire.clear();
        if self.cut_after == Some(0) {
            self.stream.flush().await?;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut as a test asked"));
        }
        Ok(())
    }

    /// Ends the stream in the way that tells the client it was meant.
    pub(super) async fn shut_down(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }
}

/// Appends one packet.
pub(super) fn frame(wire: &mut Vec<u8>, kind: u8, status: u8, number: u8, body: &[u8]) {
    // A body is never longer than the packet size, which has two bytes.
    let length = u16::try_from(HEADER_BYTES + body.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    wire.extend_from_slice(&[kind, status, high, low, 0, 0, number, 0]);
    wire.extend_from_slice(body);
}

fn invalid(what: &'static str) -> io::Error {
    ProtocolError(what).into()
}

impl From<ProtocolError> for io::Error {
    fn from(error: ProtocolError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}

/// How much is received at a time, at least.
const READ_BYTES: usize = 4096;

/// How much of a reply is gathered before it is sent.
const WRITE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(message: &[u8]) -> Vec<(u8, u8, usize)> {
        let mut rest = message;
        let mut seen = Vec::new();
        while let [_, status, high, low, _, _, number, ..] = *rest {
            let length = usize::from(u16::from_be_bytes([high, low]));
            seen.push((status, number, length));
            rest = &rest[length..];
        }
        seen
    }

    #[tokio::test]
    async fn a_reply_is_cut_at_the_packet_size_and_only_its_last_packet_ends_it() {
        for (bytes, expected) in [
            (0, vec![(1, 1, 8)]),
            (4088, vec![(1, 1, 4096)]),
            (4089, vec![(0, 1, 4096), (1, 2, 9)]),
            (8176, vec![(0, 1, 4096), (1, 2, 4096)]),
        ] {
            let mut writer = MessageWriter::new(Vec::new());
            writer.payload().resize(bytes, 7);
            writer.send_full_packets().await.unwrap();
            writer.finish().await.unwrap();
            assert_eq!(packets(&writer.stream), expected, "{bytes} bytes");
        }
    }

    #[tokio::test]
    async fn a_message_of_several_packets_is_put_together() {
        let mut wire = Vec::new();
        frame(&mut wire, kind::RPC, 0, 1, b"ab");
        frame(&mut wire, kind::RPC, END_OF_MESSAGE, 2, b"c");
        frame(&mut wire, kind::ATTENTION, END_OF_MESSAGE, 1, b"");
        let mut reader = MessageReader::new(wire.as_slice(), 100);
        let message = reader.next().await.unwrap().unwrap();
        assert_eq!((message.kind, message.payload.as_slice()), (kind::RPC, b"abc".as_slice()));
        assert_eq!(reader.next().await.unwrap().unwrap().kind, kind::ATTENTION);
        assert!(reader.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_message_that_is_taken_back_is_not_seen() {
        let mut wire = Vec::new();
        frame(&mut wire, kind::SQL_BATCH, 0, 1, b"SELECT");
        frame(&mut wire, kind::SQL_BATCH, END_OF_MESSAGE | IGNORE, 2, b" 1");
        frame(&mut wire, kind::ATTENTION, END_OF_MESSAGE, 1, b"");
        let mut reader = MessageReader::new(wire.as_slice(), 100);
        assert_eq!(reader.next().await.unwrap().unwrap().kind, kind::ATTENTION);
    }

    #[tokio::test]
    async fn hostile_packets_are_refused() {
        let mut mixed = Vec::new();
        frame(&mut mixed, kind::RPC, 0, 1, b"ab");
        frame(&mut mixed, kind::SQL_BATCH, END_OF_MESSAGE, 2, b"c");
        let mut long = Vec::new();
        frame(&mut long, kind::RPC, 0, 1, &[0; 60]);
        frame(&mut long, kind::RPC, 0, 2, &[0; 60]);
        let short = vec![kind::RPC, 1, 0, 7, 0, 0, 1, 0];
        let cut = vec![kind::RPC, 1, 0, 20, 0, 0, 1, 0, 5];
        for wire in [mixed, long, short, cut] {
            let mut reader = MessageReader::new(wire.as_slice(), 100);
            reader.next().await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_cut_sends_exactly_the_bytes_before_it() {
        let mut writer = MessageWriter::new(Vec::new());
        writer.cut_after(Some(5000));
        writer.payload().resize(20_000, 7);
        writer.send_full_packets().await.unwrap_err();
        assert_eq!(writer.stream.len(), 5000);
    }
}
