//! The forms in which a program may print a secret that it was given.
//!
//! - the value, with and without the line feeds at its end, and each of its lines
//! - base64, with both alphabets, padded or not, alone and inside of a longer text: what comes before moves a secret
//!   by no, one or two bytes against the groups of three that base64 makes, and what is then left of a form is the
//!   same whatever surrounds the secret
//! - the lines of base64 when it is wrapped as MIME and PEM do
//! - percent-encoding, as much as the usual functions encode
//! - what is inside of a JSON string, with the escapes of the usual writers
//!
//! Other forms are not known: hexadecimal, compressed, reversed, one character a line.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use zeroize::Zeroizing;

use super::MIN_BYTES;

type Form = Zeroizing<Vec<u8>>;

/// Adds the forms of a value, none if the value is too short to be looked for.
pub(super) fn add(value: &str, forms: &mut Vec<Form>) {
    if value.len() < MIN_BYTES {
        return;
    }
    let trimmed = value.trim_end_matches(['\r', '\n']);
    let lines = value.split(['\r', '\n']).map(str::trim).filter(|line| line.len() >= MIN_BYTES);
    forms.extend(lines.map(|line| form(line.as_bytes())));
    for text in [value, trimmed] {
        if text.len() >= MIN_BYTES {
            forms.push(form(text.as_bytes()));
            base64(text, forms);
            percent(text, forms);
            json(text, forms);
        }
    }
    forms.retain(|form| form.len() >= MIN_BYTES);
}

fn form(bytes: &[u8]) -> Form {
    Zeroizing::new(bytes.to_vec())
}

fn base64(text: &str, forms: &mut Vec<Form>) {
    for before in 0..3 {
        let mut bytes = Zeroizing::new(Vec::with_capacity(before + text.len()));
        bytes.resize(before, 0);
        bytes.extend_from_slice(text.as_bytes());
        // A character holds six bits; those that share bits with a neighbour of the secret are not the same always.
        let from = (before * 8).div_ceil(6);
        let to = bytes.len() * 8 / 6;
        for (padded, unpadded) in [(STANDARD, STANDARD_NO_PAD), (URL_SAFE, URL_SAFE_NO_PAD)] {
            let encoded = Zeroizing::new(unpadded.encode(&bytes));
            forms.extend(encoded.get(from..to).map(|inner| form(inner.as_bytes())));
            forms.extend(encoded.get(from..).map(|rest| form(rest.as_bytes())));
            let encoded = Zeroizing::new(padded.encode(&bytes));
            forms.extend(encoded.get(from..).map(|rest| form(rest.as_bytes())));
            if before == 0 {
                for width in WRAPPED_AT.into_iter().filter(|width| encoded.len() > *width) {
                    let lines = encoded.as_bytes().chunks(width);
                    forms.extend(lines.filter(|line| line.len() >= MIN_WRAPPED).map(form));
                }
            }
        }
    }
}

fn percent(text: &str, forms: &mut Vec<Form>) {
    for keeps in KEPT_BY_PERCENT_ENCODING {
        for digits in [UPPER, LOWER] {
            for space in [&b"%20"[..], b"+"] {
                let mut encoded = form(&[]);
                for byte in text.bytes() {
                    match byte {
                        b' ' => encoded.extend_from_slice(space),
                        byte if keeps(byte) => encoded.push(byte),
                        byte => {
                            encoded.push(b'%');
                            hexadecimal(u16::from(byte), 2, digits, &mut encoded);
                        }
                    }
                }
                forms.push(encoded);
            }
        }
    }
}

fn json(text: &str, forms: &mut Vec<Form>) {
    for (escapes, digits) in ESCAPED_IN_JSON {
        let mut encoded = form(&[]);
        for character in text.chars() {
            let short = match character {
                '"' => Some(b'"'),
                '\\' => Some(b'\\'),
                '\n' => Some(b'n'),
                '\r' => Some(b'r'),
                '\t' => Some(b't'),
                '\u{8}' => Some(b'b'),
                '\u{c}' => Some(b'f'),
                _ => None,
            };
            if escapes(character) || short.is_none() && character < ' ' {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    encoded.extend_from_slice(b"\\u");
                    hexadecimal(*unit, 4, digits, &mut encoded);
                }
            } else if let Some(short) = short {
                encoded.extend_from_slice(&[b'\\', short]);
            } else {
                encoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        forms.push(encoded);
    }
}

fn hexadecimal(value: u16, width: usize, digits: &[u8; 16], to: &mut Vec<u8>) {
    for position in (0..width).rev() {
        to.push(digits[usize::from((value >> (4 * position)) & 15)]);
    }
}

const UPPER: &[u8; 16] = b"0123456789ABCDEF";
const LOWER: &[u8; 16] = b"0123456789abcdef";

/// MIME, and `base64` of GNU; PEM.
///
/// Spec: RFC 2045, section 6.8; RFC 7468, section 2
const WRAPPED_AT: [usize; 2] = [76, 64];

/// The last of the lines may be short; one such as `Cg==` is in many a text.
const MIN_WRAPPED: usize = 8;

/// Which bytes are kept as they are; a space never is.
const KEPT_BY_PERCENT_ENCODING: [fn(u8) -> bool; 5] = [
    // RFC 3986, section 2.3
    |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte),
    // The same in a path, as `quote` of Python does it
    |byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte),
    // `encodeURIComponent` of JavaScript
    |byte| byte.is_ascii_alphanumeric() || b"-._~!*'()".contains(&byte),
    // Forms: <https://url.spec.whatwg.org/#application-x-www-form-urlencoded-percent-encode-set>
    |byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte),
    // The password of a URL: <https://url.spec.whatwg.org/#userinfo-percent-encode-set>
    |byte| byte.is_ascii_graphic() && !b"\"#<>?`{}/:;=@[\\]^|".contains(&byte),
];

type Escapes = fn(char) -> bool;

/// Which characters are written as `\u` and four digits although JSON does not ask for it.
const ESCAPED_IN_JSON: [(Escapes, &[u8; 16]); 4] = [
    // Nothing, as JavaScript, serde and `jq` do
    (|_| false, LOWER),
    // Python
    (|character| !character.is_ascii(), LOWER),
    // Go
    (|character| matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'), LOWER),
    // .NET
    (|character| !matches!(character, '\0'..='~') || "\"&'+<>`".contains(character), UPPER),
];
