//! What an export did.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// How an export ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExportOutcome {
    /// The file is there.
    Exported,
    /// The file was there already and was left alone.
    Skipped,
}

/// What an export did. Serializes to a JSON object whose keys are stable: the fields' names, and
/// `elapsed_seconds`, a number with a fraction.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// How it ended. Everything else is zero or `None` if nothing was published.
    pub outcome: ExportOutcome,
    /// Rows in the file.
    pub rows: u64,
    /// Batches that the rows came in.
    pub batches: u64,
    /// Row groups of the file.
    pub row_groups: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Entity tag of the file, with its quotes.
    pub etag: Option<String>,
    /// Wall time from start to publication.
    #[serde(rename = "elapsed_seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

impl ExportReport {
    pub(crate) fn skipped(elapsed: Duration) -> Self {
        Self {
            outcome: ExportOutcome::Skipped,
            rows: 0,
            batches: 0,
            row_groups: 0,
            bytes: 0,
            etag: None,
            elapsed,
        }
    }
}

fn seconds<S: Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}
