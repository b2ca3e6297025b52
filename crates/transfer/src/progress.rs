//! How far an export is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What an export has done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ExportProgress {
    /// Rows read from the server.
    pub rows: u64,
    /// Batches that the rows came in.
    pub batches: u64,
    /// Bytes of Parquet that have arrived in the lake, visible or not.
    pub bytes: u64,
}

pub(crate) type ProgressCallback = dyn Fn(ExportProgress) + Send + Sync;

/// Counts, and tells who wants to know. The SQL side and the upload count from different tasks.
#[derive(Clone)]
pub(crate) struct Counter(Arc<Inner>);

struct Inner {
    rows: AtomicU64,
    batches: AtomicU64,
    bytes: AtomicU64,
    callback: Option<Box<ProgressCallback>>,
}

impl Counter {
    pub(crate) fn new(callback: Option<Box<ProgressCallback>>) -> Self {
        Self(Arc::new(Inner {
            rows: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            callback,
        }))
    }

    pub(crate) fn add_batch(&self, rows: usize) {
        self.0.batches.fetch_add(1, Ordering::Relaxed);
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
        self.tell();
    }

    /// Blocks arrive in any order, and so may the news of them: the total never goes back.
    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.0.bytes.fetch_max(bytes, Ordering::Relaxed);
        self.tell();
    }

    pub(crate) fn now(&self) -> ExportProgress {
        ExportProgress {
            rows: self.0.rows.load(Ordering::Relaxed),
            batches: self.0.batches.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
        }
    }

    fn tell(&self) {
        if let Some(callback) = &self.0.callback {
            callback(self.now());
        }
    }
}
