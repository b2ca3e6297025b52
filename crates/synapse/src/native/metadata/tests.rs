//! Vectors by hand from the grammar of COLMETADATA and TYPE_INFO in MS-TDS 2.2.7.4 and 2.2.5.4.

use super::*;

/// SQL_Latin1_General_CP1_CI_AS.
const LATIN1: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

fn column(flags: u8, type_info: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 0, flags, 0];
    bytes.extend_from_slice(type_info);
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    bytes
}

fn metadata(columns: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(columns.len()).unwrap();
    [&count.to_le_bytes()[..], &columns.concat()].concat()
}

#[track_caller]
fn check(type_info: &[u8], layout: Layout, sql_type: SqlType) {
    let bytes = metadata(&[column(1, type_info, "c")]);
    let mut cursor = Cursor::new(&bytes);
    let columns = parse(&mut cursor).unwrap().unwrap();
    assert!(cursor.is_at_end(), "{type_info:02x?}");
    assert_eq!((columns[0].layout, columns[0].sql_type), (layout, sql_type), "{type_info:02x?}");
    assert_eq!(columns[0].name, "c");
    for length in 0..bytes.len() {
        assert_eq!(parse(&mut Cursor::new(&bytes[..length])), Err(Fault::Short), "at {length}");
    }
}

#[test]
fn every_type_is_recognized_and_every_truncation_asks_for_more() {
    use SqlType::*;
    let latin1 = Char(Charset::CodePage(encoding_rs::WINDOWS_1252));
    let with = |head: &[u8]| [head, &LATIN1].concat();

    check(&[0x1F], Layout::Fixed(0), Null);
    check(&[0x30], Layout::Fixed(1), TinyInt);
    check(&[0x32], Layout::Fixed(1), Bit);
    check(&[0x34], Layout::Fixed(2), SmallInt);
    check(&[0x38], Layout::Fixed(4), Int);
    check(&[0x3A], Layout::Fixed(4), SmallDateTime);
    check(&[0x3B], Layout::Fixed(4), Real);
    check(&[0x3C], Layout::Fixed(8), Money);
    check(&[0x3D], Layout::Fixed(8), DateTime);
    check(&[0x3E], Layout::Fixed(8), Float);
    check(&[0x7A], Layout::Fixed(4), SmallMoney);
    check(&[0x7F], Layout::Fixed(8), BigInt);
    check(&[0x24, 16], Layout::ByteLength, Guid);
    check(&[0x26, 1], Layout::ByteLength, TinyInt);
    check(&[0x26, 2], Layout::ByteLength, SmallInt);
    check(&[0x26, 4], Layout::ByteLength, Int);
    check(&[0x26, 8], Layout::ByteLength, BigInt);
    check(&[0x68, 1], Layout::ByteLength, Bit);
    check(&[0x6D, 4], Layout::ByteLength, Real);
    check(&[0x6D, 8], Layout::ByteLength, Float);
    check(&[0x6E, 4], Layout::ByteLength, SmallMoney);
    check(&[0x6E, 8], Layout::ByteLength, Money);
    check(&[0x6F, 4], Layout::ByteLength, SmallDateTime);
    check(&[0x6F, 8], Layout::ByteLength, DateTime);
    check(&[0x6A, 9, 15, 2], Layout::ByteLength, Decimal { precision: 15, scale: 2 });
    check(&[0x6C, 17, 38, 38], Layout::ByteLength, Decimal { precision: 38, scale: 38 });
    check(&[0x28], Layout::ByteLength, Date);
    check(&[0x29, 7], Layout::ByteLength, Time { scale: 7 });
    check(&[0x2A, 0], Layout::ByteLength, DateTime2 { scale: 0 });
    check(&[0x2B, 3], Layout::ByteLength, DateTimeOffset { scale: 3 });
    check(&[0xA5, 0x10, 0x00], Layout::ShortLength, Binary);
    check(&[0xA5, 0xFF, 0xFF], Layout::Chunked, Binary);
    check(&[0xAD, 0x10, 0x00], Layout::ShortLength, Binary);
    check(&with(&[0xA7, 0x40, 0x1F]), Layout::ShortLength, latin1);
    check(&with(&[0xA7, 0xFF, 0xFF]), Layout::Chunked, latin1);
    check(&with(&[0xAF, 0x01, 0x00]), Layout::ShortLength, latin1);
    check(&with(&[0xE7, 0x40, 0x1F]), Layout::ShortLength, NChar);
    check(&with(&[0xE7, 0xFF, 0xFF]), Layout::Chunked, NChar);
    check(&with(&[0xEF, 0x02, 0x00]), Layout::ShortLength, NChar);
    check(&[0xF1, 0], Layout::Chunked, Xml);
    check(&[0xF1, 1, 1, b'd', 0, 1, b's', 0, 1, 0, b'c', 0], Layout::Chunked, Xml);
    // One part of a table name: "t".
    let table = [1, 1, 0, b't', 0];
    let text = [&with(&[0x23, 0xFF, 0xFF, 0xFF, 0x7F])[..], &table].concat();
    check(&text, Layout::TextPointer, latin1);
    let ntext = [&with(&[0x63, 0xFF, 0xFF, 0xFF, 0x7F])[..], &table].concat();
    check(&ntext, Layout::TextPointer, NChar);
    let image = [&[0x22, 0xFF, 0xFF, 0xFF, 0x7F][..], &table].concat();
    check(&image, Layout::TextPointer, Binary);
    check(&[0x62, 0x49, 0x1F, 0, 0], Layout::LongLength, Unsupported("sql_variant"));
}

#[test]
fn types_that_cannot_be_are_refused() {
    for type_info in [
        &[0x26, 3][..],
        &[0x24, 8],
        &[0x68, 2],
        &[0x6A, 17, 39, 0],
        &[0x6A, 17, 10, 11],
        &[0x29, 8],
        &[0x99],
    ] {
        let bytes = metadata(&[column(1, type_info, "c")]);
        let fault = parse(&mut Cursor::new(&bytes)).unwrap_err();
        assert!(matches!(fault, Fault::Invalid(_)), "{type_info:02x?}: {fault:?}");
    }
}

#[test]
fn names_are_kept_and_missing_ones_are_numbered() {
    let bytes =
        metadata(&[column(1, &[0x38], "a"), column(0, &[0x26, 4], "a"), column(1, &[0x26, 4], "")]);
    let columns = parse(&mut Cursor::new(&bytes)).unwrap().unwrap();
    let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["a", "a", "column_3"]);
    let nullable: Vec<_> = columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [false, false, true]);
}

#[test]
fn a_statement_without_rows_has_no_columns() {
    assert_eq!(parse(&mut Cursor::new(&[0xFF, 0xFF])), Ok(None));
    assert!(matches!(parse(&mut Cursor::new(&[0, 0])), Err(Fault::Invalid(_))));
}
