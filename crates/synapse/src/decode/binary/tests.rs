//! GUIDs by the example of MS-DTYP 2.3.4: the text form against the packet form.

use arrow::array::AsArray;

use super::*;
use crate::decode::sample::decode;

/// 01234567-89ab-cdef-0123-456789abcdef as `CAST(… AS uniqueidentifier)` lies on the wire.
const WIRE: [u8; 16] = [
    0x67, 0x45, 0x23, 0x01, 0xAB, 0x89, 0xEF, 0xCD, 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF,
];

#[test]
fn guids_are_in_the_order_of_their_text() {
    let array = decode(Box::new(Guids::new(4)), &[Some(&WIRE), None]).unwrap();
    let array = array.as_fixed_size_binary();
    let expected: Vec<u8> = (0..16).map(|i| 0x11 * (2 * i % 16) + 1).map(|b| b as u8).collect();
    assert_eq!(array.value(0), expected);
    assert_eq!(array.iter().filter(Option::is_none).count(), 1);

    let array = decode(Box::new(GuidTexts::new(4)), &[None, Some(&WIRE)]).unwrap();
    let texts: Vec<_> = array.as_string::<i32>().iter().collect();
    assert_eq!(texts, [None, Some("01234567-89ab-cdef-0123-456789abcdef")]);
}

#[test]
fn a_guid_of_another_length_is_refused() {
    for length in [0, 15, 17] {
        let bytes = vec![1; length];
        let values = [Some(bytes.as_slice())];
        assert_eq!(decode(Box::new(Guids::new(1)), &values), Err(WRONG_LENGTH));
        assert_eq!(decode(Box::new(GuidTexts::new(1)), &values), Err(WRONG_LENGTH));
    }
}

#[test]
fn empty_bytes_are_not_null() {
    let array = decode(Box::new(Bytes::new(4)), &[Some(&[]), None, Some(&[0, 0xFF])]).unwrap();
    let values: Vec<_> = array.as_binary::<i32>().iter().collect();
    assert_eq!(values, [Some(&[][..]), None, Some(&[0, 0xFF])]);
}
