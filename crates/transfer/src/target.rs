//! The file in the lake: whether it is wanted, and on which condition it may appear.

use arrow::datatypes::SchemaRef;
use azconnect_lake::{
    LakeClient, LakePath, ParquetPublished, ParquetUpload, ParquetWriteOptions, ProgressHook,
    UploadOptions, WriteCondition,
};

use crate::{
    error::{Error, ErrorKind, Result, Stage},
    progress::Counter,
};

/// What to do if the target exists already.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum IfExists {
    /// Fail with `AlreadyExists`, before the query runs if possible.
    #[default]
    Fail,
    /// Replace it in one step when the new file is complete.
    Overwrite,
    /// Leave it alone and report [`ExportOutcome::Skipped`](crate::ExportOutcome::Skipped).
    Skip,
}

/// Where an export goes, and how.
#[derive(Debug)]
pub(crate) struct Target {
    lake: LakeClient,
    path: LakePath,
    name: String,
    if_exists: IfExists,
    parquet: ParquetWriteOptions,
    upload: UploadOptions,
}

/// What became of the finished file.
pub(crate) enum Publication {
    /// It is there.
    Done(ParquetPublished),
    /// Somebody else was faster, and a file that exists was to be left alone.
    Skipped,
}

impl Target {
    pub(crate) fn new(
        lake: LakeClient,
        path: LakePath,
        if_exists: IfExists,
        parquet: ParquetWriteOptions,
        upload: UploadOptions,
    ) -> Self {
        let condition = match if_exists {
            IfExists::Overwrite => WriteCondition::Always,
            IfExists::Fail | IfExists::Skip => WriteCondition::IfAbsent,
        };
        let name = format!("`{path}` in account `{}`", lake.account());
        let upload = upload.with_condition(condition).with_content_type(CONTENT_TYPE);
        Self { lake, path, name, if_exists, parquet, upload }
    }

    /// The file for messages: path and account, each in backticks.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is anything to do.
    ///
    /// Looking first saves a query whose result could not be published; the condition on
    /// publication still holds if somebody else is faster.
    pub(crate) async fn is_wanted(&self) -> Result<bool> {
        if self.if_exists == IfExists::Overwrite {
            return Ok(true);
        }
        let exists = self.lake.exists(&self.path).await;
        let exists = exists.map_err(|error| Error::lake(Stage::Stat, &self.name, error))?;
        match self.if_exists {
            IfExists::Fail if exists => {
                let message = format!("cannot export to {}: it exists already", self.name);
                let error = Error::new(ErrorKind::AlreadyExists, Stage::Stat, message);
                Err(error.with_hint(ON_EXISTING_FILE))
            }
            _ => Ok(!exists),
        }
    }

    /// Begins the file; nothing is visible before [`publish`](Self::publish).
    pub(crate) fn begin(&self, schema: SchemaRef, counter: &Counter) -> Result<ParquetUpload> {
        let counter = counter.clone();
        let hook = ProgressHook::new(move |progress| counter.set_bytes(progress.bytes_done));
        let options = self.parquet.clone().with_upload(self.upload.clone().with_progress(hook));
        let upload = self.lake.parquet_upload(&self.path, schema, options);
        upload.map_err(|error| Error::lake(Stage::Upload, &self.name, error))
    }

    /// Makes the file visible.
    pub(crate) async fn publish(&self, upload: ParquetUpload) -> Result<Publication> {
        match upload.finish().await {
            Ok(published) => Ok(Publication::Done(published)),
            Err(error) if self.if_exists == IfExists::Skip && lost_race(&error) => {
                Ok(Publication::Skipped)
            }
            Err(error) => Err(Error::lake(Stage::Publish, &self.name, error)),
        }
    }
}

fn lost_race(error: &azconnect_lake::Error) -> bool {
    error.kind() == azconnect_lake::ErrorKind::AlreadyExists
}

/// Spec: <https://www.iana.org/assignments/media-types/application/vnd.apache.parquet>
const CONTENT_TYPE: &str = "application/vnd.apache.parquet";

const ON_EXISTING_FILE: &str = "choose another path, or say that the file may be replaced \
                                (`--overwrite`) or that it is fine (`--if-not-exists`)";
