//! The tokens of a reply, except rows and what describes them.
//!
//! Spec: MS-TDS 2.2.7

use super::{
    collation::Collation,
    login::{NONCE_BYTES, feature},
    prelogin::SERVER_VERSION,
    sql_error::SqlError,
};

/// How a statement, a procedure or a whole reply has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) kind: DoneKind,
    pub(super) more: bool,
    pub(super) failed: bool,
    pub(super) rows: Option<u64>,
    pub(super) command: u16,
}

/// Which of the three tokens says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DoneKind {
    /// The end of a statement of a batch.
    Statement = 0xfd,
    /// The end of a procedure.
    Procedure = 0xfe,
    /// The end of a statement within a procedure.
    InProcedure = 0xff,
}

impl Done {
    pub(super) fn new(kind: DoneKind) -> Self {
        Self { kind, more: false, failed: false, rows: None, command: 0 }
    }

    pub(super) fn selected(kind: DoneKind, rows: Option<u64>) -> Self {
        Self { rows, command: SELECT, ..Self::new(kind) }
    }

    pub(super) fn failed(kind: DoneKind) -> Self {
        Self { failed: true, ..Self::new(kind) }
    }

    pub(super) fn with_more(mut self, more: bool) -> Self {
        self.more = more;
        self
    }

    pub(super) fn write(self, out: &mut Vec<u8>) {
        let status = (u16::from(self.more) * DONE_MORE)
            | (u16::from(self.failed) * DONE_ERROR)
            | (u16::from(self.rows.is_some()) * DONE_COUNT);
        write_done(out, self.kind, status, self.command, self.rows.unwrap_or(0));
    }
}

/// The answer to an attention: the request is cancelled, nothing more comes.
pub(super) fn done_attention(out: &mut Vec<u8>) {
    write_done(out, DoneKind::Statement, DONE_ATTENTION, 0, 0);
}

fn write_done(out: &mut Vec<u8>, kind: DoneKind, status: u16, command: u16, rows: u64) {
    out.push(kind as u8);
    out.extend_from_slice(&status.to_le_bytes());
    out.extend_from_slice(&command.to_le_bytes());
    out.extend_from_slice(&rows.to_le_bytes());
}

/// An error, in the name of `server`.
pub(super) fn error(out: &mut Vec<u8>, server: &str, error: &SqlError) {
    message(out, 0xaa, server, error);
}

/// A message that is no error.
pub(super) fn info(out: &mut Vec<u8>, server: &str, number: i32, state: u8, text: &str) {
    let message_of_class_0 = SqlError::new(number, text).with_state(state).with_class(0);
    message(out, 0xab, server, &message_of_class_0);
}

fn message(out: &mut Vec<u8>, token: u8, server: &str, error: &SqlError) {
    with_length(out, token, |out| {
        out.extend_from_slice(&error.number.to_le_bytes());
        out.push(error.state);
        out.push(error.class);
        us_varchar(out, &error.message);
        b_varchar(out, server);
        b_varchar(out, "");
        out.extend_from_slice(&error.line.to_le_bytes());
    });
}

/// The login is accepted, in the version of the protocol that the client asked for.
pub(super) fn login_ack(out: &mut Vec<u8>, version: u32) {
    with_length(out, 0xad, |out| {
        out.push(1); // SQL_TSQL
        out.extend_from_slice(&version.to_be_bytes());
        b_varchar(out, "Microsoft SQL Server");
        out.extend_from_slice(&SERVER_VERSION);
    });
}

/// What of the features that the client named is used.
pub(super) fn feature_ack(
    out: &mut Vec<u8>,
    fedauth: Option<Option<[u8; NONCE_BYTES]>>,
    utf8: Option<bool>,
) {
    if fedauth.is_none() && utf8.is_none() {
        return;
    }
    out.push(0xae);
    if let Some(nonce) = fedauth {
        let nonce = nonce.as_ref().map_or(&[][..], |nonce| nonce);
        acknowledge(out, feature::FEDAUTH, nonce);
    }
    if let Some(supported) = utf8 {
        acknowledge(out, feature::UTF8, &[u8::from(supported)]);
    }
    out.push(feature::TERMINATOR);
}

fn acknowledge(out: &mut Vec<u8>, feature: u8, data: &[u8]) {
    out.push(feature);
    // At most a nonce.
    out.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
    out.extend_from_slice(data);
}

/// Where and for what a client can get itself a token.
pub(super) fn fedauth_info(out: &mut Vec<u8>, sts_url: &str, spn: &str) {
    let options = [(0x02_u8, utf16(spn)), (0x01, utf16(sts_url))];
    let mut info = u32::try_from(options.len()).unwrap_or(0).to_le_bytes().to_vec();
    let mut offset = 4 + options.len() * 9;
    for (id, data) in &options {
        info.push(*id);
        info.extend_from_slice(&u32::try_from(data.len()).unwrap_or(0).to_le_bytes());
        info.extend_from_slice(&u32::try_from(offset).unwrap_or(0).to_le_bytes());
        offset += data.len();
    }
    for (_, data) in options {
        info.extend(data);
    }
    out.push(0xee);
    out.extend_from_slice(&u32::try_from(info.len()).unwrap_or(0).to_le_bytes());
    out.extend(info);
}

/// Something of the session has changed.
#[derive(Debug)]
pub(super) enum EnvChange<'a> {
    BeginTransaction(u64),
    Collation(Collation),
    CommitTransaction(u64),
    Database { new: &'a str, old: &'a str },
    Language(&'a str),
    PacketBytes { new: usize, old: usize },
    RollbackTransaction(u64),
}

impl EnvChange<'_> {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        with_length(out, 0xe3, |out| match self {
            Self::BeginTransaction(id) => transaction(out, 8, Some(*id), None),
            Self::Collation(collation) => {
                out.push(7);
                out.push(5);
                out.extend_from_slice(&collation.wire());
                out.push(0);
            }
            Self::CommitTransaction(id) => transaction(out, 9, None, Some(*id)),
            Self::Database { new, old } => text(out, 1, new, old),
            Self::Language(new) => text(out, 2, new, ""),
            Self::PacketBytes { new, old } => text(out, 4, &new.to_string(), &old.to_string()),
            Self::RollbackTransaction(id) => transaction(out, 10, None, Some(*id)),
        });
    }
}

fn text(out: &mut Vec<u8>, kind: u8, new: &str, old: &str) {
    out.push(kind);
    b_varchar(out, new);
    b_varchar(out, old);
}

fn transaction(out: &mut Vec<u8>, kind: u8, new: Option<u64>, old: Option<u64>) {
    out.push(kind);
    for id in [new, old] {
        match id {
            Some(id) => {
                out.push(8);
                out.extend_from_slice(&id.to_le_bytes());
            }
            None => out.push(0),
        }
    }
}

/// What a procedure returned.
pub(super) fn return_status(out: &mut Vec<u8>, status: i32) {
    out.push(0x79);
    out.extend_from_slice(&status.to_le_bytes());
}

/// The value of an output parameter of type int: the handle of a prepared statement.
pub(super) fn return_int(out: &mut Vec<u8>, ordinal: u16, name: &str, value: i32) {
    out.push(0xac);
    out.extend_from_slice(&ordinal.to_le_bytes());
    b_varchar(out, name);
    out.push(1); // an output parameter
    out.extend_from_slice(&[0; 6]); // user type and flags
    out.extend_from_slice(&[0x26, 4, 4]);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a token whose body has its length in two bytes before it.
fn with_length(out: &mut Vec<u8>, token: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(token);
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    body(out);
    let length = u16::try_from(out.len() - at - 2).unwrap_or(u16::MAX);
    if let Some(place) = out.get_mut(at..at + 2) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

/// Appends text whose length in UTF-16 units stands before it in one byte; what is too long is cut.
pub(super) fn b_varchar(out: &mut Vec<u8>, text: &str) {
    let text = cut(text, usize::from(u8::MAX));
    out.push(u8::try_from(text.encode_utf16().count()).unwrap_or(u8::MAX));
    out.extend(utf16(text));
}

fn us_varchar(out: &mut Vec<u8>, text: &str) {
    // Leaves room for the rest of the token, whose length has two bytes too.
    let text = cut(text, MESSAGE_UNITS);
    out.extend_from_slice(&u16::try_from(text.encode_utf16().count()).unwrap_or(0).to_le_bytes());
    out.extend(utf16(text));
}

/// The longest start of `text` that has at most this many UTF-16 units.
fn cut(text: &str, units: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find_map(|(at, char)| {
        used += char.len_utf16();
        (used > units).then_some(at)
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// The versions of the protocol that are spoken.
pub(super) const TDS_7_4: u32 = 0x7400_0004;
pub(super) const TDS_8_0: u32 = 0x0800_0000;

/// The most text of a message, as in SQL Server.
const MESSAGE_UNITS: usize = 2047;

/// The statement that has ended was a SELECT.
const SELECT: u16 = 0xc1;

const DONE_MORE: u16 = 0x01;
const DONE_ERROR: u16 = 0x02;
const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_is_as_in_the_example_of_the_specification() {
        // MS-TDS 4.4, the DONE of the login response, with the row count of TDS 7.2 and later.
        let mut out = Vec::new();
        Done::new(DoneKind::Statement).write(&mut out);
        assert_eq!(out, [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        // MS-TDS 4.6: one row was selected.
        out.clear();
        Done::selected(DoneKind::Statement, Some(1)).write(&mut out);
        assert_eq!(out, [0xfd, 0x10, 0x00, 0xc1, 0x00, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_change_of_database_and_of_language_is_as_in_the_example_of_the_specification() {
        // MS-TDS 4.4
        let mut out = Vec::new();
        EnvChange::Database { new: "master", old: "master" }.write(&mut out);
        EnvChange::Language("us_english").write(&mut out);
        EnvChange::PacketBytes { new: 4096, old: 4096 }.write(&mut out);
        let mut expected = vec![0xe3, 0x1b, 0x00, 0x01, 0x06];
        expected.extend(b"m\0a\0s\0t\0e\0r\0\x06m\0a\0s\0t\0e\0r\0");
        expected.extend([0xe3, 0x17, 0x00, 0x02, 0x0a]);
        expected.extend(b"u\0s\0_\0e\0n\0g\0l\0i\0s\0h\0\0");
        expected.extend([0xe3, 0x13, 0x00, 0x04, 0x04]);
        expected.extend(b"4\x000\x009\x006\0\x044\x000\x009\x006\0");
        assert_eq!(out, expected);
    }

    #[test]
    fn a_long_message_is_cut_and_its_length_is_right() {
        let mut out = Vec::new();
        error(&mut out, "server", &SqlError::new(50_000, "😀".repeat(3000)));
        assert_eq!(out.len(), 3 + usize::from(u16::from_le_bytes([out[1], out[2]])));
        assert_eq!(u16::from_le_bytes([out[9], out[10]]), 2046);
    }

    #[test]
    fn fedauth_info_points_at_its_texts() {
        let mut out = Vec::new();
        fedauth_info(&mut out, "ab", "c");
        let info = &out[5..];
        assert_eq!(u32::from_le_bytes(out[1..5].try_into().unwrap()) as usize, info.len());
        for (option, id, expected) in [(4, 2, &b"c\0"[..]), (13, 1, &b"a\0b\0"[..])] {
            assert_eq!(info[option], id);
            let number =
                |at: usize| u32::from_le_bytes(info[at..at + 4].try_into().unwrap()) as usize;
            let (length, offset) = (number(option + 1), number(option + 5));
            assert_eq!(&info[offset..offset + length], expected);
        }
    }
}
