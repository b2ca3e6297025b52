//! Moves bodies between the network and the disk, in bounded memory and off the async threads.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http_body_util::BodyExt;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{
    digest::{Digest, Digester, ExpectedDigests},
    failure::{Code, Failure},
    range::ByteRange,
};

/// Runs a piece of file work where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Failure::io("run file work", &io::Error::other(error))),
    }
}

/// Writes a request's body to `file` from where it stands, and checks its checksum.
///
/// While one batch of frames is written, the next one is received: at most two batches are in
/// memory.
pub(crate) async fn receive(
    mut body: Body,
    length: u64,
    expected: &ExpectedDigests,
    file: File,
) -> Result<Digest, Failure> {
    let mut sink = Sink::Idle(Writer { file, digester: expected.digester()? });
    let mut batch = Vec::new();
    let (mut batched, mut received) = (0, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            tracing::debug!(%error, "a request body ended early");
            Failure::new(Code::IncompleteBody)
        })?;
        let Ok(bytes) = frame.into_data() else { continue };
        received += bytes.len() as u64;
        batched += bytes.len();
        batch.push(bytes);
        if batched >= BATCH_BYTES {
            sink = sink.write(std::mem::take(&mut batch)).await?;
            batched = 0;
        }
    }
    if received != length {
        return Err(Failure::new(Code::IncompleteBody));
    }
    let digest = sink.write(batch).await?.finish().await?;
    expected.check(&digest)?;
    Ok(digest)
}

/// Reads a small document that a request carries.
pub(crate) async fn receive_document(body: Body, limit: usize) -> Result<Bytes, Failure> {
    match http_body_util::Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(Failure::new(Code::RequestBodyTooLarge))
        }
        Err(_) => Err(Failure::new(Code::IncompleteBody)),
    }
}

/// Reads what is left of a refused request's body, up to a limit, so that the answer is not lost
/// in the reset of a connection that still had bytes under way.
pub(crate) async fn drain(mut body: Body) {
    let mut left = MAX_DRAINED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Sends a part of a file.
///
/// `cut_after`: break the connection after so many bytes.
pub(crate) fn send(file: File, range: ByteRange, cut_after: Option<u64>) -> Body {
    let state = Sending {
        file: Some(file),
        offset: range.offset,
        left: range.length,
        until_cut: cut_after,
    };
    Body::from_stream(stream::try_unfold(state, Sending::next))
}

/// Reads a small part of a file whole.
pub(crate) fn read_range(mut file: File, range: ByteRange) -> io::Result<Bytes> {
    file.seek(SeekFrom::Start(range.offset))?;
    read_chunk(&mut file, range.length)
}

/// The checksum of bytes in memory.
pub(crate) fn digest_of(mut digester: Digester, bytes: &Bytes) -> io::Result<Digest> {
    digester.update(bytes)?;
    digester.finish()
}

/// A file that is written, or about to be.
enum Sink {
    Idle(Writer),
    Writing(JoinHandle<io::Result<Writer>>),
}

struct Writer {
    file: File,
    digester: Digester,
}

impl Sink {
    /// Waits for the batch under way, then starts to write the next one.
    async fn write(self, batch: Vec<Bytes>) -> Result<Self, Failure> {
        let mut writer = self.idle().await?;
        Ok(Self::Writing(spawn_blocking(move || {
            for bytes in batch {
                writer.file.write_all(&bytes)?;
                writer.digester.update(&bytes)?;
            }
            Ok(writer)
        })))
    }

    async fn finish(self) -> Result<Digest, Failure> {
        let Writer { digester, .. } = self.idle().await?;
        digester.finish().map_err(|error| Failure::io("finish a checksum", &error))
    }

    async fn idle(self) -> Result<Writer, Failure> {
        match self {
            Self::Idle(writer) => Ok(writer),
            Self::Writing(task) => task
                .await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
                .map_err(|error| Failure::io("write a request body", &error)),
        }
    }
}

/// A file that is being sent.
struct Sending {
    /// `None` while a chunk is read elsewhere.
    file: Option<File>,
    offset: u64,
    left: u64,
    until_cut: Option<u64>,
}

impl Sending {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        if self.until_cut == Some(0) {
            // An error makes hyper drop what it has buffered: first let that reach the client.
            tokio::time::sleep(CUT_PAUSE).await;
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on request"));
        }
        let Some(mut file) = self.file.take() else { return Ok(None) };
        let length = self.left.min(CHUNK_BYTES).min(self.until_cut.unwrap_or(u64::MAX));
        let offset = self.offset;
        let read = spawn_blocking(move || {
            file.seek(SeekFrom::Start(offset))?;
            read_chunk(&mut file, length).map(|bytes| (file, bytes))
        });
        let (file, bytes) = read.await.map_err(io::Error::other)??;
        self.file = Some(file);
        self.offset += length;
        self.left -= length;
        self.until_cut = self.until_cut.map(|until| until - length);
        Ok(Some((bytes, self)))
    }
}

fn read_chunk(file: &mut File, length: u64) -> io::Result<Bytes> {
    let mut buffer = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    Read::by_ref(file).take(length).read_to_end(&mut buffer)?;
    if buffer.len() as u64 == length {
        Ok(buffer.into())
    } else {
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"))
    }
}

/// Large enough that a hand-over between threads costs nothing beside the copy.
const BATCH_BYTES: usize = 512 * 1024;
const CHUNK_BYTES: u64 = 256 * 1024;
const CUT_PAUSE: Duration = Duration::from_millis(100);
const MAX_DRAINED_BYTES: usize = 8 * 1024 * 1024;
