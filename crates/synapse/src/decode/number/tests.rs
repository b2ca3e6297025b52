//! Vectors from the value formats in MS-TDS 2.2.5.5.1; bytes by Python's `int.to_bytes`.

use arrow::array::{Array, AsArray};

use super::*;
use crate::decode::sample::decode;

#[test]
fn integers_and_floats_keep_their_extremes() {
    let ints = decode(
        int(8),
        &[
            Some(&[0, 0, 0, 0x80]),
            None,
            Some(&[0xFF, 0xFF, 0xFF, 0x7F]),
            Some(&[0xFE, 0xFF, 0xFF, 0xFF]),
        ],
    )
    .unwrap();
    let expected = [Some(i32::MIN), None, Some(i32::MAX), Some(-2)];
    assert_eq!(ints.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), expected);

    let tiny = decode(tiny_int(8), &[Some(&[255]), Some(&[0])]).unwrap();
    assert_eq!(tiny.as_primitive::<UInt8Type>().values()[..], [255, 0]);
    let small = decode(small_int(8), &[Some(&[0, 0x80]), Some(&[1, 0])]).unwrap();
    assert_eq!(small.as_primitive::<Int16Type>().values()[..], [i16::MIN, 1]);
    let big =
        decode(big_int(8), &[Some(&[0, 0, 0, 0, 0, 0, 0, 0x80]), Some(&[1, 0, 0, 0, 0, 0, 0, 0])]);
    assert_eq!(big.unwrap().as_primitive::<Int64Type>().values()[..], [i64::MIN, 1]);
    let real = decode(real(8), &[Some(&1.5_f32.to_le_bytes()), None]).unwrap();
    assert_eq!(real.as_primitive::<Float32Type>().iter().collect::<Vec<_>>(), [Some(1.5), None]);
    let float = decode(float(8), &[Some(&(-0.1_f64).to_le_bytes())]).unwrap();
    assert_eq!(float.as_primitive::<Float64Type>().values()[..], [-0.1]);
}

#[test]
fn bits_and_untyped_nulls_are_read() {
    let bits = decode(Box::new(Bits::new(4)), &[Some(&[1]), None, Some(&[0]), Some(&[2])]).unwrap();
    let expected = [Some(true), None, Some(false), Some(true)];
    assert_eq!(bits.as_boolean().iter().collect::<Vec<_>>(), expected);
    let nulls = decode(Box::new(Nulls::default()), &[None, None, None]).unwrap();
    assert_eq!((nulls.len(), nulls.logical_null_count()), (3, 3));
}

#[test]
fn decimals_of_every_width_and_sign_are_read() {
    let wide = [0, 0x15, 0x81, 0x39, 0x6E, 0xB1, 0xC9, 0xBE, 0x46, 0x32, 0x1B, 0xE4, 0x27];
    let widest = [
        0, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F, 0x22, 0x8A, 0x09, 0x7A, 0xC4, 0x86, 0x5A, 0xA8, 0x4C,
        0x3B, 0x4B,
    ];
    let values: [Option<&[u8]>; 6] = [
        Some(&[1, 0x39, 0x30, 0, 0]),
        Some(&[0, 0x39, 0x30, 0, 0, 0, 0, 0, 0]),
        None,
        Some(&wide),
        Some(&widest),
        Some(&[1, 0, 0, 0, 0]),
    ];
    let (data_type, decoder) = decimal(38, 10, 8);
    let array = decode(decoder, &values).unwrap();
    assert_eq!(array.data_type(), &data_type);
    assert_eq!(data_type, DataType::Decimal128(38, 10));
    let expected = [
        Some(12_345),
        Some(-12_345),
        None,
        Some(-12_345_678_901_234_567_890_123_456_789),
        Some(-(10_i128.pow(38) - 1)),
        Some(0),
    ];
    assert_eq!(array.as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_decimal_beyond_its_precision_is_refused() {
    let hundred: [Option<&[u8]>; 1] = [Some(&[1, 100, 0, 0, 0])];
    assert!(decode(decimal(3, 0, 1).1, &hundred).is_ok());
    assert!(matches!(decode(decimal(2, 0, 1).1, &hundred), Err(ValueFault::Invalid(_))));
    let largest = [Some(
        &[1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255][..],
    )];
    assert!(matches!(decode(decimal(38, 0, 1).1, &largest), Err(ValueFault::Invalid(_))));
}

#[test]
fn money_has_its_upper_half_first() {
    // -1.0000 and 922337203685477.5807, the smallest step and the largest value.
    let values: [Option<&[u8]>; 2] = [
        Some(&[0xFF, 0xFF, 0xFF, 0xFF, 0xF0, 0xD8, 0xFF, 0xFF]),
        Some(&[0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF]),
    ];
    let array = decode(money(2).1, &values).unwrap();
    assert_eq!(array.data_type(), &DataType::Decimal128(19, 4));
    let expected = [-10_000, i128::from(i64::MAX)];
    assert_eq!(array.as_primitive::<Decimal128Type>().values()[..], expected);

    let small = decode(small_money(1).1, &[Some(&[0xF0, 0xD8, 0xFF, 0xFF])]).unwrap();
    assert_eq!(small.data_type(), &DataType::Decimal128(10, 4));
    assert_eq!(small.as_primitive::<Decimal128Type>().values()[..], [-10_000]);
}

#[test]
fn a_value_of_another_length_is_refused() {
    for length in [0, 1, 2, 3, 5, 7, 9] {
        let bytes = vec![1; length];
        let values = [Some(bytes.as_slice())];
        assert_eq!(decode(int(1), &values), Err(WRONG_LENGTH), "{length}");
        assert_eq!(decode(big_int(1), &[None, values[0]]), Err(WRONG_LENGTH), "{length}");
        if length != 5 && length != 9 {
            assert_eq!(decode(decimal(38, 0, 1).1, &values), Err(WRONG_LENGTH), "{length}");
        }
        if length != 1 {
            assert_eq!(decode(Box::new(Bits::new(1)), &values), Err(WRONG_LENGTH), "{length}");
        }
    }
}
