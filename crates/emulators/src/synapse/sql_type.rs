//! The types of SQL Server that a column can have: how they are written in T-SQL, and which one an
//! Arrow column gets if nobody has declared another.

use std::{fmt, str::FromStr};

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

use super::{collation::Collation, sql_error::SqlError};

/// A type with everything that COLMETADATA says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SqlType {
    BigInt,
    Binary { length: u16 },
    Bit,
    Char { length: u16, collation: Collation },
    Date,
    DateTime,
    DateTime2 { scale: u8 },
    DateTimeOffset { scale: u8 },
    Decimal { precision: u8, scale: u8 },
    Float,
    Int,
    Money,
    NChar { length: u16 },
    NVarChar { length: Length },
    Real,
    SmallDateTime,
    SmallInt,
    SmallMoney,
    Time { scale: u8 },
    TinyInt,
    UniqueIdentifier,
    VarBinary { length: Length },
    VarChar { length: Length, collation: Collation },
}

/// The most a column of variable length holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// Bytes, or UTF-16 units for nvarchar.
    Limited(u16),
    Max,
}

/// The key in the metadata of a field under which a Parquet file can declare the SQL type of a
/// column, `varchar(44)` or `money` say; a collation can follow, as in T-SQL.
pub(super) const DECLARED_TYPE: &str = "azconnect.sql_type";

/// The most UTF-16 units of an nvarchar that is not `max`.
pub(super) const MAX_NVARCHAR: u16 = 4000;

/// The most bytes of a varchar or varbinary that is not `max`.
pub(super) const MAX_VARCHAR: u16 = 8000;

impl SqlType {
    /// The type of a column of the result: the declared one, or what fits its Arrow type.
    pub(super) fn of(field: &Field) -> Result<Self, SqlError> {
        match field.metadata().get(DECLARED_TYPE) {
            Some(declared) => {
                declared.parse::<Self>().ok().filter(|one| one.takes(field.data_type())).ok_or_else(
                    || {
                        SqlError::new(
                            8115,
                            format!(
                                "Column '{}' is declared as {declared}, which cannot hold {}.",
                                field.name(),
                                field.data_type()
                            ),
                        )
                    },
                )
            }
            None => Self::of_arrow(field.data_type()).ok_or_else(|| {
                SqlError::unsupported(&format!(
                    "column '{}' of {}",
                    field.name(),
                    field.data_type()
                ))
            }),
        }
    }

    fn of_arrow(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Bit,
            DataType::UInt8 => Self::TinyInt,
            DataType::Int8 | DataType::Int16 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 | DataType::Null => Self::Int,
            DataType::Int64 | DataType::UInt32 => Self::BigInt,
            DataType::UInt64 => Self::Decimal { precision: 20, scale: 0 },
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Float,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => {
                let scale = u8::try_from(*scale).ok()?;
                if *precision > 38 || scale > *precision {
                    return None;
                }
                Self::Decimal { precision: *precision, scale }
            }
            DataType::Date32 => Self::Date,
            DataType::Date64 => Self::DateTime2 { scale: 3 },
            DataType::Time32(unit) | DataType::Time64(unit) => Self::Time { scale: scale_of(unit) },
            DataType::Timestamp(unit, None) => Self::DateTime2 { scale: scale_of(unit) },
            DataType::Timestamp(unit, Some(_)) => Self::DateTimeOffset { scale: scale_of(unit) },
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Self::NVarChar { length: Length::Limited(MAX_NVARCHAR) }
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                Self::VarBinary { length: Length::Limited(MAX_VARCHAR) }
            }
            DataType::FixedSizeBinary(bytes) => match u16::try_from(*bytes).ok()? {
                length @ 1..=MAX_VARCHAR => Self::Binary { length },
                _ => Self::VarBinary { length: Length::Max },
            },
            DataType::Dictionary(_, values) => return Self::of_arrow(values),
            DataType::RunEndEncoded(_, values) => return Self::of_arrow(values.data_type()),
            _ => return None,
        })
    }

    /// The Arrow type that values are brought to before they are encoded as this type.
    pub(super) fn arrow_type(self, found: &DataType) -> DataType {
        match self {
            Self::BigInt => DataType::Int64,
            Self::Bit => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Decimal { precision, scale } => decimal(precision, scale),
            Self::Float => DataType::Float64,
            Self::Int => DataType::Int32,
            Self::Money => decimal(19, 4),
            Self::Real => DataType::Float32,
            Self::SmallInt => DataType::Int16,
            Self::SmallMoney => decimal(10, 4),
            Self::TinyInt => DataType::UInt8,
            Self::UniqueIdentifier => DataType::FixedSizeBinary(16),
            Self::Time { .. } => DataType::Time64(TimeUnit::Nanosecond),
            Self::DateTime | Self::DateTime2 { .. } | Self::SmallDateTime => match values(found) {
                DataType::Timestamp(unit, _) => DataType::Timestamp(*unit, None),
                _ => DataType::Timestamp(TimeUnit::Millisecond, None),
            },
            Self::DateTimeOffset { .. } => values(found).clone(),
            Self::Char { .. }
            | Self::NChar { .. }
            | Self::NVarChar { .. }
            | Self::VarChar { .. } => match values(found) {
                text @ (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => text.clone(),
                _ => DataType::Utf8,
            },
            Self::Binary { .. } | Self::VarBinary { .. } => match values(found) {
                bytes @ (DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_)) => bytes.clone(),
                _ => DataType::Binary,
            },
        }
    }

    /// The collation of text.
    pub(super) fn collation(self) -> Option<Collation> {
        match self {
            Self::Char { collation, .. } | Self::VarChar { collation, .. } => Some(collation),
            Self::NChar { .. } | Self::NVarChar { .. } => Some(Collation::default()),
            _ => None,
        }
    }

    /// The Arrow type in which the engine computes with values of this type.
    pub(super) fn value_type(self) -> DataType {
        match self {
            Self::Binary { .. } | Self::VarBinary { .. } => DataType::Binary,
            Self::DateTime => DataType::Timestamp(TimeUnit::Millisecond, None),
            // The seventh decimal place is given up for the years that nanoseconds cannot hold.
            Self::DateTime2 { .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::DateTimeOffset { .. } => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
            }
            Self::SmallDateTime => DataType::Timestamp(TimeUnit::Second, None),
            other => other.arrow_type(&DataType::Null),
        }
    }

    /// Whether a column of this Arrow type may be declared as this type.
    pub(super) fn takes(self, found: &DataType) -> bool {
        let found = values(found);
        match self {
            Self::Char { .. }
            | Self::NChar { .. }
            | Self::NVarChar { .. }
            | Self::VarChar { .. } => {
                matches!(found, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
            }
            Self::Binary { .. } | Self::VarBinary { .. } => matches!(
                found,
                DataType::Binary
                    | DataType::LargeBinary
                    | DataType::BinaryView
                    | DataType::FixedSizeBinary(_)
            ),
            Self::UniqueIdentifier => *found == DataType::FixedSizeBinary(16),
            Self::Date => matches!(found, DataType::Date32 | DataType::Date64),
            Self::Time { .. } => matches!(found, DataType::Time32(_) | DataType::Time64(_)),
            Self::DateTime | Self::DateTime2 { .. } | Self::SmallDateTime => {
                matches!(found, DataType::Timestamp(_, None) | DataType::Date64)
            }
            Self::DateTimeOffset { .. } => matches!(found, DataType::Timestamp(_, Some(_))),
            Self::Bit => matches!(found, DataType::Boolean),
            Self::BigInt
            | Self::Decimal { .. }
            | Self::Float
            | Self::Int
            | Self::Money
            | Self::Real
            | Self::SmallInt
            | Self::SmallMoney
            | Self::TinyInt => found.is_numeric() || found.is_null(),
        }
    }
}

fn decimal(precision: u8, scale: u8) -> DataType {
    // The scale is at most 38.
    DataType::Decimal128(precision, scale.cast_signed())
}

/// The type of the values, whichever way they are stored.
fn values(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        DataType::RunEndEncoded(_, values) => values.data_type(),
        other => other,
    }
}

fn scale_of(unit: &TimeUnit) -> u8 {
    match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 7,
    }
}

/// A text that names no type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownType;

impl FromStr for SqlType {
    type Err = UnknownType;

    fn from_str(text: &str) -> Result<Self, UnknownType> {
        let text = text.trim().to_ascii_lowercase();
        let (text, collation) = match text.split_once(" collate ") {
            Some((text, name)) => {
                (text.trim_end(), Collation::parse(name.trim()).ok_or(UnknownType)?)
            }
            None => (text.as_str(), Collation::default()),
        };
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => {
                (name.trim_end(), Some(rest.strip_suffix(')').ok_or(UnknownType)?.trim()))
            }
            None => (text, None),
        };
        let fixed = |most: u16| match arguments.map(str::parse) {
            None => Ok(1),
            Some(Ok(length)) if (1..=most).contains(&length) => Ok(length),
            Some(_) => Err(UnknownType),
        };
        let variable = |most: u16| match arguments {
            Some("max") => Ok(Length::Max),
            _ => fixed(most).map(Length::Limited),
        };
        let scale = || match arguments.map(str::parse) {
            None => Ok(7),
            Some(Ok(scale @ 0..=7)) => Ok(scale),
            Some(_) => Err(UnknownType),
        };
        let plain =
            |sql_type: Self| if arguments.is_none() { Ok(sql_type) } else { Err(UnknownType) };
        match name {
            "bigint" => plain(Self::BigInt),
            "binary" => Ok(Self::Binary { length: fixed(MAX_VARCHAR)? }),
            "bit" => plain(Self::Bit),
            "char" => Ok(Self::Char { length: fixed(MAX_VARCHAR)?, collation }),
            "date" => plain(Self::Date),
            "datetime" => plain(Self::DateTime),
            "datetime2" => Ok(Self::DateTime2 { scale: scale()? }),
            "datetimeoffset" => Ok(Self::DateTimeOffset { scale: scale()? }),
            "decimal" | "numeric" => {
                let (precision, scale) = match arguments {
                    None => (18, 0),
                    Some(arguments) => {
                        let (precision, scale) =
                            arguments.split_once(',').unwrap_or((arguments, "0"));
                        let number =
                            |text: &str| text.trim().parse::<u8>().map_err(|_| UnknownType);
                        (number(precision)?, number(scale)?)
                    }
                };
                if !(1..=38).contains(&precision) || scale > precision {
                    return Err(UnknownType);
                }
                Ok(Self::Decimal { precision, scale })
            }
            // 1 to 24 bits of mantissa are a real, up to 53 a float.
            "float" => match arguments.map(str::parse::<u8>) {
                None | Some(Ok(25..=53)) => Ok(Self::Float),
                Some(Ok(1..=24)) => Ok(Self::Real),
                Some(_) => Err(UnknownType),
            },
            "int" | "integer" => plain(Self::Int),
            "money" => plain(Self::Money),
            "nchar" => Ok(Self::NChar { length: fixed(MAX_NVARCHAR)? }),
            "nvarchar" => Ok(Self::NVarChar { length: variable(MAX_NVARCHAR)? }),
            "real" => plain(Self::Real),
            "smalldatetime" => plain(Self::SmallDateTime),
            "smallint" => plain(Self::SmallInt),
            "smallmoney" => plain(Self::SmallMoney),
            "sysname" => Ok(Self::NVarChar { length: Length::Limited(128) }),
            "time" => Ok(Self::Time { scale: scale()? }),
            "tinyint" => plain(Self::TinyInt),
            "uniqueidentifier" => plain(Self::UniqueIdentifier),
            "varbinary" => Ok(Self::VarBinary { length: variable(MAX_VARCHAR)? }),
            "varchar" => Ok(Self::VarChar { length: variable(MAX_VARCHAR)?, collation }),
            _ => Err(UnknownType),
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BigInt => f.write_str("bigint"),
            Self::Binary { length } => write!(f, "binary({length})"),
            Self::Bit => f.write_str("bit"),
            Self::Char { length, .. } => write!(f, "char({length})"),
            Self::Date => f.write_str("date"),
            Self::DateTime => f.write_str("datetime"),
            Self::DateTime2 { scale } => write!(f, "datetime2({scale})"),
            Self::DateTimeOffset { scale } => write!(f, "datetimeoffset({scale})"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            Self::Float => f.write_str("float"),
            Self::Int => f.write_str("int"),
            Self::Money => f.write_str("money"),
            Self::NChar { length } => write!(f, "nchar({length})"),
            Self::NVarChar { length } => write!(f, "nvarchar({length})"),
            Self::Real => f.write_str("real"),
            Self::SmallDateTime => f.write_str("smalldatetime"),
            Self::SmallInt => f.write_str("smallint"),
            Self::SmallMoney => f.write_str("smallmoney"),
            Self::Time { scale } => write!(f, "time({scale})"),
            Self::TinyInt => f.write_str("tinyint"),
            Self::UniqueIdentifier => f.write_str("uniqueidentifier"),
            Self::VarBinary { length } => write!(f, "varbinary({length})"),
            Self::VarChar { length, .. } => write!(f, "varchar({length})"),
        }
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited(length) => write!(f, "{length}"),
            Self::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_written_as_in_t_sql() {
        for (text, expected) in [
            ("varchar(44)", "varchar(44)"),
            ("VARCHAR ( MAX )", "varchar(max)"),
            ("char", "char(1)"),
            ("numeric(10, 4)", "decimal(10,4)"),
            ("float(24)", "real"),
            ("datetime2", "datetime2(7)"),
            ("time(0)", "time(0)"),
            ("sysname", "nvarchar(128)"),
        ] {
            assert_eq!(text.parse::<SqlType>().unwrap().to_string(), expected, "{text}");
        }
        for text in [
            "varchar(0)",
            "nvarchar(4001)",
            "char(max)",
            "decimal(39,0)",
            "int(4)",
            "xml",
            "time(8)",
        ] {
            assert_eq!(text.parse::<SqlType>(), Err(UnknownType), "{text}");
        }
    }

    #[test]
    fn a_collation_can_follow_a_type() {
        assert_eq!(
            "varchar(3) COLLATE Latin1_General_100_CI_AS_SC_UTF8".parse(),
            Ok(SqlType::VarChar { length: Length::Limited(3), collation: Collation::Utf8 })
        );
        assert_eq!("varchar(3) collate Klingon_CI_AS".parse::<SqlType>(), Err(UnknownType));
    }

    #[test]
    fn a_declared_type_that_cannot_hold_the_values_is_refused() {
        let field = |declared: &str, data_type| {
            Field::new("c", data_type, true)
                .with_metadata([(DECLARED_TYPE.to_owned(), declared.to_owned())].into())
        };
        assert_eq!(SqlType::of(&field("money", DataType::Decimal128(19, 4))), Ok(SqlType::Money));
        SqlType::of(&field("money", DataType::Utf8)).unwrap_err();
        SqlType::of(&field("uniqueidentifier", DataType::FixedSizeBinary(8))).unwrap_err();
        SqlType::of(&field("nonsense", DataType::Int32)).unwrap_err();
    }

    #[test]
    fn types_without_a_counterpart_are_refused() {
        for data_type in [
            DataType::Decimal256(50, 2),
            DataType::Decimal128(10, -2),
            DataType::Duration(TimeUnit::Second),
            DataType::new_list(DataType::Int32, true),
        ] {
            let error = SqlType::of(&Field::new("c", data_type, true)).unwrap_err();
            assert_eq!(error.number, 40517);
        }
    }
}
