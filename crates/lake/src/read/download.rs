//! A file of the lake becomes a local one, whole or not at all.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};
use tokio::sync::oneshot;

use super::{
    Advance, DownloadOptions, FileFacts,
    local_file::{PartialFile, write_all_at},
    part::{PartReader, Sink},
    parts,
};
use crate::{
    checksum::Crc64,
    client::LakeClient,
    error::{Error, ErrorKind, Result},
    etag::ETag,
    path::LakePath,
};

/// What a download brought.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// The file's length, which all of its bytes were counted against.
    pub bytes: u64,
    /// The state of the file that was read.
    pub etag: ETag,
    /// How many of the bytes the service sent with a CRC-64 that held. Less than `bytes` if it
    /// knows no such thing, or it was not asked to.
    pub bytes_checked: u64,
    /// Whether all bytes together have the CRC-64 that the file's writer stored with it. `false`
    /// if none is stored, or it was not looked at; one that differs is an error.
    pub file_checked: bool,
}

impl LakeClient {
    /// Downloads the file at `path` to the local file `local`, whose directories are made if they
    /// are not there.
    ///
    /// The bytes go to a temporary file beside `local` first. Only when all of them, of one state
    /// of the file, are on the disk does it take the name, so that an old file of that name is
    /// replaced by a whole new one or stays as it is.
    ///
    /// # Errors
    /// - `NotFound`: there is nothing at `path`; no local directory was made either.
    /// - `AlreadyExists`: a local file is to be kept by [`DownloadOptions::with_existing_file`].
    /// - `LocalFile`: the disk is full, or `local` may not be written.
    /// - `PreconditionFailed`: somebody replaced the file meanwhile.
    /// - `Connect`: the connection broke more often than [`RetryOptions`](crate::RetryOptions)
    ///   allow. A part is taken up where it broke.
    ///
    /// # Cancel safety
    /// A dropped future leaves `local` as it was and removes the temporary file. Only a process
    /// that is killed leaves one (`.NAME.….part`) behind.
    pub async fn download(&self, path: &LakePath, local: impl AsRef<Path>) -> Result<Downloaded> {
        self.download_opts(path, local, DownloadOptions::default()).await
    }

    /// As [`download`](Self::download), with options.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    ///
    /// # Cancel safety
    /// As [`download`](Self::download).
    pub async fn download_opts(
        &self,
        path: &LakePath,
        local: impl AsRef<Path>,
        options: DownloadOptions,
    ) -> Result<Downloaded> {
        let local = local.as_ref().to_owned();
        let (announce, announced) = oneshot::channel();
        // The first answer says how much there is, and the other parts start on its head.
        let first = async {
            let range = 0..options.part_bytes;
            let mut sink = Sink::memory();
            let mut part = PartReader::new(&self.wire, path, range, options.if_match.clone())
                .with_integrity(options.integrity)
                .announcing(announce);
            let facts = part.read(&mut sink).await?;
            Ok((facts, sink.sum(), sink.checked(), sink.into_bytes()))
        };
        let rest = async {
            // No announcement: the first part has failed and will say why.
            let Ok(facts) = announced.await else { return Ok(None) };
            let advance = Advance::new(options.progress.clone(), facts.size);
            let (target, existing) = (local.clone(), options.existing_file);
            let partial =
                blocking(&local, "create", move || PartialFile::create(&target, existing)).await?;
            let sums = self.read_rest(path, &facts, &options, &partial, &local, &advance).await?;
            Ok(Some((partial, advance, sums)))
        };
        let ((facts, first_sum, first_checked, first), rest) = tokio::try_join!(first, rest)?;
        let Some((partial, advance, mut sums)) = rest else {
            return Err(Error::new(ErrorKind::InvalidResponse, "read", path.to_string()));
        };

        // They came in any order.
        sums.sort_by_key(|(start, _, _)| *start);
        let whole = sums.iter().fold(first_sum, |whole, (_, sum, _)| whole.then(*sum));
        let bytes_checked = first_checked + sums.iter().map(|(_, _, checked)| checked).sum::<u64>();
        let file_checked = facts.compare(path, whole, options.integrity)?.is_some();

        let first_length = first.len() as u64;
        blocking(&local, "write", move || {
            write_all_at(partial.file(), &first, 0)?;
            partial.publish(facts.size)
        })
        .await?;
        advance.by(first_length);
        Ok(Downloaded { bytes: facts.size, etag: facts.etag, bytes_checked, file_checked })
    }

    async fn read_rest(
        &self,
        path: &LakePath,
        facts: &FileFacts,
        options: &DownloadOptions,
        partial: &PartialFile,
        local: &Path,
        advance: &Advance,
    ) -> Result<Vec<(u64, Crc64, u64)>> {
        let rest = options.part_bytes.min(facts.size)..facts.size;
        // The first part is still being read on a connection of its own.
        let concurrency = options.concurrency.saturating_sub(1).max(1);
        stream::iter(parts(rest, options.part_bytes))
            .map(|range| async move {
                let file = Arc::clone(partial.file());
                let mut sink = Sink::file(file, local.to_owned(), range.start, advance.clone());
                let start = range.start;
                PartReader::new(&self.wire, path, range, Some(facts.etag.clone()))
                    .exactly()
                    .with_integrity(options.integrity)
                    .read(&mut sink)
                    .await?;
                Ok((start, sink.sum(), sink.checked()))
            })
            .buffer_unordered(concurrency)
            .try_collect()
            .await
    }
}

async fn blocking<T: Send + 'static>(
    local: &Path,
    operation: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    let local: PathBuf = local.to_owned();
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)
        .and_then(|done| done)
        .map_err(|source| Error::local(operation, &local, source))
}
