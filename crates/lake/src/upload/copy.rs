//! Copies that the service makes: no byte passes through this machine.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::{Published, UploadOptions, block_list::BlockIds};
use crate::{
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    names::conditional,
    path::LakePath,
    properties::missing,
    read::parts,
    wire::{Body, Endpoint, Headers, Request, collect},
};

/// How a file is copied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CopyOptions {
    condition: WriteCondition,
    source_if_match: Option<ETag>,
    block_bytes: u64,
    concurrency: usize,
}

impl Default for CopyOptions {
    /// Blocks of 64 MiB, 8 at a time; whatever has the name is replaced.
    fn default() -> Self {
        Self {
            condition: WriteCondition::Always,
            source_if_match: None,
            block_bytes: 64 * 1024 * 1024,
            concurrency: 8,
        }
    }
}

impl CopyOptions {
    /// What has to be true of the path when the copy appears. Default [`WriteCondition::Always`].
    #[must_use]
    pub fn with_condition(mut self, condition: WriteCondition) -> Self {
        self.condition = condition;
        self
    }

    /// Copies only if the source is still in this state. Default: the state it is found in; either
    /// way all of the copy is of one state.
    #[must_use]
    pub fn with_source_if_match(mut self, etag: ETag) -> Self {
        self.source_if_match = Some(etag);
        self
    }

    /// Bytes that one request copies; a file that is not longer takes one. Default 64 MiB; at least
    /// 64 KiB, at most 4,000 MiB. Blocks grow where a file would have more than 50,000.
    #[must_use]
    pub fn with_block_bytes(mut self, block_bytes: u64) -> Self {
        self.block_bytes = block_bytes.clamp(64 * 1024, LARGEST_BLOCK);
        self
    }

    /// Requests at a time. Default 8; 0 is taken as 1.
    #[must_use]
    pub fn with_concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency.max(1);
        self
    }
}

/// A file to copy from, in one state.
struct Source<'a> {
    client: &'a LakeClient,
    path: &'a LakePath,
    etag: ETag,
    size: u64,
    /// Content headers and metadata, under the names that the copy is given them by.
    described: HeaderMap,
}

impl LakeClient {
    /// Copies the file `from` to `to` inside the account, with its content type and metadata.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `from`, or no such filesystem.
    /// - `InvalidInput`: `from` is a directory.
    /// - `AlreadyExists`, `PreconditionFailed`: by the conditions in the options.
    /// - `InvalidResponse`: the copy is not as long as its source.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the whole copy appears; never a part of it does.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url> and
    /// <https://learn.microsoft.com/rest/api/storageservices/put-block-from-url>
    pub async fn copy(
        &self,
        from: &LakePath,
        to: &LakePath,
        options: CopyOptions,
    ) -> Result<Published> {
        self.copy_from(self, from, to, options).await
    }

    /// Copies the file `from` of the account of `source` to `to` in this one. The service of this
    /// account reads it with a token of `source`.
    ///
    /// # Errors
    /// As [`copy`](Self::copy); `PermissionDenied` also if the identity of `source` may not read
    /// there, or its account does not let this one in.
    ///
    /// # Cancel safety
    /// As [`copy`](Self::copy).
    pub async fn copy_from(
        &self,
        source: &LakeClient,
        from: &LakePath,
        to: &LakePath,
        options: CopyOptions,
    ) -> Result<Published> {
        for path in [from, to] {
            if path.is_root() {
                return Err(Error::invalid_input(
                    COPY,
                    path.to_string(),
                    "this is the root of the filesystem: name a file in it",
                ));
            }
        }
        let source = Source::look_at(source, from, options.source_if_match.clone()).await?;
        let etag = if source.size == 0 {
            let empty = UploadOptions::default().with_condition(options.condition.clone());
            self.upload(to, Bytes::new(), empty).await?.etag
        } else if source.size <= options.block_bytes && options.condition == WriteCondition::Always
        {
            self.copy_whole(&source, to).await?
        } else {
            // A condition needs block ids: after a lost answer they alone tell whose work is there.
            self.copy_blocks(&source, to, &options).await?
        };
        self.check_copy(&source, to, &etag).await?;
        Ok(Published { etag, bytes: source.size })
    }

    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url>
    async fn copy_whole(&self, source: &Source<'_>, to: &LakePath) -> Result<ETag> {
        let url = self.wire.url(Endpoint::Blob, to, &[]);
        let request = Request::new(COPY, source.path.to_string(), Method::PUT, url)
            .static_header("x-ms-blob-type", "BlockBlob")
            .body(Body::empty());
        let request = source.named_in(request).await?;
        let (response, _) = self.wire.send(&request).await?;
        response.headers().etag().ok_or_else(|| missing(&request, "ETag"))
    }

    async fn copy_blocks(
        &self,
        source: &Source<'_>,
        to: &LakePath,
        options: &CopyOptions,
    ) -> Result<ETag> {
        let block_bytes = options.block_bytes.max(source.size.div_ceil(MOST_BLOCKS));
        let ids = BlockIds::new();
        let numbered = parts(0..source.size, block_bytes).zip(0_u32..);
        let count = stream::iter(numbered)
            .map(|(range, number)| self.copy_block(source, to, ids.id(number), range))
            .buffer_unordered(options.concurrency)
            .try_fold(0_u32, |count, ()| std::future::ready(Ok(count + 1)))
            .await?;
        let url = self.wire.url(Endpoint::Blob, to, &[("comp", "blocklist")]);
        let mut request = Request::new(COPY, source.path.to_string(), Method::PUT, url);
        let xml = ids
            .commit_xml(count)
            .map_err(|source| request.error(ErrorKind::InvalidInput).with_source(source))?;
        request = request.body(Body::pieces(vec![xml.into()]));
        request.headers.extend(source.described.clone());
        let request = conditional(request, &options.condition)?;
        match self.wire.send(&request).await {
            Ok((response, _)) => response.headers().etag().ok_or_else(|| missing(&request, "ETag")),
            // The file that is there may be ours, made by an attempt whose answer was lost.
            Err(error) if error.attempts() > 1 => self.made_of(to, &ids, count).await.ok_or(error),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Err(error.with_detail(format!("`{to}` exists")))
            }
            Err(error) => Err(error),
        }
    }

    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-block-from-url>
    async fn copy_block(
        &self,
        source: &Source<'_>,
        to: &LakePath,
        id: String,
        range: Range<u64>,
    ) -> Result<()> {
        let pairs = [("comp", "block"), ("blockid", id.as_str())];
        let url = self.wire.url(Endpoint::Blob, to, &pairs);
        let last = range.end.saturating_sub(1);
        let request = Request::new(COPY, source.path.to_string(), Method::PUT, url)
            .header(X_MS_SOURCE_RANGE, &format!("bytes={}-{last}", range.start))?
            .body(Body::empty());
        let request = source.named_in(request).await?;
        self.wire.send(&request).await.map(drop)
    }

    /// The state of the file at `path`, if it is made of exactly these blocks.
    async fn made_of(&self, path: &LakePath, ids: &BlockIds, count: u32) -> Option<ETag> {
        let pairs = [("comp", "blocklist"), ("blocklisttype", "committed")];
        let url = self.wire.url(Endpoint::Blob, path, &pairs);
        let request = Request::new(LOOK, path.to_string(), Method::GET, url);
        let (response, _) = self.wire.send(&request).await.ok()?;
        let etag = response.headers().etag();
        let xml = collect(response, &request, LONGEST_BLOCK_LIST).await.ok()?;
        ids.made(count, &xml).then_some(etag).flatten()
    }

    /// Looks whether the copy has the length of its source; nothing to say if somebody has replaced
    /// it already.
    async fn check_copy(&self, source: &Source<'_>, to: &LakePath, etag: &ETag) -> Result<()> {
        let found = match self.properties(to).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        if found.etag != *etag || found.size == source.size {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidResponse, COPY, source.path.to_string())
            .with_detail(format!(
                "the copy `{to}` has {} bytes, its source {}",
                found.size, source.size
            ))
            .with_hint("delete the copy and make it again"))
    }
}

impl<'a> Source<'a> {
    async fn look_at(
        client: &'a LakeClient,
        path: &'a LakePath,
        if_match: Option<ETag>,
    ) -> Result<Self> {
        let url = client.wire.url(Endpoint::Blob, path, &[]);
        let mut request = Request::new(COPY, path.to_string(), Method::HEAD, url);
        if let Some(etag) = &if_match {
            request = request.header(http::header::IF_MATCH, etag.as_str())?;
        }
        let (response, _) = client.wire.send(&request).await?;
        let headers = response.headers();
        if headers.is_directory() {
            return Err(request
                .error(ErrorKind::InvalidInput)
                .with_detail("it is a directory")
                .with_hint("copy the files in it, which a listing shows, one by one"));
        }
        Ok(Self {
            client,
            path,
            etag: headers.etag().ok_or_else(|| missing(&request, "ETag"))?,
            size: headers.content_length().ok_or_else(|| missing(&request, "Content-Length"))?,
            described: described(headers),
        })
    }

    /// `request`, which copies from here, in this state, read with a token of this account's client.
    async fn named_in(&self, request: Request) -> Result<Request> {
        let url = self.client.wire.url(Endpoint::Blob, self.path, &[]);
        let authorization = self.client.wire.copy_authorization(&request).await?;
        let mut request = request
            .header(X_MS_COPY_SOURCE, url.as_str())?
            .header(X_MS_SOURCE_IF_MATCH, self.etag.as_str())?;
        request.headers.insert(X_MS_COPY_SOURCE_AUTHORIZATION, authorization);
        Ok(request)
    }
}

/// The content headers and the metadata of a blob, as Put Block List takes them.
fn described(headers: &HeaderMap) -> HeaderMap {
    let mut described = HeaderMap::new();
    for (plain, special) in CONTENT_HEADERS {
        if let Some(value) = headers.get(plain) {
            described.insert(HeaderName::from_static(special), value.clone());
        }
    }
    let metadata = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-ms-meta-"));
    described.extend(metadata.map(|(name, value)| (name.clone(), HeaderValue::clone(value))));
    described
}

const COPY: &str = "copy";
const LOOK: &str = "look at";

const CONTENT_HEADERS: [(&str, &str); 5] = [
    ("cache-control", "x-ms-blob-cache-control"),
    ("content-disposition", "x-ms-blob-content-disposition"),
    ("content-encoding", "x-ms-blob-content-encoding"),
    ("content-language", "x-ms-blob-content-language"),
    ("content-type", "x-ms-blob-content-type"),
];

const X_MS_COPY_SOURCE: HeaderName = HeaderName::from_static("x-ms-copy-source");
const X_MS_COPY_SOURCE_AUTHORIZATION: HeaderName =
    HeaderName::from_static("x-ms-copy-source-authorization");
const X_MS_SOURCE_IF_MATCH: HeaderName = HeaderName::from_static("x-ms-source-if-match");
const X_MS_SOURCE_RANGE: HeaderName = HeaderName::from_static("x-ms-source-range");

/// Spec: <https://learn.microsoft.com/azure/storage/blobs/scalability-targets> (since 2019-12-12)
const LARGEST_BLOCK: u64 = 4_000 * 1024 * 1024;
const MOST_BLOCKS: u64 = 50_000;
/// 50,000 blocks of some 110 bytes each, with room to spare.
const LONGEST_BLOCK_LIST: usize = 16 * 1024 * 1024;
