//! The tables of the tests: `Types`, one column of each kind in three rows, the last of them NULLs;
//! `numbers`, a folder of two files.

use std::{collections::HashMap, fs::File, path::Path, sync::Arc};

use datafusion::arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
        Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray,
        Time64MicrosecondArray, TimestampMicrosecondArray, UInt8Array,
    },
    datatypes::{Field, Schema},
};
use parquet::arrow::ArrowWriter;

/// How many rows `numbers` has.
pub(super) const NUMBERS: i64 = 40_000;

/// Microseconds of 9999-12-31 23:59:59.999999.
pub(super) const LAST_MICROSECOND: i64 = 253_402_300_799_999_999;

pub(super) fn write(folder: &Path) {
    write_file(&folder.join("Types.parquet"), types());
    std::fs::create_dir(folder.join("numbers")).unwrap();
    let half = NUMBERS / 2;
    write_file(&folder.join("numbers/part-0.parquet"), numbers(0..half));
    write_file(&folder.join("numbers/part-1.parquet"), numbers(half..NUMBERS));
}

fn types() -> Vec<(Field, ArrayRef)> {
    let guid = b"\x6f\x96\x19\xff\x8b\x86\xd0\x11\xb4\x2d\x00\xc0\x4f\xc9\x64\xff".to_vec();
    let guids = [Some(guid), Some(vec![0; 16]), None].into_iter();
    let decimals = |values: [i128; 2], precision, scale| {
        let array = Decimal128Array::from(vec![Some(values[0]), Some(values[1]), None]);
        array.with_precision_and_scale(precision, scale).unwrap()
    };
    let text = |first: &str, second: &str| StringArray::from(vec![Some(first), Some(second), None]);
    let instants = || TimestampMicrosecondArray::from(vec![Some(0), Some(LAST_MICROSECOND), None]);
    vec![
        column("Id", None, Int64Array::from(vec![1, 2, 3])),
        column("Flag", None, BooleanArray::from(vec![Some(true), Some(false), None])),
        column("Tiny", None, UInt8Array::from(vec![Some(255), Some(0), None])),
        column("Small", None, Int16Array::from(vec![Some(-32_768), Some(1), None])),
        column("Plain", None, Int32Array::from(vec![Some(i32::MIN), Some(i32::MAX), None])),
        column("Single", None, Float32Array::from(vec![Some(1.5), Some(-0.25), None])),
        column("Double", None, Float64Array::from(vec![Some(1e300), Some(-0.1), None])),
        column("Price", None, decimals([123_456, -1], 15, 2)),
        column("Wide", None, decimals([10_i128.pow(38) - 1, -1], 38, 10)),
        column("Money", Some("money"), decimals([12_345, -1], 19, 4)),
        column("Day", None, Date32Array::from(vec![Some(-719_162), Some(2_932_896), None])),
        column("Clock", None, Time64MicrosecondArray::from(vec![Some(1), Some(0), None])),
        column("Instant", None, instants()),
        column("Zoned", None, instants().with_timezone("+02:00")),
        column("Text", None, text("Zoë 😀", "")),
        column("Code", Some("char(5)"), text("ab", "abcde")),
        column("Latin", Some("varchar(44)"), text("Zoë €", "")),
        column(
            "Utf8",
            Some("varchar(44) collate Latin1_General_100_CI_AS_SC_UTF8"),
            text("Zoë 😀", ""),
        ),
        column("Long", None, text(&"x".repeat(70_000), "y")),
        column("Bytes", None, BinaryArray::from(vec![Some(&b"\0\x01"[..]), Some(b""), None])),
        column(
            "Guid",
            Some("uniqueidentifier"),
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(guids, 16).unwrap(),
        ),
    ]
}

fn numbers(range: std::ops::Range<i64>) -> Vec<(Field, ArrayRef)> {
    let names: Vec<String> = range.clone().map(|n| format!("number {n}")).collect();
    let thirds: Int32Array =
        range.clone().map(|n| (n % 3 == 0).then(|| i32::try_from(n).unwrap())).collect();
    vec![
        column("n", None, Int64Array::from_iter_values(range)),
        column("name", None, StringArray::from(names)),
        column("third", None, thirds),
    ]
}

fn column(
    name: &str,
    declared: Option<&str>,
    array: impl datafusion::arrow::array::Array + 'static,
) -> (Field, ArrayRef) {
    let declared = declared.map(|one| ("azconnect.sql_type".to_owned(), one.to_owned()));
    let metadata: HashMap<String, String> = declared.into_iter().collect();
    let field = Field::new(name, array.data_type().clone(), true).with_metadata(metadata);
    (field, Arc::new(array))
}

fn write_file(path: &Path, columns: Vec<(Field, ArrayRef)>) {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), schema, None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
