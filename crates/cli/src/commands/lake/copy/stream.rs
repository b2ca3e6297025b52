//! Stdin as a stream of bytes.

use std::io::{self, Read};

use bytes::Bytes;
use futures::{Stream, stream};

/// What comes on stdin, in pieces of up to 1 MiB.
pub(super) fn stdin() -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((), |()| async {
        // Nothing tells when stdin is ready, so that a thread has to wait for it.
        let read = tokio::task::spawn_blocking(|| {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            io::stdin().lock().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            Ok(piece)
        });
        let piece = read.await.map_err(io::Error::other).and_then(|piece| piece)?;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), ())))
    })
}

const PIECE_BYTES: usize = 1024 * 1024;
