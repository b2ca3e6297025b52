//! Values against their bytes. The expected bytes are those of SQL Server, as the specification or
//! a documented capture has them, or follow from the layout in MS-TDS 2.2.5.5.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        BinaryArray, Date32Array, Decimal128Array, DictionaryArray, FixedSizeBinaryArray,
        StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    },
    datatypes::{Field, Int32Type, Schema},
};

use super::*;

/// Encodes the first value of `array` as a column of this type, without the token of the row.
fn encode(sql_type: &str, nullable: bool, array: ArrayRef) -> Result<Vec<u8>, SqlError> {
    let column = Column { name: "c".into(), sql_type: sql_type.parse().unwrap(), nullable };
    let schema = Schema::new(vec![Field::new("c", array.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![array]).unwrap();
    let columns = [column];
    let mut encoder = BatchEncoder::new(&columns, &batch)?;
    let mut out = Vec::new();
    encoder.row(0, &mut out)?;
    assert_eq!(out.remove(0), ROW);
    Ok(out)
}

#[track_caller]
fn check(sql_type: &str, array: impl Array + 'static, expected: &[u8]) {
    assert_eq!(encode(sql_type, true, Arc::new(array)).unwrap(), expected, "{sql_type}");
}

/// A NULL in a row without a bitmap.
#[track_caller]
fn check_null(sql_type: &str, array: impl Array + 'static, expected: &[u8]) {
    let sql_type = sql_type.parse().unwrap();
    let column = Column { name: "c".into(), sql_type, nullable: true };
    let cells = Cells::new(&column, &(Arc::new(array) as ArrayRef)).unwrap();
    let mut out = Vec::new();
    cells.put_null(&mut out).unwrap();
    assert_eq!(out, expected, "{sql_type}");
}

#[track_caller]
fn refused(sql_type: &str, array: impl Array + 'static, number: i32) {
    assert_eq!(encode(sql_type, true, Arc::new(array)).unwrap_err().number, number, "{sql_type}");
}

#[test]
fn integers_have_their_length_unless_they_cannot_be_null() {
    check("bigint", Int64Array::from(vec![-2]), &[8, 0xfe, 255, 255, 255, 255, 255, 255, 255]);
    check("int", Int32Array::from(vec![1]), &[4, 1, 0, 0, 0]);
    check_null("int", Int32Array::from(vec![None]), &[0]);
    check("bit", BooleanArray::from(vec![true]), &[1, 1]);
    check("tinyint", UInt8Array::from(vec![255]), &[1, 255]);
    let fixed = encode("int", false, Arc::new(Int32Array::from(vec![7]))).unwrap();
    assert_eq!(fixed, [7, 0, 0, 0]);
    let null = encode("int", false, Arc::new(Int32Array::from(vec![None]))).unwrap_err();
    assert_eq!(null.number, 515);
}

#[test]
fn numbers_of_other_widths_are_widened() {
    check("int", datafusion::arrow::array::UInt16Array::from(vec![65_535]), &[4, 255, 255, 0, 0]);
    let mut most = vec![13, 1];
    most.extend(u64::MAX.to_le_bytes());
    most.extend([0; 4]);
    check("decimal(20,0)", UInt64Array::from(vec![u64::MAX]), &most);
}

#[test]
fn decimals_have_sign_and_magnitude() {
    let decimal = |value, precision, scale| {
        Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap()
    };
    check("decimal(9,2)", decimal(12_345, 9, 2), &[5, 1, 0x39, 0x30, 0, 0]);
    check("decimal(10,2)", decimal(-1, 10, 2), &[9, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    let mut most = vec![17, 1];
    most.extend((10_i128.pow(38) - 1).to_le_bytes());
    check("decimal(38,0)", decimal(10_i128.pow(38) - 1, 38, 0), &most);
    // 1.2345 as money: the upper half first.
    check("money", decimal(12_345, 19, 4), &[8, 0, 0, 0, 0, 0x39, 0x30, 0, 0]);
    check("money", decimal(-1, 19, 4), &[8, 255, 255, 255, 255, 255, 255, 255, 255]);
    check("smallmoney", decimal(12_345, 10, 4), &[4, 0x39, 0x30, 0, 0]);
    refused("smallmoney", decimal(9_999_999_999, 10, 4), 8115);
}

#[test]
fn text_is_utf16_or_in_its_collation() {
    let text = |text: &str| StringViewArray::from(vec![text]);
    check("nvarchar(10)", text("aé"), &[4, 0, b'a', 0, 0xe9, 0]);
    check("nvarchar(10)", text(""), &[0, 0]);
    check("nvarchar(2)", text("😀"), &[4, 0, 0x3d, 0xd8, 0x00, 0xde]);
    check_null("nvarchar(10)", StringViewArray::from(vec![None::<&str>]), &[0xff, 0xff]);
    check("nchar(3)", text("a"), &[6, 0, b'a', 0, b' ', 0, b' ', 0]);
    check("varchar(10)", text("€"), &[1, 0, 0x80]);
    check("varchar(10) collate Latin1_General_100_CI_AS_SC_UTF8", text("é"), &[2, 0, 0xc3, 0xa9]);
    check("char(3)", text("ab"), &[3, 0, b'a', b'b', b' ']);
    check("char(2)", text("ab"), &[2, 0, b'a', b'b']);
    refused("nvarchar(1)", text("😀"), 8152);
    refused("char(1)", text("ab"), 8152);
}

#[test]
fn long_text_comes_in_chunks() {
    let text = |text: &str| StringViewArray::from(vec![text]);
    check(
        "varchar(max)",
        text("abc"),
        &[3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c', 0, 0, 0, 0],
    );
    check("nvarchar(max)", text(""), &[0; 12]);
    check_null("nvarchar(max)", StringViewArray::from(vec![None::<&str>]), &[0xff; 8]);
    let long = encode("varchar(max)", true, Arc::new(text(&"x".repeat(40_000)))).unwrap();
    assert_eq!(long.len(), 8 + 4 + 32_768 + 4 + 7_232 + 4);
    assert_eq!(long[..12], [0x40, 0x9c, 0, 0, 0, 0, 0, 0, 0x00, 0x80, 0, 0]);
}

#[test]
fn dictionaries_are_unpacked() {
    let array: DictionaryArray<Int32Type> = vec![Some("MAIL"), None].into_iter().collect();
    check("varchar(10)", array, &[4, 0, b'M', b'A', b'I', b'L']);
}

#[test]
fn bytes_are_as_long_as_they_are_and_guids_mixed() {
    check("varbinary(8)", BinaryArray::from(vec![&b"\x01\x02"[..]]), &[2, 0, 1, 2]);
    check("binary(4)", BinaryArray::from(vec![&b"\x01\x02"[..]]), &[4, 0, 1, 2, 0, 0]);
    check(
        "varbinary(max)",
        BinaryArray::from(vec![&b"\x01"[..]]),
        &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0],
    );
    // 6F9619FF-8B86-D011-B42D-00C04FC964FF, the example in the documentation of uniqueidentifier.
    let guid = [
        0x6f, 0x96, 0x19, 0xff, 0x8b, 0x86, 0xd0, 0x11, 0xb4, 0x2d, 0x00, 0xc0, 0x4f, 0xc9, 0x64,
        0xff,
    ];
    let array = FixedSizeBinaryArray::try_from_iter(std::iter::once(guid)).unwrap();
    check(
        "uniqueidentifier",
        array,
        &[
            16, 0xff, 0x19, 0x96, 0x6f, 0x86, 0x8b, 0x11, 0xd0, 0xb4, 0x2d, 0x00, 0xc0, 0x4f, 0xc9,
            0x64, 0xff,
        ],
    );
}

#[test]
fn dates_count_from_year_1() {
    // 0001-01-01 and 9999-12-31, the limits that the documentation of date names.
    check("date", Date32Array::from(vec![-719_162]), &[3, 0, 0, 0]);
    check("date", Date32Array::from(vec![2_932_896]), &[3, 0xda, 0xb9, 0x37]);
    check("date", Date32Array::from(vec![0]), &[3, 0x3a, 0xf9, 0x0a]);
    refused("date", Date32Array::from(vec![2_932_897]), 8115);
}

#[test]
fn times_have_three_to_five_bytes() {
    // 00:00:01.5
    let time = || Time64MicrosecondArray::from(vec![1_500_000]);
    check("time(0)", time(), &[3, 1, 0, 0]);
    check("time(3)", time(), &[4, 0xdc, 0x05, 0, 0]);
    check("time(7)", time(), &[5, 0xc0, 0xe1, 0xe4, 0, 0]);
}

#[test]
fn points_in_time_are_split_into_time_and_date() {
    // One microsecond before 1970.
    check(
        "datetime2(6)",
        TimestampMicrosecondArray::from(vec![-1]),
        &[8, 0xff, 0x5f, 0xd7, 0x1d, 0x14, 0x39, 0xf9, 0x0a],
    );
    check("datetime2(0)", TimestampSecondArray::from(vec![1]), &[6, 1, 0, 0, 0x3a, 0xf9, 0x0a]);
    check(
        "datetime2(7)",
        TimestampNanosecondArray::from(vec![299]),
        &[8, 2, 0, 0, 0, 0, 0x3a, 0xf9, 0x0a],
    );
    // 1900-01-02 00:00:01 and, rounded up to it, a microsecond before 1900-01-02.
    let day = -25_566 * 86_400_i64;
    check("datetime", TimestampSecondArray::from(vec![day + 1]), &[8, 1, 0, 0, 0, 0x2c, 1, 0, 0]);
    check(
        "datetime",
        TimestampMicrosecondArray::from(vec![day * 1_000_000 - 1]),
        &[8, 1, 0, 0, 0, 0, 0, 0, 0],
    );
    check("smalldatetime", TimestampSecondArray::from(vec![day + 90]), &[4, 1, 0, 2, 0]);
    refused("smalldatetime", TimestampSecondArray::from(vec![day - 2 * 86_400]), 8115);
    refused("datetime", TimestampSecondArray::from(vec![-7_000_000_000]), 8115);
}

#[test]
fn zones_are_offsets_in_minutes() {
    let array = |zone: &str| TimestampSecondArray::from(vec![1]).with_timezone(zone);
    let expected = |minutes: i16| {
        let [low, high] = minutes.to_le_bytes();
        [8, 1, 0, 0, 0x3a, 0xf9, 0x0a, low, high]
    };
    check("datetimeoffset(0)", array("UTC"), &expected(0));
    check("datetimeoffset(0)", array("-03:30"), &expected(-210));
    check("datetimeoffset(0)", array("Europe/Berlin"), &expected(60));
}

#[test]
fn rows_with_many_nulls_have_a_bitmap() {
    let columns: Vec<Column> = (0..9)
        .map(|_| Column { name: String::new(), sql_type: SqlType::Int, nullable: true })
        .collect();
    let schema = Schema::new(
        (0..9)
            .map(|n| Field::new(n.to_string(), Int32Array::from(vec![1]).data_type().clone(), true))
            .collect::<Vec<_>>(),
    );
    let arrays = (0..9)
        .map(|n| Arc::new(Int32Array::from(vec![(n == 8).then_some(5), Some(n)])) as ArrayRef)
        .collect();
    let batch = RecordBatch::try_new(Arc::new(schema), arrays).unwrap();
    let mut encoder = BatchEncoder::new(&columns, &batch).unwrap();
    let mut out = Vec::new();
    encoder.row(0, &mut out).unwrap();
    assert_eq!(out, [NBC_ROW, 0xff, 0x00, 4, 5, 0, 0, 0]);
    out.clear();
    encoder.row(1, &mut out).unwrap();
    assert_eq!(out.len(), 1 + 9 * 5);
}
