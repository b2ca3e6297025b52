//! Each form is read back by a reader of its own.

use arrow::{
    array::{Decimal128Array, Int32Array, StringArray},
    datatypes::{DataType, Field, Schema},
};

use super::*;
use crate::{batches::destination::Destination, printer::Printer};

fn batch() -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("total", DataType::Decimal128(9, 2), true),
    ]);
    let names = StringArray::from(vec![Some("a,\"b\""), None]);
    let totals = Decimal128Array::from(vec![Some(12_345), Some(-5)]);
    RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(Int32Array::from(vec![1, 2])),
            Arc::new(names),
            Arc::new(totals.with_precision_and_scale(9, 2).unwrap()),
        ],
    )
    .unwrap()
}

fn write(format: OutputFormat, batches: &[RecordBatch]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let mut destination = Destination::open(Some(path.clone()), Printer::new(format)).unwrap();
    let mut writer = Writer::new(format, &batch().schema(), destination.writer()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    destination.publish().unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn csv_quotes_and_has_one_header() {
    let text = write(OutputFormat::Csv, &[batch(), batch()]);
    let rows = "1,\"a,\"\"b\"\"\",123.45\n2,,-0.05\n";
    assert_eq!(String::from_utf8(text).unwrap(), ["id,name,total\n", rows, rows].concat());
    assert_eq!(write(OutputFormat::Csv, &[]), b"id,name,total\n");
    let text = String::from_utf8(write(OutputFormat::Tsv, &[batch()])).unwrap();
    assert_eq!(text.lines().nth(1), Some("2\t\t-0.05"));
}

#[test]
fn json_is_one_array_whose_objects_have_every_key() {
    let text = write(OutputFormat::Json, &[batch(), batch()]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[1]["name"], serde_json::Value::Null);
    assert_eq!(rows[0]["name"], "a,\"b\"");
    assert!(rows[1].as_object().unwrap().contains_key("name"));
    let none: Vec<serde_json::Value> =
        serde_json::from_slice(&write(OutputFormat::Json, &[])).unwrap();
    assert!(none.is_empty());
}

#[test]
fn arrow_and_parquet_give_the_same_batches_back() {
    let bytes = write(OutputFormat::Arrow, &[batch(), batch()]);
    let reader = ipc::reader::StreamReader::try_new(bytes.as_slice(), None).unwrap();
    let read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(read, [batch(), batch()]);

    let bytes = bytes::Bytes::from(write(OutputFormat::Parquet, &[batch(), batch()]));
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(bytes, 100).unwrap();
    let read: Vec<_> = reader.map(Result::unwrap).collect();
    assert_eq!(
        read,
        [arrow::compute::concat_batches(&batch().schema(), &[batch(), batch()]).unwrap()]
    );
}
