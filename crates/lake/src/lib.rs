#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffers;
mod checksum;
mod client;
mod content_headers;
mod deleted;
mod error;
mod etag;
mod expiry;
mod filesystems;
mod glob;
mod lease;
mod list;
mod metadata;
mod names;
mod namespace;
mod parquet;
mod path;
mod progress;
mod properties;
mod read;
mod tags;
mod upload;
mod usage;
mod wire;

/// The types of this crate appear in [`ParquetReader`] and [`ParquetUpload`].
pub use arrow;

pub use self::{
    checksum::Integrity,
    client::{LakeClient, LakeClientBuilder},
    content_headers::ContentHeaders,
    deleted::DeletedPath,
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    expiry::Expiry,
    filesystems::{FilesystemEntry, FilesystemProperties},
    glob::LakeGlob,
    lease::{Lease, LeaseDuration, LeaseId, LeaseOptions, LeaseRenewal, LeaseState},
    list::{ListDepth, ListOptions, PathEntry},
    metadata::Metadata,
    names::{DeleteOptions, RenameOptions},
    namespace::Namespace,
    parquet::{
        ColumnSummary, ParquetCompression, ParquetPublished, ParquetReadOptions, ParquetReader,
        ParquetSummary, ParquetUpload, ParquetWriteOptions, RowGroupSummary,
    },
    path::{AccountName, FilesystemName, LakePath, LakeUrl},
    progress::{Progress, ProgressHook},
    properties::{PathProperties, PathType},
    read::{DownloadOptions, Downloaded, ExistingFile, LakeReader},
    tags::Tags,
    upload::{
        AppendLease, AppendOptions, AppendWriter, BlockUpload, CopyOptions, MissingFile, Published,
        UploadOptions,
    },
    usage::Usage,
    wire::RetryOptions,
};
