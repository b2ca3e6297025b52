//! The columns of a result, and the token that describes them.
//!
//! Spec: MS-TDS 2.2.7.4 and 2.2.5.6

use super::{
    collation::Collation,
    sql_type::{Length, SqlType},
    token::b_varchar,
};

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Empty if the statement gives it none.
    pub(super) name: String,
    pub(super) sql_type: SqlType,
    pub(super) nullable: bool,
}

/// How a value is laid out after its column was described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Nothing before the value; it cannot be NULL.
    Fixed,
    /// The length in one byte; 0 is NULL.
    ByteLength,
    /// The length in two bytes; 0xffff is NULL.
    ShortLength,
    /// Chunks with a length each.
    Chunked,
}

impl Column {
    pub(super) fn layout(&self) -> Layout {
        match self.sql_type {
            SqlType::Char { .. } | SqlType::NChar { .. } | SqlType::Binary { .. } => {
                Layout::ShortLength
            }
            SqlType::NVarChar { length }
            | SqlType::VarBinary { length }
            | SqlType::VarChar { length, .. } => match length {
                Length::Limited(_) => Layout::ShortLength,
                Length::Max => Layout::Chunked,
            },
            _ if !self.nullable && fixed_type(self.sql_type).is_some() => Layout::Fixed,
            _ => Layout::ByteLength,
        }
    }

    /// Appends what COLMETADATA says about the column.
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0; 4]); // user type
        let flags = MAYBE_UPDATABLE | (u16::from(self.nullable) * NULLABLE);
        out.extend_from_slice(&flags.to_le_bytes());
        match fixed_type(self.sql_type) {
            Some(fixed) if self.layout() == Layout::Fixed => out.push(fixed),
            _ => type_info(self.sql_type, out),
        }
        b_varchar(out, &self.name);
    }
}

/// Appends the token that describes the columns of the rows to come.
pub(super) fn col_metadata(columns: &[Column], out: &mut Vec<u8>) {
    out.push(0x81);
    // The planner refuses results with more columns than fit.
    out.extend_from_slice(&u16::try_from(columns.len()).unwrap_or(u16::MAX).to_le_bytes());
    for column in columns {
        column.write(out);
    }
}

/// How many columns a result can have, as in SQL Server.
pub(super) const MAX_COLUMNS: usize = 4096;

/// The type of a column that can be NULL, with its length and what else belongs to it.
fn type_info(sql_type: SqlType, out: &mut Vec<u8>) {
    let length_of = |length: Length, unit: u16| match length {
        Length::Limited(length) => (length * unit).to_le_bytes(),
        Length::Max => [0xff; 2],
    };
    let mut text = |token: u8, length: [u8; 2], collation: Collation| {
        out.push(token);
        out.extend_from_slice(&length);
        out.extend_from_slice(&collation.wire());
    };
    match sql_type {
        SqlType::Char { length, collation } => {
            text(token::BIG_CHAR, length.to_le_bytes(), collation)
        }
        SqlType::NChar { length } => {
            text(token::NCHAR, (length * 2).to_le_bytes(), Collation::default());
        }
        SqlType::NVarChar { length } => {
            text(token::NVARCHAR, length_of(length, 2), Collation::default());
        }
        SqlType::VarChar { length, collation } => {
            text(token::BIG_VARCHAR, length_of(length, 1), collation);
        }
        SqlType::Binary { length } => {
            out.push(token::BIG_BINARY);
            out.extend_from_slice(&length.to_le_bytes());
        }
        SqlType::VarBinary { length } => {
            out.push(token::BIG_VARBINARY);
            out.extend_from_slice(&length_of(length, 1));
        }
        SqlType::Date => out.push(token::DATE),
        SqlType::Time { scale } => out.extend_from_slice(&[token::TIME, scale]),
        SqlType::DateTime2 { scale } => out.extend_from_slice(&[token::DATETIME2, scale]),
        SqlType::DateTimeOffset { scale } => out.extend_from_slice(&[token::DATETIMEOFFSET, scale]),
        SqlType::Decimal { precision, scale } => {
            out.extend_from_slice(&[token::DECIMAL, decimal_bytes(precision), precision, scale]);
        }
        SqlType::UniqueIdentifier => out.extend_from_slice(&[token::GUID, 16]),
        SqlType::Bit => out.extend_from_slice(&[token::BIT, 1]),
        SqlType::TinyInt => out.extend_from_slice(&[token::INT, 1]),
        SqlType::SmallInt => out.extend_from_slice(&[token::INT, 2]),
        SqlType::Int => out.extend_from_slice(&[token::INT, 4]),
        SqlType::BigInt => out.extend_from_slice(&[token::INT, 8]),
        SqlType::Real => out.extend_from_slice(&[token::FLOAT, 4]),
        SqlType::Float => out.extend_from_slice(&[token::FLOAT, 8]),
        SqlType::SmallMoney => out.extend_from_slice(&[token::MONEY, 4]),
        SqlType::Money => out.extend_from_slice(&[token::MONEY, 8]),
        SqlType::SmallDateTime => out.extend_from_slice(&[token::DATETIME, 4]),
        SqlType::DateTime => out.extend_from_slice(&[token::DATETIME, 8]),
    }
}

/// The type of a column that is never NULL, for the types that have one of their own for it.
fn fixed_type(sql_type: SqlType) -> Option<u8> {
    Some(match sql_type {
        SqlType::TinyInt => 0x30,
        SqlType::Bit => 0x32,
        SqlType::SmallInt => 0x34,
        SqlType::Int => 0x38,
        SqlType::SmallDateTime => 0x3a,
        SqlType::Real => 0x3b,
        SqlType::Money => 0x3c,
        SqlType::DateTime => 0x3d,
        SqlType::Float => 0x3e,
        SqlType::SmallMoney => 0x7a,
        SqlType::BigInt => 0x7f,
        _ => return None,
    })
}

/// How many bytes a decimal has, with its sign.
pub(super) fn decimal_bytes(precision: u8) -> u8 {
    match precision {
        ..10 => 5,
        10..20 => 9,
        20..29 => 13,
        _ => 17,
    }
}

/// The tokens of types that have a length or can be NULL.
pub(super) mod token {
    pub(crate) const BIG_BINARY: u8 = 0xad;
    pub(crate) const BIG_CHAR: u8 = 0xaf;
    pub(crate) const BIG_VARBINARY: u8 = 0xa5;
    pub(crate) const BIG_VARCHAR: u8 = 0xa7;
    pub(crate) const BIT: u8 = 0x68;
    pub(crate) const DATE: u8 = 0x28;
    pub(crate) const DATETIME: u8 = 0x6f;
    pub(crate) const DATETIME2: u8 = 0x2a;
    pub(crate) const DATETIMEOFFSET: u8 = 0x2b;
    pub(crate) const DECIMAL: u8 = 0x6a;
    pub(crate) const FLOAT: u8 = 0x6d;
    pub(crate) const GUID: u8 = 0x24;
    pub(crate) const INT: u8 = 0x26;
    pub(crate) const MONEY: u8 = 0x6e;
    pub(crate) const NCHAR: u8 = 0xef;
    pub(crate) const NVARCHAR: u8 = 0xe7;
    pub(crate) const TIME: u8 = 0x29;
}

const NULLABLE: u16 = 0x01;

/// SQL Server says so of every column of a SELECT.
const MAYBE_UPDATABLE: u16 = 0x08;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sql_type: &str, nullable: bool, expected: &[u8]) {
        let column = Column { name: "bar".into(), sql_type: sql_type.parse().unwrap(), nullable };
        let mut out = Vec::new();
        col_metadata(&[column], &mut out);
        let mut whole = vec![0x81, 1, 0, 0, 0, 0, 0, 8 + u8::from(nullable), 0];
        whole.extend(expected);
        whole.extend(b"\x03b\0a\0r\0");
        assert_eq!(out, whole, "{sql_type}");
    }

    #[test]
    fn columns_are_described_as_the_specification_says() {
        // MS-TDS 4.6: the result of `select 'foo' as 'bar'`.
        check("varchar(3)", true, &[0xa7, 3, 0, 9, 4, 0xd0, 0, 0x34]);
        check("nvarchar(4000)", true, &[0xe7, 0x40, 0x1f, 9, 4, 0xd0, 0, 0x34]);
        check("nvarchar(max)", true, &[0xe7, 0xff, 0xff, 9, 4, 0xd0, 0, 0x34]);
        check("decimal(38,10)", true, &[0x6a, 17, 38, 10]);
        check("decimal(9,2)", false, &[0x6a, 5, 9, 2]);
        check("int", true, &[0x26, 4]);
        check("int", false, &[0x38]);
        check("date", false, &[0x28]);
        check("datetimeoffset(6)", true, &[0x2b, 6]);
        check("varbinary(max)", true, &[0xa5, 0xff, 0xff]);
        check("uniqueidentifier", true, &[0x24, 16]);
    }
}
