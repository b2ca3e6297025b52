//! Writing files: staged as blocks or sent in one request, visible whole or not at all.

mod append_writer;
mod block;
mod block_list;
mod block_upload;
mod copy;
mod dfs_route;

use std::{fs::File, io::Read, path::Path};

use bytes::Bytes;
use futures::{Stream, StreamExt, pin_mut};

pub use self::{
    append_writer::{AppendLease, AppendOptions, AppendWriter, MissingFile},
    block_upload::BlockUpload,
    copy::CopyOptions,
};
use crate::{
    buffers::BufferPool,
    checksum::Integrity,
    client::LakeClient,
    content_headers::ContentHeaders,
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    lease::LeaseId,
    metadata::Metadata,
    path::LakePath,
    progress::ProgressHook,
    wire::{Endpoint, Request},
};

/// How a file is written.
///
/// At most `concurrency` blocks are on their way and one more is being filled, each of
/// `block_bytes`, which grow only for files too long for 50,000 blocks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadOptions {
    pub(crate) block_bytes: usize,
    pub(crate) concurrency: usize,
    pub(crate) condition: WriteCondition,
    pub(crate) headers: ContentHeaders,
    pub(crate) metadata: Metadata,
    pub(crate) lease: Option<LeaseId>,
    pub(crate) integrity: Integrity,
    pub(crate) bytes_expected: Option<u64>,
    pub(crate) progress: Option<ProgressHook>,
}

/// What has become visible in the lake.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The state that the file is in now.
    pub etag: ETag,
    /// Its length.
    pub bytes: u64,
}

impl Default for UploadOptions {
    /// 4 blocks of 8 MiB at a time; whatever has the name is replaced.
    fn default() -> Self {
        Self {
            block_bytes: 8 * 1024 * 1024,
            concurrency: 4,
            condition: WriteCondition::Always,
            headers: ContentHeaders::default(),
            metadata: Metadata::default(),
            lease: None,
            integrity: Integrity::Checked,
            bytes_expected: None,
            progress: None,
        }
    }
}

impl UploadOptions {
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

    /// What has to be true of the path when the file appears. Default [`WriteCondition::Always`].
    #[must_use]
    pub fn with_condition(mut self, condition: WriteCondition) -> Self {
        self.condition = condition;
        self
    }

    /// `Content-Type` of the file. Default: the service's, `application/octet-stream`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.headers.content_type = Some(content_type.into());
        self
    }

    /// All content headers of the file. Default: the service's.
    #[must_use]
    pub fn with_headers(mut self, headers: ContentHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// The metadata of the file. Default: none, also where there was a file with some.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The lease under which it is written, needed if the path is leased. Default: none.
    #[must_use]
    pub fn with_lease(mut self, lease: LeaseId) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Adds what is said about the file to the request that publishes it.
    pub(crate) fn describe(&self, request: Request) -> Result<Request> {
        let request = self.headers.add_to(request, Endpoint::Blob)?;
        self.metadata.add_to_blob(request)
    }

    /// Whether the service checks what arrives, and the file carries a checksum of the whole in its
    /// metadata `azconnect_crc64` (CRC-64/NVME in base64, a slash, the length), which a download
    /// compares. Default [`Integrity::Checked`].
    #[must_use]
    pub fn with_integrity(mut self, integrity: Integrity) -> Self {
        self.integrity = integrity;
        self
    }

    /// How many bytes will come, for the progress hook and the size of blocks. Default: unknown.
    /// It is no promise: more or fewer bytes are no error.
    #[must_use]
    pub fn with_bytes_expected(mut self, bytes: u64) -> Self {
        self.bytes_expected = Some(bytes);
        self
    }

    /// Calls `hook` as blocks have arrived. Default: none.
    #[must_use]
    pub fn with_progress(mut self, hook: ProgressHook) -> Self {
        self.progress = Some(hook);
        self
    }
}

impl LakeClient {
    /// Writes `bytes` to the file at `path`, making the directories that it is in.
    ///
    /// # Errors
    /// - `AlreadyExists`, `PreconditionFailed`: by the condition in the options.
    /// - `Conflict`: `path` is a directory.
    /// - `PermissionDenied`: the identity may not write there.
    ///
    /// # Cancel safety
    /// A dropped future leaves open whether the file appears; never a part of it does.
    ///
    /// Spec: <https://learn.microsoft.com/rest/api/storageservices/put-blob>
    pub async fn upload(
        &self,
        path: &LakePath,
        bytes: Bytes,
        options: UploadOptions,
    ) -> Result<Published> {
        let mut upload =
            self.block_upload(path, options.with_bytes_expected(bytes.len() as u64))?;
        upload.write(bytes).await?;
        upload.finish().await
    }

    /// Writes what `stream` yields to the file at `path`, with bounded memory.
    ///
    /// # Errors
    /// As [`upload`](Self::upload), and `Source` if the stream fails; then nothing is published.
    ///
    /// # Cancel safety
    /// Dropping the future before the stream has ended publishes nothing; after that, as
    /// [`upload`](Self::upload).
    pub async fn upload_stream<E>(
        &self,
        path: &LakePath,
        stream: impl Stream<Item = Result<Bytes, E>>,
        options: UploadOptions,
    ) -> Result<Published>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut upload = self.block_upload(path, options)?;
        pin_mut!(stream);
        while let Some(bytes) = stream.next().await {
            let bytes = bytes.map_err(|source| {
                Error::new(ErrorKind::Source, "upload", path.to_string())
                    .with_detail("the bytes to upload could not be had; nothing was published")
                    .with_source(source)
            })?;
            upload.write(bytes).await?;
        }
        upload.finish().await
    }

    /// Writes the local file `local` to the file at `path`, with bounded memory.
    ///
    /// # Errors
    /// As [`upload`](Self::upload), and `LocalFile` if `local` cannot be read or changes its
    /// length while it is read; then nothing is published.
    ///
    /// # Cancel safety
    /// As [`upload_stream`](Self::upload_stream).
    pub async fn upload_file(
        &self,
        path: &LakePath,
        local: impl AsRef<Path>,
        options: UploadOptions,
    ) -> Result<Published> {
        let local = local.as_ref();
        let failed = |source| Error::local("read", local, source);
        let name = local.to_owned();
        let (mut file, length) = on_thread(move || {
            let file = File::open(name)?;
            let found = file.metadata()?;
            if found.is_dir() {
                return Err(std::io::ErrorKind::IsADirectory.into());
            }
            let length = found.is_file().then_some(found.len());
            Ok((file, length))
        })
        .await
        .map_err(failed)?;

        let options = match length {
            Some(length) => options.with_bytes_expected(length),
            None => options,
        };
        let mut upload = self.block_upload(path, options)?;
        let pool = BufferPool::new(upload.block_bytes());
        let mut bytes_read = 0;
        loop {
            let (mut buffer, limit) = (pool.take(), upload.block_bytes() as u64);
            let read = on_thread(move || {
                (&mut file).take(limit).read_to_end(&mut buffer)?;
                Ok((file, buffer))
            });
            let (same_file, buffer) = read.await.map_err(failed)?;
            file = same_file;
            if buffer.is_empty() {
                break;
            }
            bytes_read += buffer.len() as u64;
            upload.write(pool.share(buffer)).await?;
        }
        if length.is_some_and(|length| length != bytes_read) {
            return Err(Error::new(ErrorKind::LocalFile, "read", local.display().to_string())
                .with_detail("it changed while it was read; nothing was published"));
        }
        upload.finish().await
    }
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
