//! A file being written by somebody who produces its bytes piece by piece.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::Method;
use reqwest::Response;
use tokio::{sync::OnceCell, task::JoinSet};

use super::{
    Published, UploadOptions,
    block::{Block, X_MS_CONTENT_CRC64},
    block_list::BlockIds,
    dfs_route::DfsRoute,
};
use crate::{
    checksum::{Crc64, Integrity, X_MS_META_CRC64},
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::WriteCondition,
    lease::{LeaseId, leased},
    names::conditional,
    path::LakePath,
    properties::missing,
    read::Advance,
    wire::{Body, Endpoint, Headers, Request, Wire, collect},
};

/// A file on its way into the lake.
///
/// Blocks are sent in the background while the producer goes on; [`finish`](Self::finish) makes
/// them a file in one step. Until then nothing is visible, and an upload that is dropped or
/// aborted publishes nothing: the service forgets its blocks after a week.
///
/// ```no_run
/// # async fn example(lake: &azconnect_lake::LakeClient) -> azconnect_lake::Result<()> {
/// let mut upload = lake.block_upload(&"raw/a.bin".parse()?, Default::default())?;
/// for _ in 0..100 {
///     upload.write(vec![0; 1 << 20].into()).await?;
/// }
/// println!("{} bytes", upload.finish().await?.bytes);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct BlockUpload {
    target: Arc<Target>,
    options: UploadOptions,
    advance: Advance,
    filling: Block,
    block_bytes: usize,
    blocks_begun: u32,
    bytes_taken: u64,
    /// How many bytes the blocks begun have.
    bytes_begun: u64,
    in_flight: JoinSet<Result<(u32, Option<Crc64>)>>,
    /// Of the blocks that have arrived, in the order in which they did.
    sums: Vec<(u32, Option<Crc64>)>,
    state: State,
}

/// What every block of an upload needs.
#[derive(Debug)]
struct Target {
    wire: Arc<Wire>,
    path: LakePath,
    ids: BlockIds,
    lease: Option<LeaseId>,
    /// Set if the bytes go by the dfs endpoint, since the blob endpoint is out of reach.
    dfs_route: OnceCell<DfsRoute>,
    /// Whether the blob endpoint has taken a block, after which there is no other way.
    is_by_blob: AtomicBool,
    integrity: Integrity,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// A write was dropped midway or failed: nobody knows what the file would hold.
    Broken,
}

impl LakeClient {
    /// Begins an upload to the file at `path`. Nothing is sent before there is a block to send.
    ///
    /// # Errors
    /// `InvalidInput`: `path` is the root of a filesystem.
    pub fn block_upload(&self, path: &LakePath, options: UploadOptions) -> Result<BlockUpload> {
        if path.is_root() {
            return Err(Error::invalid_input(
                UPLOAD,
                path.to_string(),
                "this is the root of the filesystem: name a file in it",
            ));
        }
        let block_bytes = block_bytes(&options);
        let target =
            Target::new(Arc::clone(&self.wire), path.clone(), options.lease, options.integrity);
        Ok(BlockUpload {
            target: Arc::new(target),
            advance: Advance::new(options.progress.clone(), options.bytes_expected),
            options,
            filling: Block::default(),
            block_bytes,
            blocks_begun: 0,
            bytes_taken: 0,
            bytes_begun: 0,
            in_flight: JoinSet::new(),
            sums: Vec::new(),
            state: State::Open,
        })
    }
}

impl BlockUpload {
    /// Appends `bytes` to the file. Waits while as many blocks are on their way as the options
    /// allow, and so holds a fast producer back.
    ///
    /// Pieces of 64 KiB and more are sent from where they are, without a copy.
    ///
    /// # Errors
    /// Those of any block so far. After an error the upload can only be dropped.
    ///
    /// # Cancel safety
    /// Not safe: after a future that was dropped before its end, every further call fails, since
    /// a part of `bytes` may have been taken. Nothing is published then.
    pub async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        self.begin_work()?;
        self.bytes_taken += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.block_bytes - self.filling.len();
            self.filling.push(bytes.split_to(room.min(bytes.len())));
            if self.filling.len() == self.block_bytes {
                self.send_block().await?;
            }
        }
        self.state = State::Open;
        Ok(())
    }

    /// How many bytes have been given to [`write`](Self::write).
    pub fn bytes_written(&self) -> u64 {
        self.bytes_taken
    }

    /// Waits for all blocks and makes them the file, in one step, under the condition of the
    /// options.
    ///
    /// # Errors
    /// - `AlreadyExists`, `PreconditionFailed`: the condition did not hold.
    /// - `Conflict`: `path` is a directory.
    /// - those of any block; nothing is published then.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the whole file appears; never a part of it does.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-list>
    pub async fn finish(mut self) -> Result<Published> {
        self.begin_work()?;
        // A condition needs block ids: after a lost answer they alone tell whose work is there.
        if self.blocks_begun == 0 && self.options.condition == WriteCondition::Always {
            return self.put_whole().await;
        }
        if self.filling.len() > 0 {
            self.send_block().await?;
        }
        while let Some(done) = self.in_flight.join_next().await {
            self.sums.push(finished(done, &self.target.path)?);
        }
        self.commit().await
    }

    /// Ends the upload without publishing anything, as dropping it does.
    pub fn abort(self) {}

    pub(crate) fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// Marks the upload broken until the work that begins here has ended well.
    fn begin_work(&mut self) -> Result<()> {
        match mem::replace(&mut self.state, State::Broken) {
            State::Open => Ok(()),
            State::Broken => Err(Error::invalid_input(
                UPLOAD,
                self.target.path.to_string(),
                "an earlier write failed or was dropped before its end; nothing was published",
            )),
        }
    }

    async fn send_block(&mut self) -> Result<()> {
        while self.in_flight.len() >= self.options.concurrency {
            if let Some(done) = self.in_flight.join_next().await {
                self.sums.push(finished(done, &self.target.path)?);
            }
        }
        // What failed meanwhile is not worth another block.
        while let Some(done) = self.in_flight.try_join_next() {
            self.sums.push(finished(done, &self.target.path)?);
        }
        if self.blocks_begun == MOST_BLOCKS {
            return Err(Error::invalid_input(
                UPLOAD,
                self.target.path.to_string(),
                "a file has at most 50,000 blocks",
            )
            .with_hint("say how many bytes will come, or choose larger blocks"));
        }
        let block = mem::take(&mut self.filling);
        let (target, number) = (Arc::clone(&self.target), self.blocks_begun);
        let (advance, position) = (self.advance.clone(), self.bytes_begun);
        self.blocks_begun += 1;
        self.bytes_begun += block.len() as u64;
        if self.options.bytes_expected.is_none()
            && self.blocks_begun.is_multiple_of(BLOCKS_OF_A_SIZE)
        {
            self.block_bytes *= 2;
        }
        self.in_flight.spawn(async move {
            let length = block.len() as u64;
            let sum = target.put_block(number, position, block).await?;
            advance.by(length);
            Ok((number, sum))
        });
        Ok(())
    }

    async fn put_whole(mut self) -> Result<Published> {
        let length = self.filling.len() as u64;
        let (body, sum) = mem::take(&mut self.filling).into_body(self.options.integrity);
        let mut request = self
            .target
            .request(&[])
            .static_header("x-ms-blob-type", "BlockBlob")
            .body(body.clone());
        if let Some(sum) = sum {
            request = announced(request, sum)?
                .header(http::HeaderName::from_static(X_MS_META_CRC64), &sum.to_metadata())?;
        }
        let request = self.options.describe(request)?;
        let response = match self.target.send(&request, sum).await? {
            Some(response) => response,
            None => {
                let route = self.target.dfs_route().await?;
                route.append(0, body, sum).await?;
                self.advance.by(length);
                return route.publish(length, &self.options).await;
            }
        };
        self.advance.by(length);
        let etag = response.headers().etag().ok_or_else(|| missing(&request, "ETag"))?;
        Ok(Published { etag, bytes: self.bytes_taken })
    }

    async fn commit(mut self) -> Result<Published> {
        if let Some(route) = self.target.dfs_route.get() {
            return route.publish(self.bytes_taken, &self.options).await;
        }
        let mut request = self.target.request(&[("comp", "blocklist")]);
        self.sums.sort_by_key(|(number, _)| *number);
        let whole = self
            .sums
            .iter()
            .try_fold(Crc64::default(), |whole, (_, sum)| sum.map(|sum| whole.then(sum)));
        if let Some(whole) = whole.filter(|_| self.target.integrity == Integrity::Checked) {
            let name = http::HeaderName::from_static(X_MS_META_CRC64);
            request = request.header(name, &whole.to_metadata())?;
        }
        let xml = self
            .target
            .ids
            .commit_xml(self.blocks_begun)
            .map_err(|source| request.error(ErrorKind::InvalidInput).with_source(source))?;
        request = request.body(Body::pieces(vec![xml.into()]));
        let request = self.options.describe(request)?;
        let request = conditional(request, &self.options.condition)?;
        let etag = match self.target.send(&request, None).await {
            Ok(Some(response)) => {
                response.headers().etag().ok_or_else(|| missing(&request, "ETag"))?
            }
            // Nothing was written yet: the file is empty.
            Ok(None) => {
                return self.target.dfs_route().await?.publish(0, &self.options).await;
            }
            // The file that is there may be ours, made by an attempt whose answer was lost.
            Err(error) if error.attempts() > 1 => {
                match self.target.made_by_us(self.blocks_begun).await {
                    Some(etag) => etag,
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        Ok(Published { etag, bytes: self.bytes_taken })
    }
}

impl Target {
    fn new(wire: Arc<Wire>, path: LakePath, lease: Option<LeaseId>, integrity: Integrity) -> Self {
        let (dfs_route, is_by_blob) = Default::default();
        Self { wire, path, ids: BlockIds::new(), integrity, lease, dfs_route, is_by_blob }
    }

    /// Sends bytes to the blob endpoint; `None` if they must go by the dfs endpoint.
    async fn send(&self, request: &Request, sum: Option<Crc64>) -> Result<Option<Response>> {
        let mut attempts = self.wire.attempts();
        loop {
            let is_by_blob = self.is_by_blob.load(Ordering::Relaxed);
            if self.wire.learned().blob_is_unreachable() && !is_by_blob {
                return Ok(None);
            }
            let outcome = match self.wire.send_once(request).await {
                Ok(response) => echoed(request, &response, sum).map(|()| response),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(response) => {
                    self.is_by_blob.store(true, Ordering::Relaxed);
                    return Ok(Some(response));
                }
                Err(error)
                    if !is_by_blob && self.wire.must_write_by_dfs(&self.path, &error).await =>
                {
                    return Ok(None);
                }
                Err(error) => attempts.pause_or_give_up(error).await?,
            }
        }
    }

    async fn dfs_route(&self) -> Result<&DfsRoute> {
        self.dfs_route
            .get_or_try_init(|| async { DfsRoute::new(Arc::clone(&self.wire), &self.path) })
            .await
    }

    fn request(&self, pairs: &[(&str, &str)]) -> Request {
        let url = self.wire.url(Endpoint::Blob, &self.path, pairs);
        let request = Request::new(UPLOAD, self.path.to_string(), Method::PUT, url);
        leased(request, self.lease.as_ref())
    }

    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block>
    async fn put_block(&self, number: u32, position: u64, block: Block) -> Result<Option<Crc64>> {
        let id = self.ids.id(number);
        let (body, sum) = block.into_body(self.integrity);
        let mut request = self.request(&[("comp", "block"), ("blockid", &id)]).body(body.clone());
        if let Some(sum) = sum {
            request = announced(request, sum)?;
        }
        if self.send(&request, sum).await?.is_none() {
            self.dfs_route().await?.append(position, body, sum).await?;
        }
        Ok(sum)
    }

    /// The state of the file, if it is made of exactly our blocks.
    async fn made_by_us(&self, blocks: u32) -> Option<crate::etag::ETag> {
        let pairs = [("comp", "blocklist"), ("blocklisttype", "committed")];
        let url = self.wire.url(Endpoint::Blob, &self.path, &pairs);
        let request = Request::new("look at", self.path.to_string(), Method::GET, url);
        let (response, _) = self.wire.send(&request).await.ok()?;
        let etag = response.headers().etag();
        let xml = collect(response, &request, LONGEST_BLOCK_LIST).await.ok()?;
        self.ids.made(blocks, &xml).then_some(etag).flatten()
    }
}

fn announced(request: Request, sum: Crc64) -> Result<Request> {
    request.header(http::HeaderName::from_static(X_MS_CONTENT_CRC64), &sum.base64())
}

/// The service tells the checksum of what it has stored.
fn echoed(request: &Request, response: &Response, sent: Option<Crc64>) -> Result<()> {
    match (response.headers().text(X_MS_CONTENT_CRC64), sent) {
        (Some(stored), Some(sent)) if !sent.is(stored) => Err(request
            .error(ErrorKind::InvalidResponse)
            .with_detail(format!(
                "the service stored {} bytes of another CRC-64 than was sent",
                sent.length()
            ))
            .with_hint("something between this machine and the service changes what passes it")
            .with_transient(None)),
        _ => Ok(()),
    }
}

fn finished<T>(
    done: std::result::Result<Result<T>, tokio::task::JoinError>,
    path: &LakePath,
) -> Result<T> {
    done.unwrap_or_else(|source| {
        Err(Error::new(ErrorKind::Source, UPLOAD, path.to_string())
            .with_detail("the task that sent a block ended early")
            .with_source(source))
    })
}

/// Blocks as large as asked for, or so large that the expected bytes fit into 50,000.
fn block_bytes(options: &UploadOptions) -> usize {
    const MIB: u64 = 1024 * 1024;
    let needed = options.bytes_expected.unwrap_or_default().div_ceil(u64::from(MOST_BLOCKS));
    let needed = needed.div_ceil(MIB) * MIB;
    options.block_bytes.max(usize::try_from(needed).unwrap_or(usize::MAX))
}

const UPLOAD: &str = "upload";

/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets>
const MOST_BLOCKS: u32 = 50_000;

/// After so many blocks of an unknown number they double, which is enough for 2.4 TiB from blocks
/// of 8 MiB.
const BLOCKS_OF_A_SIZE: u32 = 10_000;

/// 50,000 blocks of some 110 bytes each, with room to spare.
const LONGEST_BLOCK_LIST: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_large_enough_for_the_expected_bytes() {
        const MIB: u64 = 1024 * 1024;
        for (asked, expected_bytes, block) in [
            (8 * MIB, None, 8 * MIB),
            (8 * MIB, Some(0), 8 * MIB),
            (8 * MIB, Some(50_000 * 8 * MIB), 8 * MIB),
            (8 * MIB, Some(50_000 * 8 * MIB + 1), 9 * MIB),
            (MIB, Some(1 << 40), 21 * MIB),
        ] {
            let mut options = UploadOptions::default().with_block_bytes(asked as usize);
            options.bytes_expected = expected_bytes;
            assert_eq!(block_bytes(&options) as u64, block, "{asked} {expected_bytes:?}");
        }
    }
}
