//! A small table, the emulators that serve it, and words about errors.

use std::{error::Error, fs::File, path::Path, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
        RecordBatch, StringArray, TimestampMicrosecondArray,
    },
    datatypes::{DataType, Field, Schema, TimeUnit},
};
use azconnect_emulators::Config;
use azconnect_tests::Harness;
use azure_core::credentials::TokenCredential;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

/// Running emulators, and the folder that lives as long as they do.
pub(crate) struct World {
    pub(crate) harness: Harness,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = folder.path().join("tables");
        std::fs::create_dir(&tables).unwrap();
        write(&people(), &tables.join("people.parquet"));
        let config = Config { tables_dir: Some(tables), ..config };
        Self { harness: Harness::start(config).await.unwrap(), folder }
    }

    /// The identity of the default configuration, which may do everything.
    pub(crate) fn identity(&self) -> Arc<dyn TokenCredential> {
        self.harness.managed_identity(None).unwrap()
    }
}

/// Every kind of column that a job meets, with NULLs in each, and text that is not ASCII.
pub(crate) fn people() -> RecordBatch {
    let text = |nullable| Field::new("name", DataType::Utf8, nullable);
    let columns: Vec<(Field, ArrayRef)> = vec![
        (Field::new("id", DataType::Int32, false), Arc::new(Int32Array::from(vec![1, 2, 3, 4]))),
        (
            text(true),
            Arc::new(StringArray::from(vec![
                Some("Zoë 𝄞"),
                None,
                Some(""),
                Some("O'Brien\n\t;--"),
            ])),
        ),
        (
            Field::new("balance", DataType::Decimal128(19, 4), true),
            Arc::new(
                Decimal128Array::from(vec![
                    Some(-1),
                    None,
                    Some(9_999_999_999_999_999_999),
                    Some(0),
                ])
                .with_precision_and_scale(19, 4)
                .unwrap(),
            ),
        ),
        (
            Field::new("score", DataType::Float64, true),
            Arc::new(Float64Array::from(vec![Some(0.1), Some(-0.0), None, Some(1e300)])),
        ),
        (
            Field::new("active", DataType::Boolean, true),
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, Some(true)])),
        ),
        (
            Field::new("born", DataType::Date32, true),
            // 0001-01-01, NULL, 1970-01-01, 9999-12-31
            Arc::new(Date32Array::from(vec![Some(-719_162), None, Some(0), Some(2_932_896)])),
        ),
        (
            Field::new("seen", DataType::Timestamp(TimeUnit::Microsecond, None), true),
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(1_700_000_000_123_456),
                Some(-1),
                None,
                Some(0),
            ])),
        ),
    ];
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn write(batch: &RecordBatch, path: &Path) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// The first error in the chain of sources that is an `E`.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> &'a E {
    let mut level = Some(error);
    while let Some(error) = level {
        if let Some(found) = error.downcast_ref() {
            return found;
        }
        level = error.source();
    }
    panic!("there is no such error in {error:?}");
}

/// Everything that a user could be shown about an error: every level's text, one a line.
pub(crate) fn told(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut level = Some(error);
    while let Some(error) = level {
        text += &error.to_string();
        text.push('\n');
        level = error.source();
    }
    text
}

/// Asserts that each of the parts is in the text.
#[track_caller]
pub(crate) fn assert_tells(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}
