//! Messages over a [`Wire`]: whole requests out, a reply's payload in, in one reused buffer.

use std::io;

use zeroize::Zeroize;

use super::{
    packet::{self, PacketType, Unpacker},
    wire::Wire,
};

/// The packet size before the server names another.
/// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/773a62b6-ee89-4c02-9e5e-344882630aac>
const INITIAL_PACKET_BYTES: usize = 4_096;

/// A connection that exchanges messages.
pub(super) struct Channel {
    wire: Wire,
    unpacker: Unpacker,
    payload: Vec<u8>,
    start: usize,
    packet_bytes: usize,
    max_pending_bytes: usize,
}

/// Why a reply could not be continued.
#[derive(Debug)]
pub(super) enum ReceiveError {
    /// The reply is over, though more was expected.
    Ended,
    /// One row or token is larger than the caller allows.
    TooLarge(usize),
    /// The socket or TLS failed.
    Io(io::Error),
    /// The packets are not as the protocol demands.
    Invalid(&'static str),
}

impl Channel {
    /// `max_pending_bytes`: the most that may be buffered without being consumed.
    pub(super) fn new(wire: Wire, max_pending_bytes: usize) -> Self {
        Self {
            wire,
            unpacker: Unpacker::default(),
            payload: Vec::new(),
            start: 0,
            packet_bytes: INITIAL_PACKET_BYTES,
            max_pending_bytes,
        }
    }

    pub(super) fn wire_mut(&mut self) -> &mut Wire {
        &mut self.wire
    }

    /// Lets this much be buffered without being consumed.
    pub(super) fn set_max_pending_bytes(&mut self, bytes: usize) {
        self.max_pending_bytes = bytes;
    }

    /// Sends with this packet size from now on.
    pub(super) fn set_packet_bytes(&mut self, bytes: usize) {
        // Not above what the header's 16 bits can say.
        self.packet_bytes = bytes.clamp(512, 32_767);
    }

    /// Sends a request; what is left of the reply before it is forgotten.
    pub(super) fn send(&mut self, kind: PacketType, message: &[u8]) -> io::Result<()> {
        self.unpacker = Unpacker::default();
        self.payload.clear();
        self.start = 0;
        let mut packets = packet::split(kind, message, self.packet_bytes);
        let result = self.wire.send(&packets);
        if kind == PacketType::Login7 {
            packets.zeroize();
        }
        result
    }

    /// The part of the reply that is here and not consumed.
    pub(super) fn pending(&self) -> &[u8] {
        self.payload.get(self.start..).unwrap_or_default()
    }

    /// As [`pending`](Self::pending), for rearranging bytes in place.
    pub(super) fn pending_mut(&mut self) -> &mut [u8] {
        self.payload.get_mut(self.start..).unwrap_or_default()
    }

    /// Takes `length` bytes off the front of [`pending`](Self::pending).
    pub(super) fn consume(&mut self, length: usize) {
        self.start = self.payload.len().min(self.start + length);
    }

    /// Whether all of the reply is here.
    pub(super) fn ended(&self) -> bool {
        self.unpacker.ended()
    }

    /// Waits for more of the reply.
    pub(super) fn receive(&mut self) -> Result<(), ReceiveError> {
        if self.ended() {
            return Err(ReceiveError::Ended);
        }
        if self.start > 0 {
            let left = self.payload.len() - self.start;
            self.payload.copy_within(self.start.., 0);
            self.payload.truncate(left);
            self.start = 0;
        }
        if self.payload.len() > self.max_pending_bytes {
            return Err(ReceiveError::TooLarge(self.max_pending_bytes));
        }
        let before = self.payload.len();
        while self.payload.len() == before && !self.unpacker.ended() {
            let mut outcome = Ok(());
            let (unpacker, payload) = (&mut self.unpacker, &mut self.payload);
            let received = self.wire.receive(&mut |bytes| {
                if outcome.is_ok() {
                    outcome = unpacker.take(bytes, payload);
                }
            });
            outcome.map_err(ReceiveError::Invalid)?;
            received.map_err(ReceiveError::Io)?;
        }
        Ok(())
    }
}
