//! Reading files: ranges, streams and downloads, in parallel parts of one state of the file.

mod download;
mod local_file;
mod part;
mod structured;

use std::{
    fmt,
    ops::Range,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use futures::{
    Stream, StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use time::OffsetDateTime;

pub use self::download::Downloaded;
use self::part::{PartReader, Sink};
use crate::{
    checksum::{Crc64, Integrity},
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    progress::{ProgressHook, Rate},
    wire::Wire,
};

/// How a file is read.
///
/// At most `concurrency` parts of `part_bytes` are in memory at a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DownloadOptions {
    part_bytes: u64,
    concurrency: usize,
    if_match: Option<ETag>,
    existing_file: ExistingFile,
    integrity: Integrity,
    progress: Option<ProgressHook>,
}

/// What a download does with a local file that has the name already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExistingFile {
    /// It stays, and the download ends with `AlreadyExists`.
    Keep,
    /// It is replaced when the new one is whole.
    #[default]
    Replace,
}

/// A file being read from its start to its end, part by part.
///
/// As a stream it yields the parts in order, and ends after the first error.
pub struct LakeReader {
    facts: FileFacts,
    parts: BoxStream<'static, Result<Bytes>>,
}

/// What the first answer tells of the file, and what every further one is held to.
#[derive(Clone, Debug)]
pub(crate) struct FileFacts {
    pub(crate) size: u64,
    pub(crate) etag: ETag,
    pub(crate) last_modified: Option<OffsetDateTime>,
    /// Of the whole file, if its writer left one.
    pub(crate) sum: Option<Crc64>,
}

impl Default for DownloadOptions {
    /// 4 parts of 8 MiB at a time, of whatever state the file is in.
    fn default() -> Self {
        Self {
            part_bytes: 8 * 1024 * 1024,
            concurrency: 4,
            if_match: None,
            existing_file: ExistingFile::Replace,
            integrity: Integrity::Checked,
            progress: None,
        }
    }
}

impl DownloadOptions {
    /// Bytes that one request asks for. Default 8 MiB; less than 64 KiB is taken as 64 KiB.
    #[must_use]
    pub fn with_part_bytes(mut self, part_bytes: u64) -> Self {
        self.part_bytes = part_bytes.max(64 * 1024);
        self
    }

    /// Requests at a time. Default 4; 0 is taken as 1. One connection seldom carries more than
    /// 60 MB/s.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// Reads the file only if it is still in this state. Default: the state it is found in; either
    /// way all parts are of one state.
    #[must_use]
    pub fn with_if_match(mut self, etag: ETag) -> Self {
        self.if_match = Some(etag);
        self
    }

    /// What a download does with a local file that has the name already. Default: replaces it.
    #[must_use]
    pub fn with_existing_file(mut self, existing_file: ExistingFile) -> Self {
        self.existing_file = existing_file;
        self
    }

    /// Whether checksums are asked for and compared. Default [`Integrity::Checked`].
    #[must_use]
    pub fn with_integrity(mut self, integrity: Integrity) -> Self {
        self.integrity = integrity;
        self
    }

    /// Calls `hook` as bytes arrive. Default: none.
    #[must_use]
    pub fn with_progress(mut self, hook: ProgressHook) -> Self {
        self.progress = Some(hook);
        self
    }
}

impl LakeClient {
    /// Reads the whole file at `path` into memory.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: it is a directory.
    /// - `PreconditionFailed`: somebody replaced the file meanwhile.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    pub async fn read(&self, path: &LakePath) -> Result<Bytes> {
        let mut reader = self.read_stream(path, DownloadOptions::default()).await?;
        let Some(first) = reader.try_next().await? else {
            return Ok(Bytes::new());
        };
        if first.len() as u64 == reader.size() {
            return Ok(first);
        }
        let mut whole = Vec::from(first);
        while let Some(part) = reader.try_next().await? {
            whole.extend_from_slice(&part);
        }
        Ok(whole.into())
    }

    /// Reads the bytes of `range` (zero-based, the end excluded) into memory. What of the range
    /// lies beyond the file's end is left out.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: the range begins at or beyond the file's end, or `path` is a directory.
    ///
    /// # Cancel safety
    /// Safe: it changes nothing.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-blob>
    pub async fn read_range(&self, path: &LakePath, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let mut part = PartReader::new(&self.wire, path, range, None);
        let mut sink = Sink::memory();
        part.read(&mut sink).await?;
        Ok(sink.into_bytes())
    }

    /// Opens the file at `path` for reading from start to end, with bounded memory.
    ///
    /// The first part is read before this returns; the next ones while the caller works on those
    /// before them.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`.
    /// - `InvalidInput`: it is a directory.
    /// - `PreconditionFailed`: the file is not in the state asked for; from the stream: somebody
    ///   replaced it meanwhile.
    ///
    /// # Cancel safety
    /// Safe: neither dropping the future nor the reader changes anything.
    pub async fn read_stream(
        &self,
        path: &LakePath,
        options: DownloadOptions,
    ) -> Result<LakeReader> {
        let mut part =
            PartReader::new(&self.wire, path, 0..options.part_bytes, options.if_match.clone())
                .with_integrity(options.integrity);
        let mut sink = Sink::memory();
        let facts = part.read(&mut sink).await?;
        let first_sum = sink.sum();
        let first = sink.into_bytes();
        if first.len() as u64 == facts.size {
            facts.compare(path, first_sum, options.integrity)?;
        }

        let advance = Advance::new(options.progress, facts.size);
        advance.by(first.len() as u64);
        let whole_path = path.clone();
        let (wire, path, etag) = (Arc::clone(&self.wire), path.clone(), facts.etag.clone());
        let rest = stream::iter(parts(first.len() as u64..facts.size, options.part_bytes))
            .map(move |range| {
                let (wire, path, etag) = (Arc::clone(&wire), path.clone(), etag.clone());
                async move {
                    let mut sink = Sink::memory();
                    PartReader::new(&wire, &path, range, Some(etag))
                        .exactly()
                        .with_integrity(options.integrity)
                        .read(&mut sink)
                        .await?;
                    Ok((sink.sum(), sink.into_bytes()))
                }
            })
            .buffered(options.concurrency)
            .inspect_ok(move |(_, part)| advance.by(part.len() as u64));
        let (known, path, mut sum) = (facts.clone(), whole_path, first_sum);
        let rest = rest.map(move |part| {
            let (part_sum, bytes) = part?;
            sum = sum.then(part_sum);
            if sum.length() == known.size {
                known.compare(&path, sum, options.integrity)?;
            }
            Ok(bytes)
        });
        let first = stream::iter((!first.is_empty()).then_some(Ok(first)));
        Ok(LakeReader { facts, parts: end_after_error(first.chain(rest)).boxed() })
    }
}

impl FileFacts {
    /// Whether all bytes together are what the file's writer sent: `None` if nobody can say.
    fn compare(
        &self,
        path: &LakePath,
        found: Crc64,
        integrity: Integrity,
    ) -> Result<Option<Crc64>> {
        let expected = self.sum.filter(|_| integrity == Integrity::Checked);
        match expected {
            Some(expected) if expected != found => Err(Error::new(
                ErrorKind::InvalidResponse,
                "read",
                path.to_string(),
            )
            .with_detail(format!(
                "the CRC-64 of its {} bytes is {}, but its metadata `azconnect_crc64` says {}",
                self.size,
                found.base64(),
                expected.base64()
            ))
            .with_hint(
                "it was damaged, or changed by a program that kept its metadata: write it \
                         anew, or read it with `Integrity::Unchecked`",
            )),
            expected => Ok(expected),
        }
    }
}

impl LakeReader {
    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.facts.size
    }

    /// The state of the file that is being read.
    pub fn etag(&self) -> &ETag {
        &self.facts.etag
    }

    /// When the file was changed, in UTC and whole seconds.
    pub fn last_modified(&self) -> Option<OffsetDateTime> {
        self.facts.last_modified
    }
}

impl Stream for LakeReader {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.parts.poll_next_unpin(cx)
    }
}

impl fmt::Debug for LakeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeReader").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Counts what parallel parts have done together.
#[derive(Clone, Debug)]
pub(crate) struct Advance {
    hook: Option<ProgressHook>,
    done: Arc<AtomicU64>,
    total: Option<u64>,
    rate: Arc<Mutex<Rate>>,
}

impl Advance {
    pub(crate) fn new(hook: Option<ProgressHook>, total: impl Into<Option<u64>>) -> Self {
        let rate = Arc::new(Mutex::new(Rate::new(Instant::now())));
        Self { hook, done: Arc::default(), total: total.into(), rate }
    }

    pub(crate) fn by(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(hook) = &self.hook {
            let now = Instant::now();
            let rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner).add(bytes, now);
            hook.call(done, self.total, rate);
        }
    }

    /// Takes back what has to come again.
    pub(crate) fn back(&self, bytes: u64) {
        self.done.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Reads one part of the state `etag` into memory.
pub(crate) async fn read_to_memory(
    wire: Arc<Wire>,
    path: LakePath,
    range: Range<u64>,
    etag: ETag,
) -> Result<Bytes> {
    let mut sink = Sink::memory();
    PartReader::new(&wire, &path, range, Some(etag)).exactly().read(&mut sink).await?;
    Ok(sink.into_bytes())
}

/// `range` cut into parts. Lazy: a file may claim to be of any size.
pub(crate) fn parts(range: Range<u64>, part_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let end = start.saturating_add(part_bytes).min(range.end);
        let part = start..end;
        start = end;
        (!part.is_empty()).then_some(part)
    })
}

fn end_after_error<T>(
    stream: impl Stream<Item = Result<T, Error>>,
) -> impl Stream<Item = Result<T, Error>> {
    stream.scan(false, |failed, item| {
        let item = (!*failed).then_some(item);
        *failed |= matches!(item, Some(Err(_)));
        std::future::ready(item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "lists of ranges, one of them of one")]
    fn parts_cover_a_range_once() {
        for (range, part_bytes, expected) in [
            (0..0, 4, vec![]),
            (0..3, 4, vec![0..3]),
            (0..4, 4, vec![0..4]),
            (4..13, 4, vec![4..8, 8..12, 12..13]),
            (u64::MAX - 3..u64::MAX, 2, vec![u64::MAX - 3..u64::MAX - 1, u64::MAX - 1..u64::MAX]),
        ] {
            assert_eq!(parts(range.clone(), part_bytes).collect::<Vec<_>>(), expected, "{range:?}");
        }
    }

    #[tokio::test]
    async fn nothing_follows_an_error() {
        let error = || Error::invalid_input("read", "raw/a", "no");
        let items = stream::iter([Ok(1), Err(error()), Ok(2)]);
        let seen: Vec<_> = end_after_error(items).map(|item| item.is_ok()).collect().await;
        assert_eq!(seen, [true, false]);
    }
}
