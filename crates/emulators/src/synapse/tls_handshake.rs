//! The stream below TLS. TDS 7 sends the bytes of the TLS handshake within PRELOGIN packets, and
//! everything after it the other way round: TDS packets within TLS.
//!
//! Spec: MS-TDS 3.3.5.1 and 3.2.5.1

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    cursor::ProtocolError,
    packet::{DEFAULT_PACKET_BYTES, END_OF_MESSAGE, HEADER_BYTES, frame, kind},
};

/// Wraps what TLS writes into packets, and unwraps what it reads, until told to stop.
#[derive(Debug)]
pub(super) struct HandshakeStream<S> {
    stream: S,
    wrapped: bool,
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    /// What the packet being read still has.
    body_left: usize,
    /// What TLS has written since the last flush.
    written: Vec<u8>,
    /// Packets on their way, and how much of them is sent.
    wire: Vec<u8>,
    wire_sent: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> HandshakeStream<S> {
    /// A stream that wraps from the start.
    pub(super) fn wrapped(stream: S) -> Self {
        Self::new(stream, true)
    }

    /// A stream that never wraps, for clients that begin with TLS (TDS 8).
    pub(super) fn plain(stream: S) -> Self {
        Self::new(stream, false)
    }

    fn new(stream: S, wrapped: bool) -> Self {
        Self {
            stream,
            wrapped,
            header: [0; HEADER_BYTES],
            header_filled: 0,
            body_left: 0,
            written: Vec::new(),
            wire: Vec::new(),
            wire_sent: 0,
        }
    }

    /// Passes everything through from now on. The handshake must be over and flushed.
    pub(super) fn unwrap_from_now_on(&mut self) -> Result<(), ProtocolError> {
        if self.body_left != 0 || self.header_filled != 0 {
            return Err(ProtocolError("a packet of the TLS handshake goes on after its end"));
        }
        self.wrapped = false;
        Ok(())
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.written.is_empty() {
            let mut pieces = self.written.chunks(DEFAULT_PACKET_BYTES - HEADER_BYTES).peekable();
            let mut number = 0_u8;
            while let Some(piece) = pieces.next() {
                number = number.wrapping_add(1);
                let status = if pieces.peek().is_none() { END_OF_MESSAGE } else { 0 };
                frame(&mut self.wire, kind::PRELOGIN, status, number, piece);
            }
            self.written.clear();
        }
        while let Some(rest) = self.wire.get(self.wire_sent..).filter(|rest| !rest.is_empty()) {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wire_sent += sent;
        }
        self.wire.clear();
        self.wire_sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Reads the header of the next packet. `Ok(false)`: the client has closed the connection.
    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.header_filled < HEADER_BYTES {
            let mut buffer =
                ReadBuf::new(self.header.get_mut(self.header_filled..).unwrap_or_default());
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 if self.header_filled == 0 => return Poll::Ready(Ok(false)),
                0 => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                read => self.header_filled += read,
            }
        }
        let [kind, _, high, low, ..] = self.header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = length.checked_sub(HEADER_BYTES);
        let (kind::PRELOGIN, Some(body)) = (kind, body) else {
            let error = ProtocolError("the TLS handshake is not within PRELOGIN packets");
            return Poll::Ready(Err(error.into()));
        };
        self.body_left = body;
        self.header_filled = 0;
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HandshakeStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.wrapped {
            return Pin::new(&mut this.stream).poll_read(cx, buffer);
        }
        // The client answers only what it has seen.
        ready!(this.poll_send(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        while this.body_left == 0 {
            if !ready!(this.poll_header(cx))? {
                return Poll::Ready(Ok(()));
            }
        }
        let room = this.body_left.min(buffer.remaining());
        let mut body = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut body))?;
        let read = body.filled().len();
        buffer.advance(read);
        this.body_left -= read;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HandshakeStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wrapped {
            return Pin::new(&mut this.stream).poll_write(cx, bytes);
        }
        this.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wrapped {
            return Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        }
        let before = this.written.len();
        for slice in slices {
            this.written.extend_from_slice(slice);
        }
        Poll::Ready(Ok(this.written.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        self.wrapped || self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_flight_is_wrapped_at_the_flush_and_later_bytes_are_not() {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut stream = HandshakeStream::wrapped(server);
        stream.write_all(b"Server").await.unwrap();
        stream.write_all(b"Hello").await.unwrap();
        stream.flush().await.unwrap();
        let mut packet = [0; 19];
        client.read_exact(&mut packet).await.unwrap();
        assert_eq!(&packet[..], b"\x12\x01\x00\x13\x00\x00\x01\x00ServerHello");

        stream.unwrap_from_now_on().unwrap();
        stream.write_all(b"data").await.unwrap();
        let mut plain = [0; 4];
        client.read_exact(&mut plain).await.unwrap();
        assert_eq!(&plain, b"data");
    }

    #[tokio::test]
    async fn a_flight_in_several_packets_is_unwrapped() {
        let (mut client, server) = tokio::io::duplex(64 * 1024);
        let mut stream = HandshakeStream::wrapped(server);
        client.write_all(b"\x12\x00\x00\x0c\x00\x00\x01\x00Clie").await.unwrap();
        client.write_all(b"\x12\x00\x00\x08\x00\x00\x02\x00").await.unwrap();
        client.write_all(b"\x12\x01\x00\x0f\x00\x00\x03\x00ntHello").await.unwrap();
        let mut hello = [0; 11];
        stream.read_exact(&mut hello).await.unwrap();
        assert_eq!(&hello, b"ClientHello");
        stream.unwrap_from_now_on().unwrap();
    }

    #[tokio::test]
    async fn a_handshake_outside_of_prelogin_packets_is_refused() {
        let (mut client, server) = tokio::io::duplex(1024);
        let mut stream = HandshakeStream::wrapped(server);
        client.write_all(b"\x16\x03\x01\x00\xc0\x01\x00\x00").await.unwrap();
        stream.read_u8().await.unwrap_err();
    }
}
