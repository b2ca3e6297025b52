//! From a collation to the character encoding of `char` and `varchar` values.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/3d29e8dc-218a-42c6-9ba4-947ebca9fd7e>

use encoding_rs::Encoding;

/// Set in a collation whose values are UTF-8 (`…_UTF8`).
const UTF8_FLAG: u32 = 0x0400_0000;
const LCID_MASK: u32 = 0x000F_FFFF;

/// How a column's `char` values are encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    CodePage(&'static Encoding),
    /// No decoder for it is known; the numbers are for the error message.
    Unknown {
        lcid: u32,
        sort_id: u8,
    },
}

/// Reads the five bytes of a collation.
pub(super) fn charset(collation: [u8; 5]) -> Charset {
    let [a, b, c, d, sort_id] = collation;
    let bits = u32::from_le_bytes([a, b, c, d]);
    if bits & UTF8_FLAG != 0 {
        return Charset::Utf8;
    }
    let lcid = bits & LCID_MASK;
    let page = if sort_id == 0 { code_page_of_locale(lcid) } else { code_page_of_sort(sort_id) };
    page.and_then(encoding_of).map_or(Charset::Unknown { lcid, sort_id }, Charset::CodePage)
}

fn encoding_of(code_page: u16) -> Option<&'static Encoding> {
    Some(match code_page {
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1252 => encoding_rs::WINDOWS_1252,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        // 437 and 850, the two of DOS, have no decoder here.
        _ => return None,
    })
}

/// SQL collations, which carry the number of a sort order.
/// Spec: <https://learn.microsoft.com/sql/t-sql/statements/sql-server-collation-name-transact-sql>
fn code_page_of_sort(sort_id: u8) -> Option<u16> {
    Some(match sort_id {
        30..=34 => 437,
        40..=44 | 49 | 55..=61 => 850,
        50..=54 | 71..=75 | 183..=186 | 210..=217 => 1252,
        80..=96 => 1250,
        104..=108 => 1251,
        112..=114 | 120..=122 | 124 => 1253,
        128..=130 => 1254,
        136..=138 => 1255,
        144..=146 => 1256,
        152..=160 => 1257,
        192 | 193 | 200 => 932,
        194 | 195 | 201 => 949,
        196 | 197 | 202 => 950,
        198 | 199 | 203 => 936,
        204..=206 => 874,
        _ => return None,
    })
}

/// Windows collations, by the ANSI code page of their locale.
/// Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-lcid/70feba9f-294e-491e-b6eb-56532684c37f>
fn code_page_of_locale(lcid: u32) -> Option<u16> {
    // The upper four bits choose a way of sorting within the same locale.
    Some(match lcid & 0xFFFF {
        0x041E => 874,
        0x0411 => 932,
        0x0804 | 0x1004 => 936,
        0x0412 => 949,
        0x0404 | 0x0C04 | 0x1404 => 950,
        // Czech, Hungarian, Polish, Romanian, Croatian, Slovak, Albanian, Slovenian, Turkmen,
        // Serbian and Bosnian in Latin script.
        0x0405 | 0x040E | 0x0415 | 0x0418 | 0x041A | 0x041B | 0x041C | 0x0424 | 0x0442 | 0x081A
        | 0x101A | 0x141A => 1250,
        // Bulgarian, Russian, Ukrainian, Belarusian, Tajik, Macedonian, Kazakh, Kyrgyz, Tatar,
        // Mongolian, Bashkir, Yakut, Serbian, Azerbaijani, Uzbek and Bosnian in Cyrillic script.
        0x0402 | 0x0419 | 0x0422 | 0x0423 | 0x0428 | 0x042F | 0x043F | 0x0440 | 0x0444 | 0x0450
        | 0x046D | 0x0485 | 0x0C1A | 0x082C | 0x0843 | 0x201A => 1251,
        0x0408 => 1253,
        // Turkish, Azerbaijani and Uzbek in Latin script.
        0x041F | 0x042C | 0x0443 => 1254,
        0x040D => 1255,
        // Arabic, Urdu, Persian, Uighur, Dari.
        0x0401 | 0x0420 | 0x0429 | 0x0480 | 0x048C => 1256,
        // Estonian, Latvian, Lithuanian.
        0x0425 | 0x0426 | 0x0427 | 0x0827 => 1257,
        0x042A => 1258,
        // Catalan, Danish, German, English, Spanish, Finnish, French, Icelandic, Italian, Dutch,
        // Norwegian, Portuguese, Romansh, Swedish, Indonesian, Basque, Afrikaans, Faroese, Sami,
        // Malay, Swahili, Welsh, Galician, Frisian, Sorbian, Luxembourgish, Greenlandic, Mapudungun,
        // Mohawk, Breton, Corsican.
        0x0403 | 0x0406 | 0x0407 | 0x0409 | 0x040A | 0x040B | 0x040C | 0x040F | 0x0410 | 0x0413
        | 0x0414 | 0x0416 | 0x0417 | 0x041D | 0x0421 | 0x042D | 0x042E | 0x0436 | 0x0437
        | 0x0438 | 0x043B | 0x043E | 0x0441 | 0x0452 | 0x0456 | 0x0462 | 0x046E | 0x046F
        | 0x047A | 0x047C | 0x047E | 0x0483 | 0x0807 | 0x0809 | 0x080A | 0x080C | 0x0810
        | 0x0813 | 0x0814 | 0x0816 | 0x081D | 0x083B | 0x085F | 0x0C07 | 0x0C09 | 0x0C0A
        | 0x0C0C | 0x0C3B => 1252,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(collation: [u8; 5], expected: Charset) {
        assert_eq!(charset(collation), expected);
    }

    #[test]
    fn known_collations_have_their_code_page() {
        // SQL_Latin1_General_CP1_CI_AS, as SQL Server sends it.
        check([0x09, 0x04, 0xD0, 0x00, 0x34], Charset::CodePage(encoding_rs::WINDOWS_1252));
        // Latin1_General_100_CI_AS_SC_UTF8.
        check([0x09, 0x04, 0xD0, 0x24, 0x00], Charset::Utf8);
        // Cyrillic_General_CI_AS, Japanese_CI_AS, Greek_CI_AS, German_PhoneBook_CI_AS.
        check([0x19, 0x04, 0xD0, 0x00, 0x00], Charset::CodePage(encoding_rs::WINDOWS_1251));
        check([0x11, 0x04, 0xD0, 0x00, 0x00], Charset::CodePage(encoding_rs::SHIFT_JIS));
        check([0x08, 0x04, 0xD0, 0x00, 0x00], Charset::CodePage(encoding_rs::WINDOWS_1253));
    }

    #[test]
    fn collations_without_a_decoder_are_named() {
        // SQL_Latin1_General_CP850_CI_AS.
        check([0x09, 0x04, 0xD0, 0x00, 42], Charset::Unknown { lcid: 0x0409, sort_id: 42 });
        check([0xFF, 0xFF, 0x00, 0x00, 0], Charset::Unknown { lcid: 0xFFFF, sort_id: 0 });
    }
}
