//! The tokens of a reply, all but rows.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/7091f6f6-b83d-4ed2-afeb-ba5013dfb18f>

use super::{
    cursor::{Cursor, Fault},
    metadata::{self, Column},
};
use crate::message::ServerMessage;

pub(super) const ROW: u8 = 0xD1;
pub(super) const NBC_ROW: u8 = 0xD2;

/// One token of a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Token {
    /// The columns of the rows to come; `None` if none come.
    Columns(Option<Vec<Column>>),
    /// A statement is done.
    Done(Done),
    /// Something of the connection changed.
    Environment(Change),
    Error(ServerMessage),
    Info(ServerMessage),
    /// The login was accepted.
    LoginAck,
    /// A row comes next; it is not consumed.
    Row,
    /// Something that matters to nobody here.
    Skipped,
}

/// The end of one statement, or of all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Done {
    /// Nothing follows in this reply.
    pub(super) last: bool,
    /// The statement failed.
    pub(super) failed: bool,
    /// How many rows it returned or changed, if it counted them.
    pub(super) row_count: Option<u64>,
}

/// A change of the connection's environment that a client must follow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Change {
    PacketBytes(usize),
    /// Log in there instead.
    Route {
        host: String,
        port: u16,
    },
    Other,
}

/// Reads the token at the front of `data`; returns it and its length.
pub(super) fn parse(data: &[u8]) -> Result<(Token, usize), Fault> {
    let mut cursor = Cursor::new(data);
    let kind = cursor.u8()?;
    let token = match kind {
        ROW | NBC_ROW => return Ok((Token::Row, 0)),
        0x81 => Token::Columns(metadata::parse(&mut cursor)?),
        0xFD..=0xFF => parse_done(kind, &mut cursor)?,
        0xAA => Token::Error(whole(cursor.short_block()?, parse_message)?),
        0xAB => Token::Info(whole(cursor.short_block()?, parse_message)?),
        0xE3 => Token::Environment(whole(cursor.short_block()?, parse_change)?),
        0xAD => {
            cursor.short_block()?;
            Token::LoginAck
        }
        // RETURNSTATUS
        0x79 => {
            cursor.u32()?;
            Token::Skipped
        }
        // TABNAME, COLINFO, ORDER, SSPI
        0xA4 | 0xA5 | 0xA9 | 0xED => {
            cursor.short_block()?;
            Token::Skipped
        }
        // SESSIONSTATE, FEDAUTHINFO
        0xE4 | 0xEE => {
            cursor.long_block()?;
            Token::Skipped
        }
        // FEATUREEXTACK
        0xAE => {
            while cursor.u8()? != 0xFF {
                cursor.long_block()?;
            }
            Token::Skipped
        }
        _ => return Err(Fault::invalid(format!("unknown token {kind:#04x}"))),
    };
    Ok((token, cursor.position()))
}

/// Reads a body of known length, in which running short is a fault of the server.
fn whole<T>(body: &[u8], read: impl Fn(&mut Cursor<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
    read(&mut Cursor::new(body)).map_err(|fault| match fault {
        Fault::Short => Fault::invalid("a token is shorter than its fields"),
        fault => fault,
    })
}

fn parse_done(kind: u8, cursor: &mut Cursor<'_>) -> Result<Token, Fault> {
    const DONE_IN_PROC: u8 = 0xFF;
    const MORE: u16 = 0x0001;
    const ERROR: u16 = 0x0002;
    const COUNT: u16 = 0x0010;
    const SERVER_ERROR: u16 = 0x0100;

    let status = cursor.u16()?;
    let _command = cursor.u16()?;
    let count = cursor.u64()?;
    Ok(Token::Done(Done {
        // Within a procedure something always follows: at least the procedure's own end.
        last: kind != DONE_IN_PROC && status & MORE == 0,
        failed: status & (ERROR | SERVER_ERROR) != 0,
        row_count: (status & COUNT != 0).then_some(count),
    }))
}

fn parse_message(cursor: &mut Cursor<'_>) -> Result<ServerMessage, Fault> {
    Ok(ServerMessage {
        number: cursor.u32()?,
        state: cursor.u8()?,
        class: cursor.u8()?,
        text: cursor.short_text()?,
        server: cursor.byte_text()?,
        procedure: cursor.byte_text()?,
        line: cursor.u32()?,
    })
}

fn parse_change(cursor: &mut Cursor<'_>) -> Result<Change, Fault> {
    const PACKET_SIZE: u8 = 4;
    const ROUTING: u8 = 20;

    match cursor.u8()? {
        PACKET_SIZE => {
            let text = cursor.byte_text()?;
            match text.parse() {
                Ok(bytes @ 512..=32_767) => Ok(Change::PacketBytes(bytes)),
                _ => Err(Fault::invalid(format!("a packet size of `{text}`"))),
            }
        }
        ROUTING => {
            let _length = cursor.u16()?;
            let protocol = cursor.u8()?;
            let port = cursor.u16()?;
            let host = cursor.short_text()?;
            if protocol != 0 || port == 0 || host.is_empty() {
                return Err(Fault::invalid("a redirect to nowhere"));
            }
            Ok(Change::Route { host, port })
        }
        _ => Ok(Change::Other),
    }
}

#[cfg(test)]
mod tests;
