//! One range of one file: asked for, checked, and taken up again where a connection broke.

use std::{fs::File, ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http::{Method, StatusCode};
use reqwest::{
    Response,
    header::{CONTENT_RANGE, HeaderMap, IF_MATCH, RANGE},
};
use tokio::sync::oneshot;

use super::{FileFacts, local_file::write_all_at};
use crate::{
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    properties::missing,
    read::Advance,
    wire::{Endpoint, Headers, Request, Wire, next_chunk},
};

/// Reads one range.
pub(super) struct PartReader<'a> {
    wire: &'a Wire,
    path: &'a LakePath,
    range: Range<u64>,
    etag: Option<ETag>,
    exact: bool,
    announce: Option<oneshot::Sender<FileFacts>>,
    facts: Option<FileFacts>,
}

/// Where the bytes of a part go, and how many it has taken.
pub(super) struct Sink {
    received: u64,
    target: Target,
}

enum Target {
    Memory(Vec<u8>),
    File(FileTarget),
}

struct FileTarget {
    file: Arc<File>,
    /// For messages.
    local: PathBuf,
    offset: u64,
    pending: Vec<Bytes>,
    advance: Advance,
}

impl<'a> PartReader<'a> {
    /// Reads `range`, or what of it is in the file, in the state `etag` or in any one state.
    pub(super) fn new(
        wire: &'a Wire,
        path: &'a LakePath,
        range: Range<u64>,
        etag: Option<ETag>,
    ) -> Self {
        Self { wire, path, range, etag, exact: false, announce: None, facts: None }
    }

    /// The range is known to be in the file: a shorter answer is an error.
    pub(super) fn exactly(mut self) -> Self {
        self.exact = true;
        self
    }

    /// Tells what the first answer's head says, before its body is read.
    pub(super) fn announcing(mut self, to: oneshot::Sender<FileFacts>) -> Self {
        self.announce = Some(to);
        self
    }

    pub(super) async fn read(&mut self, sink: &mut Sink) -> Result<FileFacts> {
        let mut attempts = self.wire.attempts();
        loop {
            match self.attempt(sink).await {
                Ok(facts) => return Ok(facts),
                Err(error) => attempts.pause_or_give_up(error).await?,
            }
        }
    }

    async fn attempt(&mut self, sink: &mut Sink) -> Result<FileFacts> {
        let begin = self.range.start + sink.received;
        let wanted = begin..self.range.end;
        let mut request = self.request(&wanted)?;
        let mut response = match self.wire.send_once(&request).await {
            // The only range that an empty file has is no range.
            Err(error) if error.http_status() == Some(416) && wanted.start == 0 && !self.exact => {
                request.headers.remove(RANGE);
                self.wire.send_once(&request).await?
            }
            other => other?,
        };
        let (facts, length) = self.check(&request, &response, &wanted)?;
        // From here on this is the state that is being read.
        self.etag = Some(facts.etag.clone());
        if let Some(announce) = self.announce.take() {
            // Nobody listens any more if the download has failed elsewhere.
            let _ = announce.send(facts.clone());
        }
        self.facts = Some(facts.clone());

        let mut left = length;
        while let Some(chunk) = next_chunk(&mut response, &request).await? {
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                request.error(ErrorKind::InvalidResponse).with_detail(format!(
                    "the answer has more than the {length} bytes it announced"
                ))
            })?;
            sink.take(chunk, length).await?;
        }
        if left > 0 {
            return Err(request
                .error(ErrorKind::Connect)
                .with_detail(format!("the answer ended {left} bytes before its end"))
                .with_transient(None));
        }
        sink.flush().await?;
        Ok(facts)
    }

    fn request(&self, wanted: &Range<u64>) -> Result<Request> {
        let url = self.wire.url(Endpoint::Blob, self.path, &[]);
        let last = wanted.end.saturating_sub(1);
        let mut request = Request::new("read", self.path.to_string(), Method::GET, url)
            .header(RANGE, &format!("bytes={}-{last}", wanted.start))?;
        if let Some(etag) = &self.etag {
            request = request.header(IF_MATCH, etag.as_str())?;
        }
        Ok(request)
    }

    /// What the answer's head says of the file, and how many bytes its body must have.
    fn check(
        &self,
        request: &Request,
        response: &Response,
        wanted: &Range<u64>,
    ) -> Result<(FileFacts, u64)> {
        let headers = response.headers();
        let broken =
            |detail: String| Err(request.error(ErrorKind::InvalidResponse).with_detail(detail));
        if headers.is_directory() {
            return Err(request
                .error(ErrorKind::InvalidInput)
                .with_detail("it is a directory")
                .with_hint("name a file in it; a listing shows what is there"));
        }
        let etag = headers.etag().ok_or_else(|| missing(request, "ETag"))?;
        if self.etag.as_ref().is_some_and(|pinned| *pinned != etag) {
            return broken(format!("the service sent the state {etag}, which is another one"));
        }
        let (got, size) = match response.status() {
            StatusCode::PARTIAL_CONTENT => content_range(headers)
                .ok_or_else(|| missing(request, "well-formed Content-Range"))?,
            _ => {
                let size =
                    headers.content_length().ok_or_else(|| missing(request, "Content-Length"))?;
                (0..size, size)
            }
        };
        let end = wanted.end.min(size);
        let early = self.exact && end != wanted.end;
        let other_size = self.facts.as_ref().is_some_and(|known| known.size != size);
        if got.start != wanted.start || got.end != end || early || other_size {
            return broken(format!(
                "the service sent the bytes {got:?} of {size} where {wanted:?} were asked for"
            ));
        }
        if size > LARGEST_FILE {
            return broken(format!("a file of {size} bytes cannot be"));
        }
        let facts = FileFacts { size, etag, last_modified: headers.last_modified() };
        Ok((facts, got.end - got.start))
    }
}

impl Sink {
    pub(super) fn memory() -> Self {
        Self { received: 0, target: Target::Memory(Vec::new()) }
    }

    /// Writes to `file`, which is to become `local`, from `offset` on.
    pub(super) fn file(file: Arc<File>, local: PathBuf, offset: u64, advance: Advance) -> Self {
        let target = FileTarget { file, local, offset, pending: Vec::new(), advance };
        Self { received: 0, target: Target::File(target) }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self.target {
            Target::Memory(bytes) => bytes.into(),
            Target::File(_) => Bytes::new(),
        }
    }

    /// `expected` is how much there will be, which the head of the answer was checked for.
    async fn take(&mut self, chunk: Bytes, expected: u64) -> Result<()> {
        self.received += chunk.len() as u64;
        match &mut self.target {
            Target::Memory(bytes) => {
                if bytes.capacity() == 0 {
                    // Not more than is worth a guess: the head may promise what never comes.
                    let expected = usize::try_from(expected).unwrap_or(usize::MAX);
                    bytes.reserve_exact(expected.min(LARGEST_RESERVE).max(chunk.len()));
                }
                bytes.extend_from_slice(&chunk);
                Ok(())
            }
            Target::File(target) => target.take(chunk).await,
        }
    }

    async fn flush(&mut self) -> Result<()> {
        match &mut self.target {
            Target::Memory(_) => Ok(()),
            Target::File(target) => target.flush().await,
        }
    }
}

impl FileTarget {
    async fn take(&mut self, chunk: Bytes) -> Result<()> {
        self.pending.push(chunk);
        let waiting: usize = self.pending.iter().map(Bytes::len).sum();
        if waiting >= WRITE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Frames go to the file as they came, a few at a time: no part is ever gathered in memory.
    async fn flush(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (file, frames) = (Arc::clone(&self.file), std::mem::take(&mut self.pending));
        let length: u64 = frames.iter().map(|frame| frame.len() as u64).sum();
        let mut at = self.offset;
        tokio::task::spawn_blocking(move || {
            for frame in frames {
                write_all_at(&file, &frame, at)?;
                at += frame.len() as u64;
            }
            Ok(())
        })
        .await
        .map_err(std::io::Error::other)
        .and_then(|written| written)
        .map_err(|source| Error::local("write", &self.local, source))?;
        self.offset += length;
        self.advance.by(length);
        Ok(())
    }
}

/// `bytes first-last/size`, with `first <= last < size`.
///
/// Spec: <https://www.rfc-editor.org/rfc/rfc9110#field.content-range>
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let value = headers.text(CONTENT_RANGE.as_str())?.strip_prefix("bytes ")?;
    let (range, size) = value.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) =
        (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// 50,000 blocks of 4,000 MiB.
///
/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets> (since 2019-12-12)
const LARGEST_FILE: u64 = 50_000 * 4_000 * 1024 * 1024;

const LARGEST_RESERVE: usize = 16 * 1024 * 1024;

/// Enough for one change of thread to cost nothing beside the copy.
const WRITE_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        for (value, expected) in [
            ("bytes 0-9/10", Some((0..10, 10))),
            ("bytes 5-5/6", Some((5..6, 6))),
            ("bytes 0-9/*", None),
            ("bytes 9-0/10", None),
            ("bytes 0-10/10", None),
            ("bytes 0-18446744073709551615/18446744073709551615", None),
            ("bytes 0-18446744073709551616/18446744073709551617", None),
            ("bytes -5-9/10", None),
            ("items 0-9/10", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, HeaderValue::from_static(value));
            assert_eq!(content_range(&headers), expected, "{value}");
        }
    }
}
