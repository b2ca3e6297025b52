//! Formats from MS-TDS 2.2.5.5.1.8; bytes and expected values by Python's `datetime`.

use arrow::{
    array::{Array, AsArray},
    datatypes::Int64Type,
};

use super::*;
use crate::decode::sample::decode;

/// 2024-02-29 13:45:30.1234567 as `datetime2(7)`.
const LEAP_DAY: [u8; 8] = [0x87, 0x0F, 0x41, 0x52, 0x73, 0x80, 0x46, 0x0B];
const LEAP_DAY_SECONDS: i64 = 1_709_214_330;
/// 9999-12-31 23:59:59.9999999.
const LAST: [u8; 8] = [0xFF, 0xBF, 0x69, 0x2A, 0xC9, 0xDA, 0xB9, 0x37];
const MICRO: TimestampUnit = TimestampUnit::Microsecond;

#[track_caller]
fn check(of: (DataType, Box<dyn Decoder>), values: &[&[u8]], expected: &[i64]) {
    let (data_type, decoder) = of;
    let values: Vec<_> = values.iter().map(|value| Some(*value)).chain([None]).collect();
    let array = decode(decoder, &values).unwrap();
    assert_eq!(array.data_type(), &data_type);
    assert!(array.is_null(values.len() - 1));
    let raw = arrow::compute::cast(&array, &DataType::Int64).unwrap();
    assert_eq!(raw.as_primitive::<Int64Type>().values()[..expected.len()], *expected);
}

#[test]
fn dates_cover_the_years_1_to_9999() {
    let values: [Option<&[u8]>; 4] =
        [Some(&[0, 0, 0]), Some(&[0x80, 0x46, 0x0B]), None, Some(&[0xDA, 0xB9, 0x37])];
    let array = decode(date(4), &values).unwrap();
    let expected = [Some(-719_162), Some(19_782), None, Some(2_932_896)];
    assert_eq!(array.as_primitive::<Date32Type>().iter().collect::<Vec<_>>(), expected);
    assert_eq!(decode(date(1), &[Some(&[0xDB, 0xB9, 0x37])]), Err(OUTSIDE_CALENDAR));
}

#[test]
fn datetime2_is_read_at_every_scale() {
    let micro = LEAP_DAY_SECONDS * 1_000_000;
    check(
        datetime2(7, MICRO, 4),
        &[&LEAP_DAY, &LAST, &[0; 8]],
        &[micro + 123_456, 253_402_300_799_999_999, -62_135_596_800_000_000],
    );
    check(
        datetime2(3, MICRO, 4),
        &[&[0x0B, 0xC5, 0xF3, 0x02, 0x80, 0x46, 0x0B]],
        &[micro + 123_000],
    );
    check(datetime2(0, MICRO, 4), &[&[0x7A, 0xC1, 0x00, 0x80, 0x46, 0x0B]], &[micro]);
}

#[test]
fn nanoseconds_keep_the_seventh_digit_and_refuse_what_does_not_fit() {
    let nano = TimestampUnit::Nanosecond;
    let expected = LEAP_DAY_SECONDS * 1_000_000_000 + 123_456_700;
    check(datetime2(7, nano, 4), &[&LEAP_DAY], &[expected]);
    assert_eq!(decode(datetime2(7, nano, 4).1, &[Some(&LAST)]), Err(OUTSIDE_NANOSECONDS));
}

#[test]
fn datetime_rounds_to_milliseconds_as_the_server_shows_it() {
    let of = |ticks: u32| [[0x25, 0xB1, 0, 0], ticks.to_le_bytes()].concat();
    let midnight = 1_709_164_800_000_000;
    let values: Vec<_> = [0, 1, 2, 3, 14_859_037].map(of).to_vec();
    let values: Vec<_> = values.iter().map(Vec::as_slice).collect();
    let expected = [0, 3_000, 7_000, 10_000, 49_530_123_000].map(|micro| midnight + micro);
    check(datetime(MICRO, 8), &values, &expected);
    check(datetime(MICRO, 8), &[&[0x46, 0x2E, 0xFF, 0xFF, 0, 0, 0, 0]], &[-6_847_804_800_000_000]);
    check(small_datetime(MICRO, 8), &[&[0x25, 0xB1, 0x39, 0x03]], &[1_709_214_300_000_000]);
}

#[test]
fn times_have_the_unit_that_holds_them() {
    let (of_seven, _) = time(7, 1);
    assert_eq!(of_seven, DataType::Time64(TimeUnit::Nanosecond));
    check(time(7, 4), &[&LEAP_DAY[..5]], &[49_530_123_456_700]);
    check(time(3, 4), &[&[0x0B, 0xC5, 0xF3, 0x02]], &[49_530_123_000]);
    check(time(0, 4), &[&[0x7A, 0xC1, 0x00]], &[49_530_000_000]);
    // 24:00:00 is no time of day.
    assert_eq!(decode(time(0, 4).1, &[Some(&[0x80, 0x51, 0x01])]), Err(OUTSIDE_CALENDAR));
}

#[test]
fn datetimeoffset_is_the_instant_or_the_text() {
    let east = [&LEAP_DAY[..], &[0x4A, 0x01]].concat();
    let micro = LEAP_DAY_SECONDS * 1_000_000 + 123_456;
    let (data_type, _) = datetime_offset(7, MICRO, 1);
    assert_eq!(data_type, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    check(datetime_offset(7, MICRO, 4), &[&east], &[micro]);

    let text = |scale, bytes: &[u8]| {
        let array = decode(Box::new(OffsetText::new(scale, 4)), &[Some(bytes), None]).unwrap();
        assert!(array.is_null(1));
        array.as_string::<i32>().value(0).to_owned()
    };
    assert_eq!(text(7, &east), "2024-02-29 19:15:30.1234567 +05:30");
    // 2024-03-01 02:00 UTC, eight hours west.
    let west = [0x20, 0x1C, 0, 0x81, 0x46, 0x0B, 0x20, 0xFE];
    assert_eq!(text(0, &west), "2024-02-29 18:00:00 -08:00");
    let far = [&LEAP_DAY[..], &[0x49, 0x03]].concat();
    let result = decode(Box::new(OffsetText::new(7, 4)), &[Some(&far)]);
    assert_eq!(result, Err(OUTSIDE_CALENDAR));
}

#[test]
fn a_value_of_another_length_is_refused() {
    for length in 0..12 {
        let bytes = vec![0; length];
        let values = [Some(bytes.as_slice())];
        for (expected, decoder) in [
            (3, date(1)),
            (5, time(7, 1).1),
            (4, small_datetime(MICRO, 1).1),
            (8, datetime(MICRO, 1).1),
            (7, datetime2(4, MICRO, 1).1),
            (10, datetime_offset(7, MICRO, 1).1),
            (10, Box::new(OffsetText::new(7, 1))),
        ] {
            let result = decode(decoder, &values).map(|_| ());
            let wanted = if length == expected { Ok(()) } else { Err(WRONG_LENGTH) };
            assert_eq!(result, wanted, "{length} of {expected}");
        }
    }
}
