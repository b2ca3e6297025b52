//! One range of one file: asked for, checked, and taken up again where a connection broke.

use std::{fs::File, ops::Range, path::PathBuf, sync::Arc};

use bytes::Bytes;
use crc64fast_nvme::Digest;
use http::{Method, StatusCode};
use reqwest::{
    Response,
    header::{CONTENT_RANGE, HeaderMap, IF_MATCH, RANGE},
};
use tokio::sync::oneshot;

use super::{
    FileFacts,
    local_file::write_all_at,
    structured::{
        Decoder, Piece, STRUCTURED_BODY, X_MS_STRUCTURED_BODY, X_MS_STRUCTURED_CONTENT_LENGTH,
    },
};
use crate::{
    checksum::{Crc64, Integrity, X_MS_META_CRC64},
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
    properties::missing,
    read::Advance,
    wire::{Endpoint, Headers, ReadCheck, Request, Wire, next_chunk},
};

/// Reads one range.
pub(super) struct PartReader<'a> {
    wire: &'a Wire,
    path: &'a LakePath,
    range: Range<u64>,
    etag: Option<ETag>,
    exact: bool,
    integrity: Integrity,
    announce: Option<oneshot::Sender<FileFacts>>,
    facts: Option<FileFacts>,
}

/// Where the bytes of a part go, and how many it has taken.
pub(super) struct Sink {
    received: u64,
    /// Of what came since `sum` was known.
    digest: Option<Digest>,
    /// Of the bytes that will not be asked for again.
    sum: Crc64,
    /// How many of them the service vouched for.
    checked: u64,
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
        Self {
            wire,
            path,
            range,
            etag,
            exact: false,
            integrity: Integrity::Checked,
            announce: None,
            facts: None,
        }
    }

    /// The range is known to be in the file: a shorter answer is an error.
    pub(super) fn exactly(mut self) -> Self {
        self.exact = true;
        self
    }

    pub(super) fn with_integrity(mut self, integrity: Integrity) -> Self {
        self.integrity = integrity;
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
                Ok((facts, end)) if sink.received >= end => return Ok(facts),
                // One of several smaller ranges, which are asked for one after the other.
                Ok(_) => {}
                Err(error) => {
                    sink.forget_unchecked().await?;
                    attempts.pause_or_give_up(error).await?;
                }
            }
        }
    }

    /// Reads what is missing, or a piece of it. Returns how long the part is, too.
    async fn attempt(&mut self, sink: &mut Sink) -> Result<(FileFacts, u64)> {
        if let Some(facts) = &self.facts {
            let end = self.range.end.min(facts.size).saturating_sub(self.range.start);
            if sink.received >= end && end > 0 {
                // All content came and was good; what was not came behind it.
                return Ok((facts.clone(), end));
            }
        }
        let begin = self.range.start + sink.received;
        let check = match self.integrity {
            Integrity::Checked => self.wire.read_check(),
            Integrity::Unchecked => ReadCheck::None,
        };
        let mut wanted = begin..self.range.end;
        if check == ReadCheck::Range {
            wanted.end = wanted.end.min(begin.saturating_add(LONGEST_CHECKED_RANGE));
        }
        let mut request = self.request(&wanted, check)?;
        let mut response = match self.wire.send_once(&request).await {
            // The only range that an empty file has is no range.
            Err(error) if error.http_status() == Some(416) && wanted.start == 0 && !self.exact => {
                request.headers.remove(RANGE);
                request.headers.remove(X_MS_STRUCTURED_BODY);
                request.headers.remove(X_MS_RANGE_GET_CONTENT_CRC64);
                self.wire.send_once(&request).await?
            }
            // A service that does not know the check refuses it.
            Err(error)
                if check != ReadCheck::None && matches!(error.http_status(), Some(400 | 501)) =>
            {
                self.wire.read_check_failed(check);
                return Box::pin(self.attempt(sink)).await;
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
        let end = self.range.end.min(facts.size).saturating_sub(self.range.start);

        let headers = response.headers();
        let structured = headers.text(X_MS_STRUCTURED_BODY).is_some();
        let promised = headers.text(X_MS_CONTENT_CRC64).map(str::to_owned);
        let came = structured || (check == ReadCheck::Range && promised.is_some());
        if check != ReadCheck::None && !came && length > 0 {
            self.wire.read_check_failed(check);
        }
        if structured {
            self.structured(&request, &mut response, length, sink).await?;
        } else {
            let promised = promised.filter(|_| check == ReadCheck::Range);
            self.plain(&request, &mut response, length, promised, sink).await?;
        }
        sink.flush().await?;
        Ok((facts, end))
    }

    async fn plain(
        &self,
        request: &Request,
        response: &mut Response,
        length: u64,
        promised: Option<String>,
        sink: &mut Sink,
    ) -> Result<()> {
        if self.integrity == Integrity::Checked {
            sink.digest = Some(Digest::new());
        }
        let mut left = length;
        loop {
            let chunk = match next_chunk(response, request).await {
                // Without a checksum to wait for, what came is as good as what will come.
                Err(error) if promised.is_none() => {
                    sink.keep(false);
                    return Err(error);
                }
                other => other?,
            };
            let Some(chunk) = chunk else { break };
            left = left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                request.error(ErrorKind::InvalidResponse).with_detail(format!(
                    "the answer has more than the {length} bytes it announced"
                ))
            })?;
            sink.take(chunk, length).await?;
        }
        if left > 0 {
            if promised.is_none() {
                sink.keep(false);
            }
            return Err(cut(request, left));
        }
        if let (Some(promised), Some(digest)) = (&promised, &sink.digest)
            && !Crc64::new(digest.sum64(), length).is(promised)
        {
            return Err(self.damaged(request, sink, "their CRC-64 is not the one announced"));
        }
        sink.keep(promised.is_some());
        Ok(())
    }

    async fn structured(
        &self,
        request: &Request,
        response: &mut Response,
        length: u64,
        sink: &mut Sink,
    ) -> Result<()> {
        let mut decoder = Decoder::new(length);
        while let Some(mut chunk) = next_chunk(response, request).await? {
            loop {
                match decoder.next(&mut chunk) {
                    Ok(None) => break,
                    Ok(Some(Piece::Content(bytes))) => sink.take(bytes, length).await?,
                    Ok(Some(Piece::Checked(sum))) => sink.keep_checked(sum),
                    Err(what) => return Err(self.damaged(request, sink, &what)),
                }
            }
        }
        if decoder.is_whole() { Ok(()) } else { Err(cut(request, length)) }
    }

    /// Bytes changed on their way: they may come whole another time.
    fn damaged(&self, request: &Request, sink: &Sink, what: &str) -> Error {
        let start = self.range.start + sink.sum.length();
        request
            .error(ErrorKind::InvalidResponse)
            .with_detail(format!(
                "the bytes from {start} on, of {:?}, came damaged: {what}",
                self.range
            ))
            .with_hint(
                "something between this machine and the service changes what passes it: \
                        look for a proxy, or faulty memory",
            )
            .with_transient(None)
    }

    fn request(&self, wanted: &Range<u64>, check: ReadCheck) -> Result<Request> {
        let url = self.wire.url(Endpoint::Blob, self.path, &[]);
        let last = wanted.end.saturating_sub(1);
        let mut request = Request::new("read", self.path.to_string(), Method::GET, url)
            .header(RANGE, &format!("bytes={}-{last}", wanted.start))?;
        request = match check {
            ReadCheck::Structured => request.static_header(X_MS_STRUCTURED_BODY, STRUCTURED_BODY),
            ReadCheck::Range => request.static_header(X_MS_RANGE_GET_CONTENT_CRC64, "true"),
            ReadCheck::None => request,
        };
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
                let structured = headers.text(X_MS_STRUCTURED_CONTENT_LENGTH);
                let size = structured
                    .and_then(|text| text.parse().ok())
                    .or_else(|| headers.content_length())
                    .ok_or_else(|| missing(request, "Content-Length"))?;
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
        // Of another length it is of what the file was before somebody appended to it.
        let sum = headers
            .text(X_MS_META_CRC64)
            .and_then(Crc64::from_metadata)
            .filter(|sum| sum.length() == size);
        let facts = FileFacts { size, etag, last_modified: headers.last_modified(), sum };
        Ok((facts, got.end - got.start))
    }
}

impl Sink {
    pub(super) fn memory() -> Self {
        Self::new(Target::Memory(Vec::new()))
    }

    /// Writes to `file`, which is to become `local`, from `offset` on.
    pub(super) fn file(file: Arc<File>, local: PathBuf, offset: u64, advance: Advance) -> Self {
        let target = FileTarget { file, local, offset, pending: Vec::new(), advance };
        Self::new(Target::File(target))
    }

    fn new(target: Target) -> Self {
        Self { received: 0, digest: None, sum: Crc64::default(), checked: 0, target }
    }

    /// The checksum of all bytes, if it was wanted.
    pub(super) fn sum(&self) -> Crc64 {
        self.sum
    }

    /// How many of the bytes the service vouched for.
    pub(super) fn checked(&self) -> u64 {
        self.checked
    }

    /// What was taken since the last time need not come again.
    fn keep(&mut self, checked: bool) {
        let length = self.received - self.sum.length();
        let value = self.digest.take().map_or(0, |digest| digest.sum64());
        self.sum = self.sum.then(Crc64::new(value, length));
        self.checked += if checked { length } else { 0 };
    }

    fn keep_checked(&mut self, sum: Crc64) {
        self.sum = self.sum.then(sum);
        self.checked += sum.length();
    }

    /// Goes back to where the next attempt has to begin.
    async fn forget_unchecked(&mut self) -> Result<()> {
        self.flush().await?;
        self.digest = None;
        let back = self.received - self.sum.length();
        self.received -= back;
        match &mut self.target {
            Target::Memory(bytes) => {
                bytes.truncate(usize::try_from(self.received).unwrap_or(usize::MAX));
            }
            Target::File(target) => {
                target.offset -= back;
                target.advance.back(back);
            }
        }
        Ok(())
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
        if let Some(digest) = &mut self.digest {
            digest.write(&chunk);
        }
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

fn cut(request: &Request, left: u64) -> Error {
    request
        .error(ErrorKind::Connect)
        .with_detail(format!("the answer ended before its end, of which {left} bytes were due"))
        .with_transient(None)
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

const X_MS_CONTENT_CRC64: &str = "x-ms-content-crc64";
const X_MS_RANGE_GET_CONTENT_CRC64: &str = "x-ms-range-get-content-crc64";

/// Spec: <https://learn.microsoft.com/rest/api/storageservices/get-blob#request-headers>
const LONGEST_CHECKED_RANGE: u64 = 4 * 1024 * 1024;

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
