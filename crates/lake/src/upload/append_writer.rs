//! Files that grow: bytes are appended behind those that are there, and shown by a flush.

use std::{mem, sync::Arc};

use bytes::Bytes;
use http::Method;
use tokio::task::JoinSet;

use super::{
    Published,
    block::{Block, X_MS_CONTENT_CRC64},
};
use crate::{
    checksum::Integrity,
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    lease::{Lease, LeaseId, LeaseOptions, leased},
    names::conditional,
    path::LakePath,
    properties::{PathProperties, missing},
    wire::{Body, Endpoint, Headers, Request, Wire},
};

/// How a file is appended to.
///
/// At most `concurrency` blocks are on their way and one more is being filled, each of
/// `block_bytes`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AppendOptions {
    block_bytes: usize,
    concurrency: usize,
    flush_every: u32,
    missing: MissingFile,
    lease: AppendLease,
}

/// What happens if there is no file to append to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingFile {
    /// An empty one is made, with the directories that it is in.
    #[default]
    Create,
    /// The error is `NotFound`.
    Refuse,
}

/// Under which lease a file is appended to.
#[derive(Clone, Debug, Default)]
pub enum AppendLease {
    /// Under one of its own, held from the beginning to [`AppendWriter::finish`].
    Acquire(LeaseOptions),
    /// Under one that the caller holds.
    Held(LeaseId),
    /// Under none. Another writer may come between, which is noticed when the data is flushed.
    #[default]
    None,
}

/// A file being appended to.
///
/// Bytes go to the service in blocks while the producer goes on. Readers see them after
/// [`flush`](Self::flush) or [`finish`](Self::finish), or once 7,500 blocks have come together. One
/// that is dropped shows nothing of what was not flushed.
///
/// Without a lease two writers that append at once may replace each other's bytes before either has
/// flushed; the second flush is refused, and what the first one has shown may hold bytes of both.
/// Where that can happen, append under a lease.
///
/// Files made of blocks by uploads can be appended to. An upload to the same path replaces it.
///
/// ```no_run
/// # async fn example(lake: &azconnect_lake::LakeClient) -> azconnect_lake::Result<()> {
/// use azconnect_lake::{AppendLease, AppendOptions};
///
/// let options = AppendOptions::default().with_lease(AppendLease::Acquire(Default::default()));
/// let mut log = lake.append_writer(&"raw/app.log".parse()?, options).await?;
/// log.write("one line\n".into()).await?;
/// log.flush().await?;
/// log.write("another\n".into()).await?;
/// println!("{} bytes", log.finish().await?.bytes);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct AppendWriter {
    target: Arc<Target>,
    options: AppendOptions,
    /// Kept until the end, if it is our own.
    own_lease: Option<Lease>,
    filling: Block,
    /// Where the next block goes.
    position: u64,
    /// What readers see.
    flushed: u64,
    etag: ETag,
    /// Since the last flush.
    blocks: u32,
    in_flight: JoinSet<Result<()>>,
    state: State,
}

#[derive(Debug)]
struct Target {
    wire: Arc<Wire>,
    path: LakePath,
    lease: Option<LeaseId>,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Work was dropped midway or failed: nobody knows what was appended.
    Broken,
}

impl Default for AppendOptions {
    /// 4 blocks of 8 MiB at a time, no lease; a missing file is made.
    fn default() -> Self {
        Self {
            block_bytes: 8 * 1024 * 1024,
            concurrency: 4,
            flush_every: MOST_BLOCKS_A_FLUSH,
            missing: MissingFile::Create,
            lease: AppendLease::None,
        }
    }
}

impl AppendOptions {
    /// Bytes that one request carries. Default 8 MiB; at least 64 KiB, at most 100 MiB.
    #[must_use]
    pub fn with_block_bytes(mut self, block_bytes: usize) -> Self {
        self.block_bytes = block_bytes.clamp(64 * 1024, 100 * 1024 * 1024);
        self
    }

    /// Requests at a time. Default 4; 0 is taken as 1.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }

    /// After how many blocks what was appended is shown. Default and most: 7,500, since the service
    /// takes longer than its time-out for many more; 0 is taken as 1.
    #[must_use]
    pub fn with_blocks_a_flush(mut self, blocks: u32) -> Self {
        self.flush_every = blocks.clamp(1, MOST_BLOCKS_A_FLUSH);
        self
    }

    /// What happens if there is no file. Default [`MissingFile::Create`].
    #[must_use]
    pub fn with_missing_file(mut self, missing: MissingFile) -> Self {
        self.missing = missing;
        self
    }

    /// Under which lease to append. Default [`AppendLease::None`].
    #[must_use]
    pub fn with_lease(mut self, lease: AppendLease) -> Self {
        self.lease = lease;
        self
    }
}

impl LakeClient {
    /// Begins to append to the file at `path`, behind what is in it.
    ///
    /// # Errors
    /// - `NotFound`: there is no such file, and the options say [`MissingFile::Refuse`].
    /// - `Conflict`: it is a directory, or somebody holds a lease.
    /// - `InvalidInput`: `path` is the root of a filesystem.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether an empty file was made and a lease acquired, which ends
    /// by itself unless it is infinite.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path/update>
    pub async fn append_writer(
        &self,
        path: &LakePath,
        options: AppendOptions,
    ) -> Result<AppendWriter> {
        if path.is_root() {
            return Err(Error::invalid_input(
                APPEND,
                path.to_string(),
                "this is the root of the filesystem: name a file in it",
            ));
        }
        let mut found = self.file_to_append_to(path, options.missing).await?;
        let own_lease = match &options.lease {
            AppendLease::Acquire(options) => {
                let lease = self.acquire_lease(path, options.clone()).await?;
                // Nobody else changes it from here on.
                found = self.properties(path).await?;
                Some(lease)
            }
            AppendLease::Held(_) | AppendLease::None => None,
        };
        let lease = match (&options.lease, &own_lease) {
            (AppendLease::Held(id), _) => Some(*id),
            (_, Some(lease)) => Some(lease.id()),
            _ => None,
        };
        let target = Target { wire: Arc::clone(&self.wire), path: path.clone(), lease };
        Ok(AppendWriter {
            target: Arc::new(target),
            options,
            own_lease,
            filling: Block::default(),
            position: found.size,
            flushed: found.size,
            etag: found.etag,
            blocks: 0,
            in_flight: JoinSet::new(),
            state: State::Open,
        })
    }

    async fn file_to_append_to(
        &self,
        path: &LakePath,
        missing_file: MissingFile,
    ) -> Result<PathProperties> {
        let found = match self.properties(path).await {
            Err(error)
                if error.kind() == ErrorKind::NotFound && missing_file == MissingFile::Create =>
            {
                self.create_empty(path).await?;
                self.properties(path).await?
            }
            found => found?,
        };
        if found.is_directory() {
            return Err(Error::new(ErrorKind::Conflict, APPEND, path.to_string())
                .with_detail("it is a directory"));
        }
        Ok(found)
    }

    /// Makes an empty file, unless somebody has made one meanwhile.
    async fn create_empty(&self, path: &LakePath) -> Result<()> {
        let url = self.wire.url(Endpoint::Dfs, path, &[("resource", "file")]);
        let request = Request::new(APPEND, path.to_string(), Method::PUT, url).body(Body::empty());
        let request = conditional(request, &WriteCondition::IfAbsent)?;
        match self.wire.send(&request).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl AppendWriter {
    /// Appends `bytes`. Waits while as many blocks are on their way as the options allow, and so
    /// holds a fast producer back.
    ///
    /// # Errors
    /// Those of any block so far. After an error the writer can only be dropped; what was flushed
    /// before stays.
    ///
    /// # Cancel safety
    /// Not safe: after a future that was dropped before its end, every further call fails, since a
    /// part of `bytes` may have been taken.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.begin_work()?;
        while !bytes.is_empty() {
            let room = self.options.block_bytes - self.filling.len();
            self.filling.push(bytes.split_to(room.min(bytes.len())));
            if self.filling.len() == self.options.block_bytes {
                self.send_block().await?;
                if self.blocks >= self.options.flush_every {
                    self.show().await?;
                }
            }
        }
        self.state = State::Open;
        Ok(())
    }

    /// The length that the file has with all that was written, in bytes.
    pub fn position(&self) -> u64 {
        self.position + self.filling.len() as u64
    }

    /// The length that readers see, in bytes.
    pub fn flushed(&self) -> u64 {
        self.flushed
    }

    /// The lease that it is appended under, if there is one.
    pub fn lease(&self) -> Option<LeaseId> {
        self.target.lease
    }

    /// Shows readers all that was written.
    ///
    /// Under a lease what fits into one block is appended and shown by a single request. Without
    /// one it takes two, of which the second makes sure that nobody has written meanwhile.
    ///
    /// # Errors
    /// - `PreconditionFailed`: somebody else has changed the file, or the lease was lost.
    /// - `InvalidInput`: somebody else has appended (`InvalidFlushPosition`).
    /// - those of any block so far. The file is as it was at the flush before.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether readers see it; every further call fails.
    pub async fn flush(&mut self) -> Result<()> {
        self.begin_work()?;
        self.flush_rest(Ending::Open).await?;
        self.state = State::Open;
        Ok(())
    }

    /// Shows readers all that was written, closes the file (which tells the service's change feed
    /// and events that it is complete) and releases the lease if it is its own.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    ///
    /// # Cancel safety
    /// As [`flush`](Self::flush); a lease of its own ends by itself then, unless it is infinite.
    pub async fn finish(mut self) -> Result<Published> {
        self.begin_work()?;
        self.flush_rest(Ending::Close).await?;
        if let Some(lease) = self.own_lease.take()
            && let Err(error) = lease.release().await
        {
            // The file is complete, and the lease ends without us.
            tracing::warn!(%error, "a lease was not released");
        }
        Ok(Published { etag: self.etag, bytes: self.flushed })
    }

    /// Marks the writer broken until the work that begins here has ended well.
    fn begin_work(&mut self) -> Result<()> {
        if self.own_lease.as_ref().is_some_and(Lease::is_lost) {
            return Err(self.error(ErrorKind::PreconditionFailed).with_detail(
                "its lease was lost: somebody broke it, or it could not be renewed in time",
            ));
        }
        match mem::replace(&mut self.state, State::Broken) {
            State::Open => Ok(()),
            State::Broken => Err(self.error(ErrorKind::InvalidInput).with_detail(
                "an earlier write failed or was dropped before its end; begin anew, behind what \
                 was flushed",
            )),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, APPEND, self.target.path.to_string())
    }

    async fn send_block(&mut self) -> Result<()> {
        while self.in_flight.len() >= self.options.concurrency {
            if let Some(done) = self.in_flight.join_next().await {
                self.target.finished(done)?;
            }
        }
        // What failed meanwhile is not worth another block.
        while let Some(done) = self.in_flight.try_join_next() {
            self.target.finished(done)?;
        }
        let block = mem::take(&mut self.filling);
        let (target, position) = (Arc::clone(&self.target), self.position);
        self.position += block.len() as u64;
        self.blocks += 1;
        self.in_flight.spawn(async move { target.append(position, block, &[]).await.map(drop) });
        Ok(())
    }

    async fn flush_rest(&mut self, ending: Ending) -> Result<()> {
        let is_alone = self.blocks == 0 && self.filling.len() > 0;
        if is_alone && self.target.lease.is_some() {
            return self.append_and_show(ending).await;
        }
        if self.filling.len() > 0 {
            self.send_block().await?;
        }
        if self.position == self.flushed && ending == Ending::Open {
            return Ok(());
        }
        self.show_as(ending).await
    }

    async fn append_and_show(&mut self, ending: Ending) -> Result<()> {
        let block = mem::take(&mut self.filling);
        let end = self.position + block.len() as u64;
        let mut pairs = vec![("flush", "true")];
        pairs.extend(ending.pair());
        // Said twice, it has the same outcome, and under a lease nobody comes between.
        self.etag = self.target.append(self.position, block, &pairs).await?.ok_or_else(|| {
            self.error(ErrorKind::InvalidResponse).with_detail("the answer has no ETag")
        })?;
        (self.position, self.flushed) = (end, end);
        Ok(())
    }

    async fn show(&mut self) -> Result<()> {
        self.show_as(Ending::Open).await
    }

    async fn show_as(&mut self, ending: Ending) -> Result<()> {
        while let Some(done) = self.in_flight.join_next().await {
            self.target.finished(done)?;
        }
        let condition = WriteCondition::IfMatch(self.etag.clone());
        self.etag = self.target.flush(self.position, &condition, ending).await?;
        self.flushed = self.position;
        self.blocks = 0;
        Ok(())
    }
}

/// Whether more is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Close,
    Open,
}

impl Ending {
    fn pair(self) -> Option<(&'static str, &'static str)> {
        (self == Self::Close).then_some(("close", "true"))
    }
}

impl Target {
    fn request(&self, pairs: &[(&str, &str)]) -> Request {
        let url = self.wire.url(Endpoint::Dfs, &self.path, pairs);
        let request = Request::new(APPEND, self.path.to_string(), Method::PATCH, url);
        leased(request, self.lease.as_ref())
    }

    async fn append(
        &self,
        position: u64,
        block: Block,
        more: &[(&str, &str)],
    ) -> Result<Option<ETag>> {
        let position = position.to_string();
        let mut pairs = vec![("action", "append"), ("position", position.as_str())];
        pairs.extend_from_slice(more);
        let (body, sum) = block.into_body(Integrity::Checked);
        let mut request = self.request(&pairs).body(body);
        if let Some(sum) = sum {
            let name = http::HeaderName::from_static(X_MS_CONTENT_CRC64);
            request = request.header(name, &sum.base64())?;
        }
        let (response, _) = self.wire.send(&request).await.map_err(explained)?;
        Ok(response.headers().etag())
    }

    async fn flush(
        &self,
        position: u64,
        condition: &WriteCondition,
        ending: Ending,
    ) -> Result<ETag> {
        let text = position.to_string();
        let mut pairs = vec![("action", "flush"), ("position", text.as_str())];
        pairs.extend(ending.pair());
        let request = conditional(self.request(&pairs).body(Body::empty()), condition)?;
        match self.wire.send(&request).await {
            Ok((response, _)) => response.headers().etag().ok_or_else(|| missing(&request, "ETag")),
            // An attempt whose answer was lost has changed the entity tag. Who else could have made
            // the file exactly this long holds our lease, or we have none.
            Err(error)
                if error.kind() == ErrorKind::PreconditionFailed
                    && error.service_code() == Some("ConditionNotMet")
                    && error.attempts() > 1 =>
            {
                match self.length_and_etag().await {
                    Ok((length, etag)) if length == position => Ok(etag),
                    _ => Err(explained(error)),
                }
            }
            Err(error) => Err(explained(error)),
        }
    }

    async fn length_and_etag(&self) -> Result<(u64, ETag)> {
        let url = self.wire.url(Endpoint::Dfs, &self.path, &[]);
        let request = Request::new("look at", self.path.to_string(), Method::HEAD, url);
        let (response, _) = self.wire.send(&request).await?;
        let headers = response.headers();
        let length = headers.content_length().ok_or_else(|| missing(&request, "Content-Length"))?;
        Ok((length, headers.etag().ok_or_else(|| missing(&request, "ETag"))?))
    }

    fn finished(
        &self,
        done: std::result::Result<Result<()>, tokio::task::JoinError>,
    ) -> Result<()> {
        done.unwrap_or_else(|source| {
            Err(Error::new(ErrorKind::Source, APPEND, self.path.to_string())
                .with_detail("the task that sent a block ended early")
                .with_source(source))
        })
    }
}

/// Says what the service does not: that there is another writer.
fn explained(error: Error) -> Error {
    const HINT: &str = "another program writes to this file: append under a lease, and begin anew \
                        behind what is in it now";
    match error.service_code() {
        Some("InvalidFlushPosition") => {
            error.with_detail("the file does not end where this writer left it").with_hint(HINT)
        }
        Some("ConditionNotMet") => error
            .with_detail("the file was changed since this writer last looked at it")
            .with_hint(HINT),
        _ => error,
    }
}

const APPEND: &str = "append to";

/// AzCopy flushes as often, for the same reason.
const MOST_BLOCKS_A_FLUSH: u32 = 7_500;
