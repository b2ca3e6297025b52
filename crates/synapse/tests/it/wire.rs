//! Tokens as a server writes them, put together by hand from MS-TDS 2.2.7.
//!
//! Shares nothing with the client: what is wrong here shows as a failing test.

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn byte_text(text: &str) -> Vec<u8> {
    let count = u8::try_from(text.encode_utf16().count()).unwrap();
    [&[count][..], &utf16(text)].concat()
}

fn short_text(text: &str) -> Vec<u8> {
    let count = u16::try_from(text.encode_utf16().count()).unwrap();
    [&count.to_le_bytes()[..], &utf16(text)].concat()
}

fn short_token(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap();
    [&[kind][..], &length.to_le_bytes(), body].concat()
}

pub(crate) fn login_ack() -> Vec<u8> {
    let mut body = vec![1, 0x74, 0, 0, 4];
    body.extend_from_slice(&byte_text("Scripted SQL"));
    body.extend_from_slice(&[16, 0, 0, 0]);
    short_token(0xAD, &body)
}

pub(crate) fn packet_size(bytes: u16) -> Vec<u8> {
    let body = [&[4][..], &byte_text(&bytes.to_string()), &byte_text("4096")].concat();
    short_token(0xE3, &body)
}

pub(crate) fn route(host: &str, port: u16) -> Vec<u8> {
    let data = [&[0][..], &port.to_le_bytes(), &short_text(host)].concat();
    let length = u16::try_from(data.len()).unwrap();
    short_token(0xE3, &[&[20][..], &length.to_le_bytes(), &data, &[0, 0]].concat())
}

pub(crate) fn error(number: u32, class: u8, state: u8, text: &str) -> Vec<u8> {
    message(0xAA, number, class, state, text)
}

pub(crate) fn info(number: u32, text: &str) -> Vec<u8> {
    message(0xAB, number, 0, 1, text)
}

fn message(kind: u8, number: u32, class: u8, state: u8, text: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend_from_slice(&[state, class]);
    body.extend_from_slice(&short_text(text));
    body.extend_from_slice(&byte_text("scripted"));
    body.extend_from_slice(&byte_text(""));
    body.extend_from_slice(&1_u32.to_le_bytes());
    short_token(kind, &body)
}

/// The last token of a reply.
pub(crate) fn done(count: Option<u64>) -> Vec<u8> {
    done_token(0xFD, 0, count)
}

/// The end of a statement with another one to come.
pub(crate) fn done_more(count: Option<u64>) -> Vec<u8> {
    done_token(0xFD, 1, count)
}

pub(crate) fn done_failed() -> Vec<u8> {
    done_token(0xFD, 2, None)
}

pub(crate) fn done_in_proc() -> Vec<u8> {
    done_token(0xFF, 0, None)
}

fn done_token(kind: u8, status: u16, count: Option<u64>) -> Vec<u8> {
    let status = status | if count.is_some() { 0x10 } else { 0 };
    let mut token = vec![kind];
    token.extend_from_slice(&status.to_le_bytes());
    token.extend_from_slice(&0xC1_u16.to_le_bytes());
    token.extend_from_slice(&count.unwrap_or(0).to_le_bytes());
    token
}

/// Columns: name, and TYPE_INFO bytes.
pub(crate) fn columns(columns: &[(&str, &[u8])]) -> Vec<u8> {
    let mut token = vec![0x81];
    token.extend_from_slice(&u16::try_from(columns.len()).unwrap().to_le_bytes());
    for (name, type_info) in columns {
        token.extend_from_slice(&[0, 0, 0, 0, 1, 0]);
        token.extend_from_slice(type_info);
        token.extend_from_slice(&byte_text(name));
    }
    token
}

pub(crate) const INT: &[u8] = &[0x26, 4];
pub(crate) const NVARCHAR_50: &[u8] = &[0xE7, 100, 0, 0x09, 0x04, 0xD0, 0x00, 0x34];
pub(crate) const NVARCHAR_MAX: &[u8] = &[0xE7, 0xFF, 0xFF, 0x09, 0x04, 0xD0, 0x00, 0x34];

/// A row of an `int` and an `nvarchar(50)`.
pub(crate) fn row(number: Option<i32>, text: Option<&str>) -> Vec<u8> {
    let mut token = vec![0xD1];
    match number {
        None => token.push(0),
        Some(number) => {
            token.push(4);
            token.extend_from_slice(&number.to_le_bytes());
        }
    }
    match text {
        None => token.extend_from_slice(&[0xFF, 0xFF]),
        Some(text) => {
            let bytes = utf16(text);
            token.extend_from_slice(&u16::try_from(bytes.len()).unwrap().to_le_bytes());
            token.extend_from_slice(&bytes);
        }
    }
    token
}

/// A value in chunks, with its total or without.
pub(crate) fn chunked(bytes: &[u8], chunk_bytes: usize, with_total: bool) -> Vec<u8> {
    let total = if with_total { bytes.len() as u64 } else { u64::MAX - 1 };
    let mut value = total.to_le_bytes().to_vec();
    for chunk in bytes.chunks(chunk_bytes) {
        value.extend_from_slice(&u32::try_from(chunk.len()).unwrap().to_le_bytes());
        value.extend_from_slice(chunk);
    }
    value.extend_from_slice(&[0; 4]);
    value
}
