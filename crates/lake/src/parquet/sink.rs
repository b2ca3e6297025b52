//! What the Parquet encoder writes to: blocks that are handed on as they fill.

use std::io::{self, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::buffers::BufferPool;

/// Gathers bytes into blocks and sends each, waiting while the receiver has enough.
///
/// It must be used on a thread that may block.
pub(super) struct BlockSink {
    pool: BufferPool,
    filling: Vec<u8>,
    block_bytes: usize,
    blocks: mpsc::Sender<Bytes>,
}

impl BlockSink {
    pub(super) fn new(block_bytes: usize, blocks: mpsc::Sender<Bytes>) -> Self {
        let pool = BufferPool::new(block_bytes);
        Self { pool, filling: Vec::new(), block_bytes, blocks }
    }

    /// Sends what is left.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        if self.filling.is_empty() {
            return Ok(());
        }
        let block = self.pool.share(std::mem::take(&mut self.filling));
        self.blocks
            .blocking_send(block)
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the upload ended early"))
    }
}

impl Write for BlockSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.filling.capacity() == 0 {
            self.filling = self.pool.take();
        }
        let room = self.block_bytes - self.filling.len();
        let taken = room.min(bytes.len());
        let (now, _) = bytes.split_at(taken);
        self.filling.extend_from_slice(now);
        if self.filling.len() == self.block_bytes {
            self.send()?;
        }
        Ok(taken)
    }

    /// Blocks go when they are full; a file has none that is not, but the last.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_full_but_the_last() {
        let (sender, mut receiver) = mpsc::channel(8);
        let mut sink = BlockSink::new(4, sender);
        for piece in ["ab", "cdefghi", "", "j"] {
            sink.write_all(piece.as_bytes()).unwrap();
        }
        sink.finish().unwrap();
        drop(sink);
        let mut blocks = Vec::new();
        while let Some(block) = receiver.blocking_recv() {
            blocks.push(block);
        }
        assert_eq!(blocks, ["abcd", "efgh", "ij"]);
    }

    #[test]
    fn an_ended_upload_stops_the_encoder() {
        let (sender, receiver) = mpsc::channel(8);
        drop(receiver);
        let error = BlockSink::new(1, sender).write_all(b"ab").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
