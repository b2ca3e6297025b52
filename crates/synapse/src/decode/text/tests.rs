//! UTF-16 and UTF-8 forms by Python's `str.encode`; code pages likewise (`cp1252`, `cp932`, …).

use arrow::array::AsArray;

use super::*;
use crate::decode::sample::decode;

fn texts(array: &ArrayRef) -> Vec<Option<&str>> {
    array.as_string::<i32>().iter().collect()
}

fn utf16_bytes(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn utf16_becomes_utf8_whatever_is_in_it() {
    let cases =
        ["", "plain ASCII, longer than any block", "naïve", "日本語", "🦀 crab", "a\u{7f}\u{80}"];
    let bytes: Vec<_> = cases.iter().map(|text| utf16_bytes(text)).collect();
    let mut values: Vec<_> = bytes.iter().map(|bytes| Some(bytes.as_slice())).collect();
    values.insert(2, None);
    let array = decode(utf16(8), &values).unwrap();
    let mut expected: Vec<_> = cases.iter().copied().map(Some).collect();
    expected.insert(2, None);
    assert_eq!(texts(&array), expected);
}

#[test]
fn unpaired_surrogates_become_replacement_characters() {
    // A high surrogate at the end, a low one at the start, and two in the wrong order.
    let values: [Option<&[u8]>; 3] = [
        Some(&[0x61, 0x00, 0x3E, 0xD8]),
        Some(&[0x80, 0xDD, 0x62, 0x00]),
        Some(&[0x80, 0xDD, 0x3E, 0xD8]),
    ];
    let array = decode(utf16(4), &values).unwrap();
    assert_eq!(texts(&array), [Some("a\u{FFFD}"), Some("\u{FFFD}b"), Some("\u{FFFD}\u{FFFD}")]);
}

#[test]
fn half_a_utf16_unit_is_refused() {
    assert_eq!(decode(utf16(4), &[Some(&[0x61])]), Err(WRONG_LENGTH));
}

#[test]
fn code_pages_are_decoded() {
    let latin = code_page(encoding_rs::WINDOWS_1252, 4);
    let array = decode(latin, &[Some(b"plain"), Some(&[0x80, 0xE9]), None, Some(b"")]).unwrap();
    assert_eq!(texts(&array), [Some("plain"), Some("€é"), None, Some("")]);

    let cyrillic = decode(code_page(encoding_rs::WINDOWS_1251, 4), &[Some(&[0xCC, 0xE8, 0xF0])]);
    assert_eq!(texts(&cyrillic.unwrap()), [Some("Мир")]);
    let japanese = decode(code_page(encoding_rs::SHIFT_JIS, 4), &[Some(&[0x93, 0xFA, 0x96, 0x7B])]);
    assert_eq!(texts(&japanese.unwrap()), [Some("日本")]);
    // The first half of a double byte alone.
    let broken = decode(code_page(encoding_rs::SHIFT_JIS, 4), &[Some(&[0x41, 0x93])]);
    assert_eq!(texts(&broken.unwrap()), [Some("A\u{FFFD}")]);
}

#[test]
fn utf8_is_taken_as_it_is_and_repaired_where_it_is_none() {
    let array = decode(utf8(4), &[Some("日本".as_bytes()), Some(&[0x61, 0xFF, 0x62]), None]);
    assert_eq!(texts(&array.unwrap()), [Some("日本"), Some("a\u{FFFD}b"), None]);
}
