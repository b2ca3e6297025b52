//! Buffers that are used again: touching fresh memory costs more than filling it from a socket.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Buffers of one size, handed out empty and taken back when their bytes are no longer used.
#[derive(Clone, Debug)]
pub(crate) struct BufferPool {
    capacity: usize,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl BufferPool {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, free: Arc::default() }
    }

    /// An empty buffer with the pool's capacity.
    pub(crate) fn take(&self) -> Vec<u8> {
        let used = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        used.unwrap_or_else(|| Vec::with_capacity(self.capacity))
    }

    /// The content of `buffer`, which comes back when the last copy of the `Bytes` is dropped.
    pub(crate) fn share(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Shared { buffer, pool: self.clone() })
    }
}

struct Shared {
    buffer: Vec<u8>,
    pool: BufferPool,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.pool.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_after_its_last_use() {
        let pool = BufferPool::new(16);
        let mut buffer = pool.take();
        buffer.extend_from_slice(b"content");
        let address = buffer.as_ptr();
        let bytes = pool.share(buffer);
        let copy = bytes.slice(1..3);
        drop(bytes);
        let other = pool.take();
        assert_ne!(other.as_ptr(), address, "a copy still uses it");
        assert_eq!(copy, b"on"[..]);
        drop(copy);
        let again = pool.take();
        assert!(again.is_empty());
        assert_eq!(again.as_ptr(), address);
    }
}
