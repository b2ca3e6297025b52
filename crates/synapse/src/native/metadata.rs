//! COLMETADATA: the columns of a result, their types, and how their values lie on the wire.
//!
//! Spec: <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/58880b9f-381c-43b2-bf8b-0727a98c4f4c>
//! and, for the types, <https://learn.microsoft.com/openspecs/windows_protocols/ms-tds/cbe9c510-eae6-4b1f-9893-a098944d430a>

use super::{
    collation::{self, Charset},
    cursor::{Cursor, Fault},
};

/// A server's limit is 4,096 columns in a `SELECT`.
/// Spec: <https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server>
const MAX_COLUMNS: u16 = 4_096;
/// In place of a column count: the statement returns no rows.
const NO_METADATA: u16 = 0xFFFF;
/// In place of a maximum length: `(max)`, whose values come in chunks.
const UNLIMITED: u16 = 0xFFFF;

/// A column of a result.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) nullable: bool,
    pub(crate) layout: Layout,
    pub(crate) sql_type: SqlType,
}

/// How a value's length is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layout {
    /// Always this many bytes, never NULL.
    Fixed(u8),
    /// A byte before it; 0 is NULL.
    ByteLength,
    /// Two bytes before it; 0xFFFF is NULL.
    ShortLength,
    /// In chunks (PLP).
    Chunked,
    /// A text pointer and a time stamp before its four bytes of length (`text`, `image`).
    TextPointer,
    /// Four bytes before it; 0 is NULL (`sql_variant`).
    LongLength,
}

/// What a value means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SqlType {
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Money,
    SmallMoney,
    Date,
    Time {
        scale: u8,
    },
    SmallDateTime,
    DateTime,
    DateTime2 {
        scale: u8,
    },
    DateTimeOffset {
        scale: u8,
    },
    Guid,
    Char(Charset),
    NChar,
    Binary,
    Xml,
    /// The untyped `NULL`.
    Null,
    /// No Arrow type for it; the text is its SQL name.
    Unsupported(&'static str),
}

/// Reads what follows the COLMETADATA token; `None` if the statement returns no rows.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Vec<Column>>, Fault> {
    let count = cursor.u16()?;
    if count == NO_METADATA {
        return Ok(None);
    }
    if count == 0 || count > MAX_COLUMNS {
        return Err(Fault::invalid(format!("the server announced {count} columns")));
    }
    let mut columns = Vec::with_capacity(count.into());
    for number in 1..=count {
        let _user_type = cursor.u32()?;
        let flags = cursor.u16()?;
        let token = cursor.u8()?;
        let (layout, sql_type) = parse_type(cursor, token).map_err(|fault| match fault {
            Fault::Short => Fault::Short,
            Fault::Invalid(detail) => Fault::Invalid(format!("column {number}: {detail}")),
        })?;
        if layout == Layout::TextPointer {
            // The name of the table it comes from, in parts.
            for _ in 0..cursor.u8()? {
                cursor.short_text()?;
            }
        }
        let mut name = cursor.byte_text()?;
        if name.is_empty() {
            name = format!("column_{number}");
        }
        // A fixed type has no way to say NULL, whatever the flag is.
        let nullable = flags & 0x0001 != 0 && !matches!(layout, Layout::Fixed(1..));
        columns.push(Column { name, nullable, layout, sql_type });
    }
    Ok(Some(columns))
}

/// Reads the TYPE_INFO that follows a type's token.
fn parse_type(cursor: &mut Cursor<'_>, token: u8) -> Result<(Layout, SqlType), Fault> {
    use SqlType::*;

    Ok(match token {
        0x1F => (Layout::Fixed(0), Null),
        0x30 => (Layout::Fixed(1), TinyInt),
        0x32 => (Layout::Fixed(1), Bit),
        0x34 => (Layout::Fixed(2), SmallInt),
        0x38 => (Layout::Fixed(4), Int),
        0x3A => (Layout::Fixed(4), SmallDateTime),
        0x3B => (Layout::Fixed(4), Real),
        0x3C => (Layout::Fixed(8), Money),
        0x3D => (Layout::Fixed(8), DateTime),
        0x3E => (Layout::Fixed(8), Float),
        0x7A => (Layout::Fixed(4), SmallMoney),
        0x7F => (Layout::Fixed(8), BigInt),

        0x24 => (Layout::ByteLength, by_size(cursor, "uniqueidentifier", &[(16, Guid)])?),
        0x26 => {
            let sizes = [(1, TinyInt), (2, SmallInt), (4, Int), (8, BigInt)];
            (Layout::ByteLength, by_size(cursor, "int", &sizes)?)
        }
        0x68 => (Layout::ByteLength, by_size(cursor, "bit", &[(1, Bit)])?),
        0x6D => (Layout::ByteLength, by_size(cursor, "float", &[(4, Real), (8, Float)])?),
        0x6E => (Layout::ByteLength, by_size(cursor, "money", &[(4, SmallMoney), (8, Money)])?),
        0x6F => {
            let sizes = [(4, SmallDateTime), (8, DateTime)];
            (Layout::ByteLength, by_size(cursor, "datetime", &sizes)?)
        }
        0x37 | 0x3F | 0x6A | 0x6C => (Layout::ByteLength, parse_decimal(cursor)?),
        0x28 => (Layout::ByteLength, Date),
        0x29 => (Layout::ByteLength, Time { scale: parse_scale(cursor)? }),
        0x2A => (Layout::ByteLength, DateTime2 { scale: parse_scale(cursor)? }),
        0x2B => (Layout::ByteLength, DateTimeOffset { scale: parse_scale(cursor)? }),

        0xA5 => (short_or_chunked(cursor.u16()?), Binary),
        0xAD => (short_or_chunked(cursor.u16()?), Binary),
        0xA7 | 0xAF => {
            let layout = short_or_chunked(cursor.u16()?);
            (layout, Char(collation::charset(cursor.array()?)))
        }
        0xE7 | 0xEF => {
            let layout = short_or_chunked(cursor.u16()?);
            cursor.array::<5>()?;
            (layout, NChar)
        }
        0xF1 => {
            if cursor.u8()? != 0 {
                // The schema collection: database, owner, name.
                cursor.byte_text()?;
                cursor.byte_text()?;
                cursor.short_text()?;
            }
            (Layout::Chunked, Xml)
        }

        0x22 => {
            cursor.u32()?;
            (Layout::TextPointer, Binary)
        }
        0x23 => {
            cursor.u32()?;
            (Layout::TextPointer, Char(collation::charset(cursor.array()?)))
        }
        0x63 => {
            cursor.u32()?;
            cursor.array::<5>()?;
            (Layout::TextPointer, NChar)
        }

        0x62 => {
            cursor.u32()?;
            (Layout::LongLength, Unsupported("sql_variant"))
        }
        0xF0 => {
            cursor.u16()?;
            // Database, schema and type name, then the assembly.
            cursor.byte_text()?;
            cursor.byte_text()?;
            cursor.byte_text()?;
            cursor.short_text()?;
            (Layout::Chunked, Unsupported("a CLR type such as geography or hierarchyid"))
        }
        _ => return Err(Fault::invalid(format!("unknown type {token:#04x}"))),
    })
}

fn by_size(
    cursor: &mut Cursor<'_>,
    family: &str,
    sizes: &[(u8, SqlType)],
) -> Result<SqlType, Fault> {
    let size = cursor.u8()?;
    sizes
        .iter()
        .find(|(known, _)| *known == size)
        .map(|(_, sql_type)| *sql_type)
        .ok_or_else(|| Fault::invalid(format!("{family} of {size} bytes")))
}

fn parse_decimal(cursor: &mut Cursor<'_>) -> Result<SqlType, Fault> {
    let _size = cursor.u8()?;
    let precision = cursor.u8()?;
    let scale = cursor.u8()?;
    if !(1..=38).contains(&precision) || scale > precision {
        return Err(Fault::invalid(format!("decimal({precision},{scale})")));
    }
    Ok(SqlType::Decimal { precision, scale })
}

fn parse_scale(cursor: &mut Cursor<'_>) -> Result<u8, Fault> {
    match cursor.u8()? {
        scale @ 0..=7 => Ok(scale),
        scale => Err(Fault::invalid(format!("a time with {scale} fractional digits"))),
    }
}

fn short_or_chunked(max_length: u16) -> Layout {
    if max_length == UNLIMITED { Layout::Chunked } else { Layout::ShortLength }
}

#[cfg(test)]
mod tests;
