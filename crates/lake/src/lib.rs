#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod buffers;
mod client;
mod error;
mod etag;
mod list;
mod names;
mod parquet;
mod path;
mod progress;
mod properties;
mod read;
mod upload;
mod wire;

/// The types of this crate appear in [`ParquetReader`] and [`ParquetUpload`].
pub use arrow;

pub use self::{
    client::{LakeClient, LakeClientBuilder},
    error::{Error, ErrorKind, Result},
    etag::{ETag, WriteCondition},
    list::{ListDepth, ListOptions, PathEntry},
    parquet::{
        ParquetCompression, ParquetPublished, ParquetReadOptions, ParquetReader, ParquetUpload,
        ParquetWriteOptions,
    },
    path::{AccountName, FilesystemName, LakePath, LakeUrl},
    progress::{Progress, ProgressHook},
    properties::{PathProperties, PathType},
    read::{DownloadOptions, Downloaded, ExistingFile, LakeReader},
    upload::{BlockUpload, Published, UploadOptions},
    wire::RetryOptions,
};
