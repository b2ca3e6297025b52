//! The byte pipe below TDS packets: a blocking socket, plain until TLS is up.
//!
//! TLS runs on rustls's unbuffered interface, so that encrypted bytes are read from the socket in
//! large pieces and decrypted bytes go straight to where packets are taken apart.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Instant,
};

use rustls::{
    client::UnbufferedClientConnection,
    pki_types::ServerName,
    unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus},
};

use super::packet::{self, HEADER_BYTES, PacketHeader, PacketType};

/// Bytes taken from the socket at once. Holds at least one TLS record (16 KiB) and, during the
/// handshake, one packet (64 KiB); small enough to stay in a core's cache.
const INCOMING_BYTES: usize = 128 << 10;

/// The handshake goes in packets of this size, as the size is negotiated only at login.
const HANDSHAKE_PACKET_BYTES: usize = 4_096;

/// A connection to the server.
pub(super) struct Wire {
    socket: TcpStream,
    tls: Option<UnbufferedClientConnection>,
    incoming: Vec<u8>,
    start: usize,
    end: usize,
    outgoing: Vec<u8>,
    deadline: Option<Instant>,
}

impl Wire {
    pub(super) fn new(socket: TcpStream, deadline: Instant) -> Self {
        Self {
            socket,
            tls: None,
            incoming: vec![0; INCOMING_BYTES],
            start: 0,
            end: 0,
            outgoing: Vec::new(),
            deadline: Some(deadline),
        }
    }

    /// From now on reading waits as long as the server takes.
    pub(super) fn clear_deadline(&mut self) -> io::Result<()> {
        self.deadline = None;
        self.socket.set_read_timeout(None)?;
        self.socket.set_write_timeout(None)
    }

    /// Brings TLS up with handshake records wrapped in PRELOGIN packets.
    ///
    /// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/60f56408-0188-4cd5-8b90-25c6f2423868>
    pub(super) fn start_tls(
        &mut self,
        config: &Arc<rustls::ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<()> {
        if self.start != self.end {
            return Err(invalid("the server sent bytes before the TLS handshake"));
        }
        let mut tls =
            UnbufferedClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        let mut unsent = Vec::new();
        loop {
            let UnbufferedStatus { discard, state } =
                tls.process_tls_records(&mut self.incoming[self.start..self.end]);
            let step = match state.map_err(tls_failure)? {
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(&mut unsent, |buffer| match data.encode(buffer) {
                        Ok(length) => Ok(Encoded::Written(length)),
                        Err(EncodeError::InsufficientSize(size)) => {
                            Ok(Encoded::Needs(size.required_size))
                        }
                        Err(error) => Err(io::Error::other(error)),
                    })?;
                    HandshakeStep::Again
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    HandshakeStep::Send
                }
                ConnectionState::BlockedHandshake => HandshakeStep::Receive,
                ConnectionState::WriteTraffic(_) => HandshakeStep::Done,
                _ => return Err(invalid("the server sent data during the TLS handshake")),
            };
            self.start += discard;
            match step {
                HandshakeStep::Again => {}
                HandshakeStep::Send => {
                    self.send_handshake(&unsent)?;
                    unsent.clear();
                }
                HandshakeStep::Receive => self.receive_handshake()?,
                HandshakeStep::Done => {
                    self.tls = Some(tls);
                    return Ok(());
                }
            }
        }
    }

    /// Sends bytes, encrypted once TLS is up.
    pub(super) fn send(&mut self, data: &[u8]) -> io::Result<()> {
        self.arm_timeouts()?;
        let Some(tls) = &mut self.tls else {
            return self.socket.write_all(data);
        };
        self.outgoing.clear();
        let status = tls.process_tls_records(&mut self.incoming[self.start..self.end]);
        let discard = status.discard;
        let ConnectionState::WriteTraffic(mut traffic) = status.state.map_err(tls_failure)? else {
            return Err(invalid("the server spoke before it was asked"));
        };
        encode(&mut self.outgoing, |buffer| match traffic.encrypt(data, buffer) {
            Ok(length) => Ok(Encoded::Written(length)),
            Err(EncryptError::InsufficientSize(size)) => Ok(Encoded::Needs(size.required_size)),
            Err(error) => Err(io::Error::other(error)),
        })?;
        self.start += discard;
        self.socket.write_all(&self.outgoing)
    }

    /// Waits for bytes and passes on all that are at hand, decrypted.
    ///
    /// An end of the stream is the error `UnexpectedEof`: TDS never ends by closing.
    pub(super) fn receive(&mut self, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
        if self.tls.is_none() {
            if self.start == self.end {
                self.fill()?;
            }
            sink(&self.incoming[self.start..self.end]);
            self.start = self.end;
            return Ok(());
        }
        let mut delivered = false;
        loop {
            let Some(tls) = &mut self.tls else {
                return Err(invalid("TLS is not up"));
            };
            let UnbufferedStatus { mut discard, state } =
                tls.process_tls_records(&mut self.incoming[self.start..self.end]);
            let mut needs_more = false;
            self.outgoing.clear();
            match state.map_err(tls_failure)? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(tls_failure)?;
                        discard += record.discard;
                        delivered |= !record.payload.is_empty();
                        sink(record.payload);
                    }
                }
                // An alert of ours: the next call reports why.
                ConnectionState::EncodeTlsData(mut data) => {
                    encode(&mut self.outgoing, |buffer| match data.encode(buffer) {
                        Ok(length) => Ok(Encoded::Written(length)),
                        Err(EncodeError::InsufficientSize(size)) => {
                            Ok(Encoded::Needs(size.required_size))
                        }
                        Err(error) => Err(io::Error::other(error)),
                    })?;
                    self.socket.write_all(&self.outgoing)?;
                }
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed | ConnectionState::Closed if !delivered => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                _ => needs_more = true,
            }
            self.start += discard;
            if needs_more {
                if delivered {
                    return Ok(());
                }
                self.fill()?;
            }
        }
    }

    /// Reads once from the socket, behind what is there already.
    fn fill(&mut self) -> io::Result<()> {
        self.make_room();
        self.arm_timeouts()?;
        let length = loop {
            match self.socket.read(&mut self.incoming[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.end += length;
        Ok(())
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 {
            self.incoming.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }

    fn send_handshake(&mut self, records: &[u8]) -> io::Result<()> {
        self.arm_timeouts()?;
        let packets = packet::split(PacketType::Prelogin, records, HANDSHAKE_PACKET_BYTES);
        self.socket.write_all(&packets)
    }

    /// Reads exactly one packet, so that no byte after the handshake is taken for part of it.
    fn receive_handshake(&mut self) -> io::Result<()> {
        self.make_room();
        self.arm_timeouts()?;
        let mut header = [0; HEADER_BYTES];
        self.socket.read_exact(&mut header)?;
        let length = PacketHeader::payload_length(&header)
            .ok_or_else(|| invalid("a packet of the TLS handshake is shorter than its header"))?;
        let Some(target) = self.incoming.get_mut(self.end..self.end + length) else {
            return Err(invalid("the server's part of the TLS handshake is too long"));
        };
        self.socket.read_exact(target)?;
        self.end += length;
        Ok(())
    }

    /// Lets the coming call on the socket end at the deadline.
    fn arm_timeouts(&self) -> io::Result<()> {
        let Some(deadline) = self.deadline else {
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        self.socket.set_write_timeout(Some(left))
    }
}

enum HandshakeStep {
    Again,
    Done,
    Receive,
    Send,
}

enum Encoded {
    Written(usize),
    Needs(usize),
}

/// Appends what `write` produces, growing the buffer once if it says so.
fn encode(
    buffer: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> io::Result<Encoded>,
) -> io::Result<()> {
    let start = buffer.len();
    let mut room = 1_024;
    for _ in 0..2 {
        buffer.resize(start + room, 0);
        match write(&mut buffer[start..])? {
            Encoded::Written(length) => {
                buffer.truncate(start + length);
                return Ok(());
            }
            Encoded::Needs(size) => room = size,
        }
    }
    Err(invalid("TLS asked twice for more room"))
}

fn tls_failure(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn invalid(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}
